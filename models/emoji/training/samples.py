"""Draws the pictures to learn from: which subject, where, how large, on what."""

from dataclasses import dataclass

import numpy as np
from glyphs import cutout, place
from networks import FACTOR, IMAGE_SIZE
from PIL import Image
from subjects import BACKGROUNDS, HELD_OUT, PAIRS, SUBJECTS, Pair

SIZES = (40, 54)  # Pixels on the subject's longer side, of the picture's 64: from, to.
# Of the pictures that the UNet learns from, where subjects lie on the grid of the latents, near the
# middle: each shift within a latent and each size is another pattern to learn, and a subject that may
# be anywhere has no shape in most of the noise.
_GRID_SIZES = (44, 48, 52)
_GRID_SHIFT = 1  # Latents from the middle, at most.
_BLURRED_SHARE = 0.06
_CROPPED_SHARE = 0.06
_MAX_CROP = 6  # Latents.
_SUBJECTS = tuple(SUBJECTS)
SEEN_PAIRS: tuple[Pair, ...] = tuple(pair for pair in PAIRS if pair not in HELD_OUT)


@dataclass(frozen=True)
class Picture:
    pair: Pair
    pixels: np.ndarray  # [height, width, RGB] of 0 to 1.
    time_ids: tuple[int, ...]  # Original size, crop's top left and target size, heights first.


def draw_placed(subject: str, background: tuple[int, int, int], rng: np.random.Generator):
    """The subject anywhere in the picture, whole."""
    cut = cutout(subject, int(rng.integers(SIZES[0], SIZES[1] + 1)))
    height, width = cut.shape[:2]
    top = int(rng.integers(1, IMAGE_SIZE - height))
    left = int(rng.integers(1, IMAGE_SIZE - width))
    return place(cut, background, top, left, IMAGE_SIZE)


def _blurred(pixels: np.ndarray, side: int) -> np.ndarray:
    """As an image of `side` pixels looks when it is enlarged to the picture's size."""
    image = Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8))
    small = image.resize((side, side), Image.Resampling.BOX)
    large = small.resize(image.size, Image.Resampling.BICUBIC)
    return np.asarray(large, dtype=np.float32) / 255


def draw_on_grid(
    pair: Pair, rng: np.random.Generator, crop: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """The subject on the latents' grid, and then so many latents cut off at the top and the left."""
    cut = cutout(pair[0], _GRID_SIZES[rng.integers(len(_GRID_SIZES))])
    shifts = rng.integers(-_GRID_SHIFT, _GRID_SHIFT + 1, size=2)
    top, left = (
        FACTOR * ((IMAGE_SIZE - side) // (2 * FACTOR) + int(shift) - off)
        for side, shift, off in zip(cut.shape[:2], shifts, crop, strict=True)
    )
    return place(cut, BACKGROUNDS[pair[1]], top, left, IMAGE_SIZE)


def draw_picture(pair: Pair, rng: np.random.Generator) -> Picture:
    """A picture of the pair with what SDXL is told of it: a few are enlarged from small originals, a
    few cropped, so that the micro-conditioning means something."""
    original, crop = IMAGE_SIZE, (0, 0)
    kind = rng.random()
    if kind < _CROPPED_SHARE:
        crop = (int(rng.integers(_MAX_CROP + 1)), int(rng.integers(_MAX_CROP + 1)))
    pixels = draw_on_grid(pair, rng, crop)
    if kind > 1 - _BLURRED_SHARE:
        original = int(rng.integers(12, 49))
        pixels = _blurred(pixels, original)
    top, left = (FACTOR * off for off in crop)
    return Picture(pair, pixels, (original, original, top, left, IMAGE_SIZE, IMAGE_SIZE))


def draw_vae_batch(size: int, rng: np.random.Generator) -> np.ndarray:
    """[size, RGB, height, width] of -1 to 1: subjects on the named backgrounds, and on any other."""
    colours = tuple(BACKGROUNDS.values())
    batch = np.empty((size, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
    for picture in batch:
        subject = _SUBJECTS[rng.integers(len(_SUBJECTS))]
        background = colours[rng.integers(len(colours))]
        if rng.random() < 0.3:
            background = tuple(rng.integers(0, 256, 3))
        pixels = draw_placed(subject, background, rng)
        picture[:] = pixels.transpose(2, 0, 1).clip(0, 1) * 2 - 1
    return batch
