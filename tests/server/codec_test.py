"""Image files in and out against Pillow, bit for bit where the format allows it."""

import io
import random
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from draws import seeded_random
from live_server import program

pytestmark = pytest.mark.timeout(180)

_ORIENTATION = 0x0112
_USER_COMMENT = 0x9286
_IMAGE_DESCRIPTION = 0x010E
_EXIF_FOLDER = 0x8769


def convert(*words, data: bytes) -> subprocess.CompletedProcess:
    command = [str(program("convert_image")), *map(str, words)]
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)


def read(file: bytes, *size: int) -> np.ndarray:
    done = convert("read", *size, data=file)
    assert done.returncode == 0, done.stderr
    header, _, pixels = done.stdout.partition(b"\n")
    width, height = map(int, header.split())
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def read_by_pillow(file: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB")


def draw_image(rng: random.Random, mode: str) -> Image.Image:
    """Waves and noise, so that both flat parts and edges occur."""
    width, height = rng.randint(1, 150), rng.randint(1, 150)
    y, x = np.mgrid[0:height, 0:width] / rng.uniform(2, 40)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 8, (height, width, 3))
    waves = np.stack([np.sin(x + y * k) for k in (0.3, 1, 2)], -1)
    pixels = np.clip(waves * 127 + 128 + noise, 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(np.clip(pixels[..., 0], 0, 255)))
        return image.convert(mode)
    return image.convert(mode)


def save(image: Image.Image, kind: str, orientation: int, **options) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    if orientation != 1:
        exif[_ORIENTATION] = orientation
    image.save(file, kind, exif=exif, **options)
    return file.getvalue()


def png_of(image: Image.Image, rng: random.Random) -> bytes:
    options = {"transparency": 3} if image.mode == "P" and rng.random() < 0.5 else {}
    return save(image, "PNG", rng.randint(1, 8), **options)


def jpeg_of(image: Image.Image, rng: random.Random) -> bytes:
    return save(
        image,
        "JPEG",
        rng.randint(1, 8),
        quality=rng.randint(5, 100),
        progressive=rng.random() < 0.5,
        subsampling=rng.randint(0, 2) if image.mode != "L" else -1,
    )


def webp_of(image: Image.Image, rng: random.Random) -> bytes:
    lossless = {"lossless": True, "exact": True}
    options = lossless if rng.random() < 0.5 else {"quality": rng.randint(5, 100)}
    return save(image, "WEBP", rng.randint(1, 8), **options)


@pytest.mark.parametrize(
    "write, mode",
    [
        *((png_of, mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
        *((jpeg_of, mode) for mode in ("L", "RGB", "CMYK")),
        *((webp_of, mode) for mode in ("RGB", "RGBA")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_file_of_any_kind_is_read_as_by_pillow(write, mode):
    rng = seeded_random()
    for _ in range(16):
        file = write(draw_image(rng, mode), rng)
        expected = np.asarray(read_by_pillow(file))
        assert np.array_equal(read(file), expected)


def interlaced_png(pixels: np.ndarray) -> bytes:
    """Pillow writes none: the seven passes of Adam7, each row unfiltered."""
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    data = b""
    for top, left, down, right in passes:
        part = pixels[top::down, left::right]
        if part.size:
            data += b"".join(b"\0" + row.tobytes() for row in part)
    height, width = pixels.shape[:2]
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)),
        (b"IDAT", zlib.compress(data)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def test_interlaced_png_is_read():
    rng = seeded_random()
    for _ in range(10):
        pixels = np.asarray(draw_image(rng, "RGB"))
        file = interlaced_png(pixels)
        assert np.array_equal(np.asarray(read_by_pillow(file)), pixels)
        assert np.array_equal(read(file), pixels)


def test_lanczos_is_pillows_bit_for_bit():
    rng = seeded_random()
    for _ in range(60):
        image = draw_image(rng, "RGB")
        width = rng.choice((image.width, rng.randint(1, 400), rng.randint(1, 20)))
        height = rng.choice((image.height, rng.randint(1, 400), rng.randint(1, 20)))
        file = save(image, "PNG", 1)
        expected = image.resize((width, height), Image.Resampling.LANCZOS)
        assert np.array_equal(read(file, width, height), np.asarray(expected)), (
            image.size,
            (width, height),
        )


def write(kind: str, image: Image.Image, quality: int, parameters: str, request: str) -> bytes:
    done = convert(
        "write", kind, quality, *image.size, parameters, request, data=image.tobytes()
    )
    assert done.returncode == 0
    return done.stdout


def draw_text(rng: random.Random) -> str:
    letters = "a \n,:é東🍎" if rng.random() < 0.5 else "abc \n,:\"\\"
    return "".join(rng.choices(letters, k=rng.randint(1, 300)))


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_written_file_carries_its_texts_where_pillow_finds_them(kind):
    rng = seeded_random()
    for _ in range(12):
        parameters, request = draw_text(rng), '{"request": {"prompt": "\\u6771"}}'
        file = write(kind, draw_image(rng, "RGB"), rng.randint(1, 100), parameters, request)
        with Image.open(io.BytesIO(file)) as opened:
            exif = opened.getexif()
            assert exif[_IMAGE_DESCRIPTION].rstrip("\0") == request
            comment = exif.get_ifd(_EXIF_FOLDER)[_USER_COMMENT]
        encoding = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16-be"}[comment[:8]]
        assert comment[8:].decode(encoding) == parameters


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_written_file_is_nearer_the_better_its_quality(kind):
    image = draw_image(random.Random(1), "RGB").resize((96, 96))
    pixels = np.asarray(image).astype(float)
    errors, sizes = [], []
    for quality in (10, 50, 80, 95, 100):
        file = write(kind, image, quality, "p", "{}")
        errors.append(np.abs(np.asarray(read_by_pillow(file)) - pixels).mean())
        sizes.append(len(file))
        assert np.array_equal(read(file), np.asarray(read_by_pillow(file)))
    assert errors == sorted(errors, reverse=True) and errors[-1] < 4
    assert sizes == sorted(sizes)
