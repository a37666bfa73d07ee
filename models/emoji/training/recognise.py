"""Tells what a picture shows, by comparing it with freshly rendered subjects. No training in it."""

from dataclasses import dataclass

import numpy as np
import torch
from glyphs import cutout
from networks import IMAGE_SIZE
from samples import SIZES
from subjects import BACKGROUNDS, SUBJECTS

_FRAME = 2  # Pixels along the edges that are taken for background.
_SIZE_STEP = 2


def _measured_background(pixels: np.ndarray) -> np.ndarray:
    """The median of the picture's frame: RGB of 0 to 1."""
    inner = np.ones(pixels.shape[:2], dtype=bool)
    inner[_FRAME:-_FRAME, _FRAME:-_FRAME] = False
    return np.median(pixels[inner], axis=0)


def background_of(pixels: np.ndarray) -> str:
    """The name of the background colour that is nearest to the picture's, [height, width, RGB] of 0
    to 1."""
    colour = _measured_background(pixels)
    return min(
        BACKGROUNDS,
        key=lambda name: float(np.abs(np.asarray(BACKGROUNDS[name]) / 255 - colour).sum()),
    )


@dataclass(frozen=True)
class Sighting:
    subject: str
    centre: tuple[float, float]  # Row and column of the picture, in pixels.


class Recogniser:
    """Finds the subject that is nearest to a picture's, in least squares over every place and every
    size that training pictures have, once both are without their background.

    A cutout without its background is its colours minus opacity times the background's colour, which
    is linear; so all spectra are made once, whatever the backgrounds."""

    def __init__(self):
        self._sizes = sizes = range(SIZES[0], SIZES[1] + 1, _SIZE_STEP)
        cuts = np.zeros((len(SUBJECTS), len(sizes), 4, IMAGE_SIZE, IMAGE_SIZE), np.float32)
        for of_subject, subject in zip(cuts, SUBJECTS, strict=True):
            for of_size, size in zip(of_subject, sizes, strict=True):
                cut = cutout(subject, size)
                of_size[:, : cut.shape[0], : cut.shape[1]] = cut.transpose(2, 0, 1)
        self._cuts = torch.from_numpy(cuts).flatten(0, 1)  # [cutouts, RGBA, height, width].
        self._spectra = torch.fft.rfft2(self._cuts)

    def find(self, pixels: np.ndarray) -> Sighting:
        """In [height, width, RGB] of 0 to 1."""
        colour = torch.from_numpy(_measured_background(pixels)).float().view(3, 1, 1)
        seen = torch.from_numpy(pixels).float().permute(2, 0, 1) - colour
        spectra = self._spectra[:, :3] - self._spectra[:, 3:] * colour
        energies = (self._cuts[:, :3] - self._cuts[:, 3:] * colour).square().sum((1, 2, 3))
        # Of |seen - moved cutout|^2, all that depends on the place is the correlation.
        products = (torch.fft.rfft2(seen) * spectra.conj()).sum(dim=1)
        correlations = torch.fft.irfft2(products, s=(IMAGE_SIZE, IMAGE_SIZE))
        nearest = int((energies - 2 * correlations.amax((1, 2))).argmin())
        place = divmod(int(correlations[nearest].argmax()), IMAGE_SIZE)
        number, size = divmod(nearest, len(self._sizes))
        subject = tuple(SUBJECTS)[number]
        shape = cutout(subject, self._sizes[size]).shape
        # Places wrap around: one cut off at the top begins near the bottom.
        row, column = (
            (begin + side / 2) % IMAGE_SIZE for begin, side in zip(place, shape[:2], strict=True)
        )
        return Sighting(subject, (row, column))
