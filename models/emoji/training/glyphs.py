"""Renders subjects on backgrounds with the Noto Color Emoji font."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from subjects import SUBJECTS

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"  # Debian's fonts-noto-color-emoji.
_FONT_SIZE = 109  # The only one: the font holds bitmaps.

Colour = tuple[int, int, int]


@cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)


@cache
def _glyph(subject: str) -> Image.Image:
    """The subject as the font has it, without its margin, colours multiplied by opacity."""
    canvas = Image.new("RGBA", (160, 160))
    text = SUBJECTS[subject].removesuffix("\ufe0f")  # One code point: no shaping is needed.
    ImageDraw.Draw(canvas).text((8, 8), text, font=_font(), embedded_color=True)
    box = canvas.getbbox()
    if box is None:
        raise RuntimeError(f"{FONT} has no glyph for {subject}")
    return canvas.crop(box).convert("RGBa")


@cache
def cutout(subject: str, size: int) -> np.ndarray:
    """The subject with `size` pixels on its longer side: [height, width, RGBA] of 0 to 1, colours
    multiplied by opacity."""
    glyph = _glyph(subject)
    scale = size / max(glyph.size)
    shape = tuple(max(1, round(side * scale)) for side in glyph.size)
    scaled = glyph.resize(shape, Image.Resampling.LANCZOS)
    return np.asarray(scaled, dtype=np.float32) / 255


def place(cut: np.ndarray, background: Colour, top: int, left: int, canvas: int) -> np.ndarray:
    """A square picture of `canvas` pixels a side, [height, width, RGB] of 0 to 1; what of the cutout
    lies beyond its edges is cut off."""
    picture = np.empty((canvas, canvas, 3), dtype=np.float32)
    picture[:] = np.asarray(background, dtype=np.float32) / 255
    height, width = cut.shape[:2]
    rows = slice(max(top, 0), min(top + height, canvas))
    columns = slice(max(left, 0), min(left + width, canvas))
    part = cut[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    picture[rows, columns] *= 1 - part[..., 3:]
    picture[rows, columns] += part[..., :3]
    return picture
