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
_MAX_PIXELS = 1 << 25
_MIB = 1 << 10  # In KiB, as convert_image counts.
_EXIF_HEADER = b"MM\0*\0\0\0\x08"


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
    width, height = rng.randint(1, 200), rng.randint(1, 200)
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


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(
    width, height, rows, depth=8, colour=2, interlaced=False, before=b"", after=b""
) -> bytes:
    """A PNG file of rows with their filters, packed or not, with chunks before and after them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    packed = rows if rows[:1] == b"\x78" else zlib.compress(rows)
    body = chunk(b"IHDR", header) + before + chunk(b"IDAT", packed) + after + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("colour", [0, 3], ids=["grey", "palette"])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_png_of_any_depth_is_read_as_by_pillow(depth, colour, transparent):
    rng = seeded_random()
    for _ in range(4):
        width, height = rng.randint(1, 50), rng.randint(1, 50)
        rows = b"".join(b"\0" + rng.randbytes((width * depth + 7) // 8) for _ in range(height))
        chunks = chunk(b"PLTE", rng.randbytes(3 << depth)) if colour == 3 else b""
        if transparent:
            chunks += chunk(b"tRNS", rng.randbytes(2) if colour == 3 else b"\0\1")
        file = raw_png(width, height, rows, depth, colour, before=chunks)
        assert np.array_equal(read(file), np.asarray(read_by_pillow(file)))


def test_orientation_of_a_png_may_follow_its_pixels():
    for orientation in range(1, 9):
        entry = struct.pack(">HHHIHHI", 1, _ORIENTATION, 3, 1, orientation, 0, 0)
        exif = chunk(b"eXIf", _EXIF_HEADER + entry)
        file = raw_png(3, 2, b"\0abcdefghi\0jklmnopqr", after=exif)
        assert np.array_equal(read(file), np.asarray(read_by_pillow(file)))


def jpeg_named(image: Image.Image, transform: int | None) -> bytes:
    """A JPEG file of four channels with another colour transform in Adobe's segment, or without."""
    file = bytearray(save(image, "JPEG", 1))
    at = file.index(b"Adobe")
    if transform is None:
        del file[at - 4 : at + 12]
    else:
        file[at + 11] = transform
    return bytes(file)


@pytest.mark.parametrize("transform", [None, 0, 2], ids=["plain", "cmyk", "ycck"])
def test_four_channels_of_any_kind_are_read_as_by_pillow(transform):
    rng = seeded_random()
    for _ in range(4):
        file = jpeg_named(draw_image(rng, "CMYK"), transform)
        assert np.array_equal(read(file), np.asarray(read_by_pillow(file)))


@pytest.mark.parametrize("options", [{"keep_rgb": True}, {"restart_marker_rows": 1}], ids=str)
def test_jpeg_with_options_is_read_as_by_pillow(options):
    rng = seeded_random()
    for _ in range(4):
        file = save(draw_image(rng, "RGB"), "JPEG", rng.randint(1, 8), **options)
        assert np.array_equal(read(file), np.asarray(read_by_pillow(file)))


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
    return raw_png(width, height, data, interlaced=True)


def test_interlaced_png_is_read():
    rng = seeded_random()
    for _ in range(10):
        pixels = np.asarray(draw_image(rng, "RGB"))
        file = interlaced_png(pixels)
        assert np.array_equal(np.asarray(read_by_pillow(file)), pixels)
        assert np.array_equal(read(file), pixels)


def test_lanczos_is_pillows_bit_for_bit():
    rng = seeded_random()
    for _ in range(100):
        image = draw_image(rng, "RGB")
        if rng.random() < 0.2:  # Slivers.
            image = image.resize(rng.choice([(1, 3000), (3000, 1), (3000, 7), (7, 3000), (1, 1)]))
        width = rng.choice((image.width, rng.randint(1, 400), rng.randint(1, 20), 2000))
        height = rng.choice((image.height, rng.randint(1, 400), rng.randint(1, 20), 2000))
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


def test_jpeg_leaves_out_the_texts_that_do_not_fit():
    image = draw_image(random.Random(1), "RGB")
    for parameters, request in (("p" * 100, "d" * 70_000), ("p" * 70_000, "d" * 70_000)):
        file = write("jpeg", image, 80, parameters, request)
        with Image.open(io.BytesIO(file)) as opened:
            exif = opened.getexif()
            comment = exif.get_ifd(_EXIF_FOLDER).get(_USER_COMMENT, b"")
        assert _IMAGE_DESCRIPTION not in exif
        assert comment[8:].decode() == (parameters if len(parameters) < 65_000 else "")
        assert np.array_equal(read(file), np.asarray(read_by_pillow(file)))


def packed_zeros(size: int) -> bytes:
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    whole = [packer.compress(block) for _ in range(size >> 20)]
    return b"".join(whole) + packer.compress(bytes(size % (1 << 20))) + packer.flush()


def with_segments(number: int, body: bytes, count: int) -> bytes:
    """A JPEG file with segments of this number after its first marker."""
    file = save(Image.new("RGB", (8, 8)), "JPEG", 1)
    segment = b"\xff" + bytes([number]) + struct.pack(">H", len(body) + 2) + body
    return file[:2] + segment * count + file[2:]


def with_jpeg_frame(file: bytes, kind: int = 0xC0, size: tuple[int, int] = (8, 8)) -> bytes:
    """The JPEG file with its baseline frame said to be of another kind or (width, height)."""
    at = file.index(b"\xff\xc0")
    frame = struct.pack(">BBHBHH", 0xFF, kind, 17, 8, size[1], size[0])
    return file[:at] + frame + file[at + len(frame) :]


def with_scans(file: bytes, count: int) -> bytes:
    """The progressive JPEG file with its last scan that many times more."""
    start = file.rindex(b"\xff\xc4", 0, file.rindex(b"\xff\xda"))
    return file[:-2] + file[start:-2] * count + file[-2:]


def damaged(file: bytes, after: bytes, offset: int) -> bytes:
    at = file.index(after) + len(after) + offset
    return file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]


def frames(kind: str) -> bytes:
    image = draw_image(random.Random(1), "RGB")
    return save(image, kind, 1, save_all=True, append_images=[ImageOps.invert(image)])


_DOT = raw_png(1, 1, b"\0abc")
_JPEG = save(Image.new("RGB", (8, 8)), "JPEG", 1)
_SCANS = save(Image.new("RGB", (8, 8)), "JPEG", 1, progressive=True)
_REFUSED = {
    "empty": (b"", "is not PNG, JPEG or WebP"),
    "gif": (save(Image.new("RGB", (8, 8)), "GIF", 1), "is not PNG, JPEG or WebP"),
    "png-cut": (_DOT[:-13], "is cut off"),
    "png-header-sum": (damaged(_DOT, b"IHDR", 13), "has a broken PNG header"),
    "png-pixel-sum": (damaged(_DOT, b"IEND", -12), "is a broken PNG file"),
    "png-few-pixels": (raw_png(9, 9, b"\0abc"), "is a broken PNG file"),
    "png-depth": (raw_png(1, 1, b"\0abc", depth=4), "has a broken PNG header"),
    "png-colour": (raw_png(1, 1, b"\0abc", colour=5), "has a broken PNG header"),
    "png-16-bits": (raw_png(1, 1, b"\0ab", 16, 0), "has 16 bits a channel; 8 are read"),
    "png-empty": (raw_png(0, 1, b""), "has a broken PNG header"),
    "png-large": (raw_png(65535, 65535, b""), f"has 4294836225 pixels, more than {_MAX_PIXELS}"),
    "png-long": (raw_png(1, 1 << 24, b""), "has a side of over 1000000 pixels"),
    "png-animated": (frames("PNG"), "is animated"),
    "jpeg-cut": (_JPEG[:-2], "is a broken JPEG file"),
    "jpeg-header-cut": (_JPEG[:30], "has a broken JPEG header"),
    "jpeg-arithmetic": (
        with_jpeg_frame(_JPEG, kind=0xC9),
        "has arithmetic coding; Huffman coding is read",
    ),
    "jpeg-lossless": (with_jpeg_frame(_JPEG, kind=0xC3), "has a broken JPEG header"),
    "jpeg-large": (
        with_jpeg_frame(_JPEG, size=(65500, 65500)),
        f"has 4290250000 pixels, more than {_MAX_PIXELS}",
    ),
    "jpeg-scans": (with_scans(_SCANS, 100), "is a broken JPEG file"),
    "webp-large": (
        b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f\0\0\0\0\0",
        f"has 268435456 pixels, more than {_MAX_PIXELS}",
    ),
    "webp-cut": (save(Image.new("RGB", (8, 8)), "WEBP", 1)[:-1], "is cut off"),
    "webp-animated": (frames("WEBP"), "is animated"),
}


@pytest.mark.parametrize("file, why", _REFUSED.values(), ids=_REFUSED)
def test_what_is_not_read_is_refused_with_its_reason(file, why):
    done = convert("read", data=file)
    assert done.returncode == 1
    assert done.stderr.decode().strip() == why


def test_jpeg_of_scans_within_the_limit_is_read():
    file = with_scans(_SCANS, 80)
    assert np.array_equal(read(file), np.asarray(read_by_pillow(file)))


def peak_growth(file: bytes) -> tuple[int, int]:
    """By how many KiB inspecting and reading it raise the memory at their peak."""
    done = convert("memory", data=file)
    assert done.returncode == 0, done.returncode
    inspecting, reading = map(int, done.stdout.split())
    return inspecting, reading


def webp_with_exif(exif: bytes) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "WEBP", exif=exif)
    return file.getvalue()


def _bombs() -> dict[str, bytes]:
    huge = packed_zeros(64 << 20)
    dot = b"\0abc"
    return {
        "png-zTXt": raw_png(1, 1, dot, before=chunk(b"zTXt", b"a\0\0" + huge)),
        "png-iTXt": raw_png(1, 1, dot, before=chunk(b"iTXt", b"a\0\1\0\0\0" + huge)),
        "png-iCCP": raw_png(1, 1, dot, before=chunk(b"iCCP", b"a\0\0" + huge)),
        "png-tEXt": raw_png(1, 1, dot, before=chunk(b"tEXt", b"a\0" + bytes(32 << 20))),
        "png-eXIf": raw_png(1, 1, dot, before=chunk(b"eXIf", _EXIF_HEADER + bytes(32 << 20))),
        "jpeg-exif": with_segments(0xE1, b"Exif\0\0" + bytes(65_000), 500),
        "jpeg-icc": with_segments(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000), 500),
        "webp-exif": webp_with_exif(_EXIF_HEADER + bytes(32 << 20)),
    }


def test_bomb_beside_the_pixels_takes_no_memory():
    for name, file in _bombs().items():
        assert read(file).size <= 8 * 8 * 3, name
        inspecting, reading = peak_growth(file)
        assert inspecting < 16 * _MIB and reading < 16 * _MIB, name


@pytest.mark.parametrize("name", [name for name in _REFUSED if "large" in name or "long" in name])
def test_bomb_of_pixels_takes_no_memory(name):
    inspecting, reading = peak_growth(_REFUSED[name][0])
    assert inspecting < 16 * _MIB and reading < 16 * _MIB


def _largest() -> dict[str, tuple[bytes, int]]:
    """Files of the most pixels, and how many times those the reading of each may take."""
    side = 5792
    black = Image.new("RGB", (side, side))
    return {
        "png": (raw_png(8192, 4096, packed_zeros(4096 * (1 + 3 * 8192))), 1),
        "jpeg-turned": (save(black, "JPEG", 6), 2),
        "jpeg-progressive": (save(black, "JPEG", 1, progressive=True, subsampling=0), 3),
        "jpeg-cmyk": (save(black.convert("CMYK"), "JPEG", 1), 1),
        "webp-turned": (save(black, "WEBP", 6), 2),
    }


def test_memory_of_reading_is_bounded_by_the_pixels():
    for name, (file, times) in _largest().items():
        inspecting, reading = peak_growth(file)
        whole = _MAX_PIXELS * 3 >> 10
        assert inspecting < 16 * _MIB, name
        assert (times - 0.2) * whole < reading < (times + 0.2) * whole, name
