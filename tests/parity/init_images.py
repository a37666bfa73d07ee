"""Draws pictures to begin from, as files of every kind."""

import io
import random

import numpy as np
from PIL import Image

_ORIENTATION = 0x0112


def draw_picture(rng: random.Random) -> bytes:
    """A smooth picture with a little noise, its sides not multiples of 8, in some format."""
    height, width = rng.randint(40, 260), rng.randint(40, 260)
    y, x = np.mgrid[0:height, 0:width] / 60.0
    waves = [
        np.sin(x * rng.uniform(0.3, 2) + y * rng.uniform(0.3, 2) + rng.uniform(0, 6))
        for _ in range(3)
    ]
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 6, (height, width, 3))
    pixels = np.clip(np.stack(waves, -1) * 100 + 128 + noise, 0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if rng.random() < 0.3:
        picture.putalpha(rng.randint(0, 255))
    exif = Image.Exif()
    if rng.random() < 0.5:
        exif[_ORIENTATION] = rng.randint(1, 8)
    file = io.BytesIO()
    match rng.choice(("PNG", "JPEG", "WEBP", "WEBP lossless")):
        case "PNG":
            picture.save(file, "PNG", exif=exif)
        case "JPEG":
            picture.convert("RGB").save(file, "JPEG", quality=rng.randint(60, 100), exif=exif)
        case "WEBP":
            picture.save(file, "WEBP", quality=rng.randint(60, 100), exif=exif)
        case _:
            picture.save(file, "WEBP", lossless=True, exact=True, exif=exif)
    return file.getvalue()
