"""`darkroom generate` against a real server: its files, its report, its exit statuses."""

import json
import pathlib
import re
import signal
import subprocess

import numpy
import pytest
from PIL import Image

from draws import draw_prompt, seeded_random
from live_server import LiveServer, clean_environment, program, wait_until
from pictures import assert_same_picture, pixels_of, raw_request

pytestmark = pytest.mark.timeout(300)

SHEET_GAP = 4  # kSheetGap of client/cli/contact_sheet.h.
PROMPTS = 8
NOBODY = "127.0.0.1:1"
TOO_LONG = "a" * (9 << 10)


@pytest.fixture(scope="module")
def server():
    # A window long enough that prompts sent at once share their passes on a busy machine too.
    with LiveServer("--batch-window", "500ms") as live:
        yield live


def command(address, *arguments):
    return [program("darkroom"), "--server", address, "generate", *map(str, arguments)]


def generate(address, *arguments):
    return subprocess.run(
        command(address, *arguments),
        capture_output=True,
        text=True,
        timeout=240,
        env=clean_environment(),
    )


def report_of(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def png_pixels(path):
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return numpy.asarray(image)


def alone(server, **fields):
    """The first image's pixels as the Python stub gets them from a request of its own."""
    reply = server.stub.GenerateImages(raw_request(**fields), timeout=240)
    return pixels_of(reply.images[0])


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_prompts_sent_at_once_share_passes_and_keep_their_own_images(server, tmp_path):
    rng = seeded_random()
    prompts = [draw_prompt(rng) for _ in range(PROMPTS)]
    seeds = [rng.getrandbits(32) for _ in range(PROMPTS)]
    steps = [rng.randint(2, 12) for _ in range(PROMPTS)]
    guidance = [round(rng.uniform(0, 9), 2) for _ in range(PROMPTS)]
    done = generate(
        server.address,
        *prompts,
        "--json",
        "--grid",
        "--output",
        tmp_path,
        "--seed",
        ",".join(map(str, seeds)),
        "--steps",
        ",".join(map(str, steps)),
        "--guidance",
        ",".join(map(str, guidance)),
    )
    report = report_of(done)
    assert report["errors"] == []
    assert report["batch_sizes"]["max"] > 1
    assert [image["prompt"] for image in report["images"]] == prompts
    assert [image["seed"] for image in report["images"]] == seeds
    for i, image in enumerate(report["images"]):
        path = pathlib.Path(image["file"])
        assert path == tmp_path / f"{image['request_id']}-0-{seeds[i]}.png"
        expected = alone(
            server,
            prompt=prompts[i],
            seed=seeds[i],
            num_inference_steps=steps[i],
            guidance_scale=guidance[i],
        )
        assert_same_picture(png_pixels(path), expected, what=prompts[i])

    sheet = png_pixels(tmp_path / "contact-sheet.png")
    height, width, _ = png_pixels(report["images"][0]["file"]).shape
    expected_shape = tuple(SHEET_GAP + 3 * (side + SHEET_GAP) for side in (height, width))
    assert sheet.shape[:2] == expected_shape  # Eight images on three by three.
    for i, image in enumerate(report["images"]):
        top = SHEET_GAP + i // 3 * (height + SHEET_GAP)
        left = SHEET_GAP + i % 3 * (width + SHEET_GAP)
        cell = sheet[top : top + height, left : left + width]
        assert (cell == png_pixels(image["file"])).all()
    assert len(names_in(tmp_path)) == PROMPTS + 1  # No leftovers of half-written files.


def test_a_failing_prompt_spares_the_others(server, tmp_path):
    done = generate(
        server.address,
        "a red apple",
        TOO_LONG,
        "a cat",
        "--steps",
        2,
        "--seed",
        "1,2,3",
        "--output",
        tmp_path,
        "--grid",
    )
    assert done.returncode == 1
    assert re.search(r'^prompt 2 "a+\.\.\.": INVALID_ARGUMENT: .*prompt', done.stderr, re.MULTILINE)
    assert "2 of 3 images done: " in done.stderr
    images = [path for path in tmp_path.iterdir() if path.name != "contact-sheet.png"]
    assert sorted(path.stem.rsplit("-", 1)[1] for path in images) == ["1", "3"]
    assert all(png_pixels(path).size for path in images)
    assert png_pixels(tmp_path / "contact-sheet.png").size
    assert done.stdout.splitlines()[-1].startswith("2 images in ")


def test_the_report_has_a_line_for_every_image(server, tmp_path):
    done = generate(
        server.address,
        "a red apple",
        "a cat",
        "--seed",
        "7,40",
        "--num-images",
        2,
        "--steps",
        2,
        "--output",
        tmp_path,
        "--grid=all.png",
    )
    assert done.returncode == 0, done.stderr
    *images, sheet, summary = done.stdout.splitlines()
    found = [re.fullmatch(r"(.+-\d-\d+\.png)  seed (\d+)  (.+)", line).groups() for line in images]
    assert [(int(seed), prompt) for _, seed, prompt in found] == [
        (7, "a red apple"),
        (8, "a red apple"),
        (40, "a cat"),
        (41, "a cat"),
    ]
    assert all(pathlib.Path(path).is_file() for path, _, _ in found)
    assert sheet.startswith(str(tmp_path / "all.png"))
    assert re.fullmatch(
        r"4 images in \d+\.\d s; passes held (\d+ rows?|\d+-\d+ rows, \d+\.\d on average)", summary
    )
    assert done.stderr.count("images done: ") == 4
    height, width, _ = png_pixels(found[0][0]).shape
    expected_shape = tuple(SHEET_GAP + 2 * (side + SHEET_GAP) for side in (height, width))
    assert png_pixels(tmp_path / "all.png").shape[:2] == expected_shape  # A row for each prompt.


def test_raw_images_are_the_pixels_themselves(server, tmp_path):
    done = generate(
        server.address,
        "a red apple",
        "--seed",
        5,
        "--steps",
        2,
        "--size",
        "72x40",
        "--negative",
        "",
        "--format",
        "raw",
        "--output",
        tmp_path,
        "--json",
    )
    (image,) = report_of(done)["images"]
    assert (image["width"], image["height"]) == (72, 40)
    assert image["file"].endswith("-0-5.rgb")
    written = pathlib.Path(image["file"]).read_bytes()
    pixels = numpy.frombuffer(written, numpy.uint8).reshape(40, 72, 3)
    expected = alone(
        server,
        prompt="a red apple",
        seed=5,
        num_inference_steps=2,
        width=72,
        height=40,
        negative_prompt="",
    )
    assert_same_picture(pixels, expected)


@pytest.mark.parametrize(
    "name, kind, extension", [("jpeg", "JPEG", "jpg"), ("webp", "WEBP", "webp")]
)
def test_formats_name_their_files_and_quality_sets_their_size(
    server, tmp_path, name, kind, extension
):
    sizes = []
    for quality in (20, 95):
        flags = ["--seed", 5, "--steps", 2, "--format", name, "--quality", quality]
        done = generate(server.address, "a red apple", *flags, "--output", tmp_path, "--json")
        (image,) = report_of(done)["images"]
        assert image["file"].endswith(f"-0-5.{extension}")
        with Image.open(image["file"]) as picture:
            assert (picture.format, picture.size) == (kind, (64, 64))
            pixels = numpy.asarray(picture.convert("RGB")).astype(int)
        sizes.append(pathlib.Path(image["file"]).stat().st_size)
        expected = alone(server, prompt="a red apple", seed=5, num_inference_steps=2)
        assert numpy.abs(pixels - expected).mean() < 16  # As lossy as that may be.
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("count", [1, 2])
def test_init_images_go_to_all_prompts_or_one_to_each(server, tmp_path, count):
    rng = seeded_random()
    files = []
    for index in range(count):
        noise = numpy.frombuffer(rng.randbytes(8 * 8 * 3), numpy.uint8).reshape(8, 8, 3)
        files.append(tmp_path / f"init {index}.png")
        Image.fromarray(noise).resize((64, 64)).save(files[-1])
    prompts = [draw_prompt(rng) for _ in range(2)]
    done = generate(
        server.address,
        *prompts,
        "--seed",
        7,
        "--steps",
        8,
        "--strength",
        "0.25,0.5",
        *(word for file in files for word in ("--init-image", file)),
        "--output",
        tmp_path / "out",
        "--json",
    )
    for index, image in enumerate(report_of(done)["images"]):
        init = {"data": files[index % count].read_bytes(), "strength": (0.25, 0.5)[index]}
        expected = alone(
            server, prompt=prompts[index], seed=7, num_inference_steps=8, init_image=init
        )
        assert_same_picture(png_pixels(image["file"]), expected, prompts[index])


def test_the_server_draws_seeds_that_make_the_image_again(server, tmp_path):
    done = generate(server.address, "a cat", "--steps", 2, "--output", tmp_path, "--json")
    (image,) = report_of(done)["images"]
    expected = alone(server, prompt="a cat", seed=image["seed"], num_inference_steps=2)
    assert_same_picture(png_pixels(image["file"]), expected)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a", "b", "c", "--seed", "1,2"),
        ("a", "--seed", "-1"),
        ("a", "--size", "64"),
        ("a", "--scheduler", "nonesuch"),
        ("a", "--format", "jpg"),
        ("a", "--grid", "--format", "webp"),
        ("a", "--strength", "0.3"),
        ("a", "--init-image", "none.png"),
        ("a", "--init-image", __file__, "--strength", "0"),
        ("a", "b", "c", "--init-image", __file__, "--init-image", __file__),
        ("--negative=", "a"),
    ],
    ids=" ".join,
)
def test_bad_usage_exits_2_without_asking_the_server(tmp_path, arguments):
    done = generate(NOBODY, *arguments, "--output", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert names_in(tmp_path) == []


def test_the_server_comes_from_the_environment_and_its_absence_is_told(tmp_path):
    done = subprocess.run(
        [program("darkroom"), "generate", "a", "--output", tmp_path, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment({"DARKROOM_SERVER": NOBODY}),
    )
    assert done.returncode == 1
    assert "UNAVAILABLE" in done.stderr and NOBODY in done.stderr
    report = json.loads(done.stdout)
    assert [error["code"] for error in report["errors"]] == ["UNAVAILABLE"]
    assert report["images"] == []
    assert names_in(tmp_path) == []


def test_an_unwritable_folder_is_a_failure(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = generate(NOBODY, "a", "--output", tmp_path / "file" / "below")
    assert done.returncode == 1
    assert "cannot make the folder" in done.stderr


def test_ctrl_c_cancels_the_calls(server, tmp_path):
    running = subprocess.Popen(
        command(
            server.address, *["a cat"] * 4, "--steps", 150, "--num-images", 16, "--output", tmp_path
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    with running:
        wait_until(lambda: server.metric("darkroom_live_calls") >= 4, "four calls at the server")
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "interrupted" in errors
    assert "CANCELLED" not in errors
    assert output.startswith("0 images in ")
    wait_until(lambda: server.metric("darkroom_live_calls") == 0, "the server free again", 60)
    assert names_in(tmp_path) == []
    assert generate(server.address, "a cat", "--steps", 2, "--output", tmp_path).returncode == 0


def test_version_and_help():
    for flag, expected in (
        ("--version", r"darkroom \d+\.\d+\.\d+"),
        ("--help", r"(?s).*generate.*"),
    ):
        done = subprocess.run(
            [program("darkroom"), flag], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0
        assert re.fullmatch(expected, done.stdout.strip())
