"""The examples run as they stand, and show what their README says."""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from live_server import LiveServer, clean_environment, program
from pictures import assert_same_picture, pixels_of, raw_request
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(240)

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.sh"))
NAME = re.compile(r"[0-9a-f]{16}-\d+-(\d+)\.png")
SHARED = re.compile(r"passes held (?:\d+-)?(\d+) rows")
CHOSEN = 2  # The seed that same-seed.sh takes over from several-seeds.sh.


class Picture(NamedTuple):
    seed: int
    prompt: str
    pixels: np.ndarray


@pytest.fixture(scope="module")
def server():
    # A window long enough that prompts sent at once share their passes on a busy machine too.
    with LiveServer("--batch-window", "500ms") as live:
        yield live


def run(server, *command) -> str:
    """What the command prints; it finds the programs under test, and the server."""
    found = {"PATH": f"{program('darkroom').parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=clean_environment({**found, "DARKROOM_SERVER": server.address}),
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def runs(server, tmp_path_factory) -> dict[str, tuple[Path, str]]:
    """Each example's folder and what it printed, by its name."""
    root = tmp_path_factory.mktemp("with spaces in its name")
    return {
        script.stem: (root / script.stem, run(server, script, root / script.stem))
        for script in EXAMPLES
    }


def pictures(folder: Path) -> list[Picture]:
    """Those whose names have a seed, in its order; each as the embedded model makes them."""
    found = []
    for path in folder.glob("*.png"):
        if not (match := NAME.fullmatch(path.name)):
            continue
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (64, 64)), path
            prompt = image.info["parameters"].splitlines()[0]
            found.append(Picture(int(match[1]), prompt, np.asarray(image)))
    return sorted(found, key=lambda picture: (picture.seed, picture.prompt))


def init_files(folder: Path) -> dict[int, Path]:
    """The images that image-to-image.sh made to begin from, by their seeds."""
    paths = folder.glob("begin-*/*.png")
    return {int(NAME.fullmatch(path.name)[1]): path for path in paths}


def pixels_in(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def alone(server, **fields) -> np.ndarray:
    reply = server.stub.GenerateImages(raw_request(**fields), timeout=60)
    return pixels_of(reply.images[0])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_every_example_is_in_the_readme_and_leaves_its_sheet(runs):
    readme = (REPOSITORY / "examples/README.md").read_text()
    assert sorted(re.findall(r"\]\(([\w-]+\.sh)\)", readme)) == [path.name for path in EXAMPLES]
    for name, (folder, _) in runs.items():
        with Image.open(folder / f"{name}.png") as sheet:
            assert sheet.size > (64, 64)


@pytest.mark.parametrize(
    "name, seeds",
    [
        ("text-to-image", [21, 22, 23, 24]),
        ("image-to-image", [41, 42]),
        ("several-seeds", [0, 1, 2, 3]),
        ("same-seed", [CHOSEN] * 4),
    ],
)
def test_images_have_their_seeds_and_share_a_batch(runs, name, seeds):
    folder, output = runs[name]
    assert [picture.seed for picture in pictures(folder)] == seeds
    assert int(SHARED.findall(output)[-1]) > 1


@pytest.mark.parametrize("name", ["text-to-image", "several-seeds", "same-seed"])
def test_pictures_of_a_batch_are_those_of_their_seeds_alone(runs, server, name):
    for seed, prompt, pixels in pictures(runs[name][0]):
        assert_same_picture(pixels, alone(server, prompt=prompt, seed=seed), f"{prompt}, {seed}")


def test_each_image_goes_to_its_own_prompt(runs, server):
    folder, _ = runs["image-to-image"]
    files = init_files(folder)
    assert sorted(files) == [31, 32]
    fish, fox = pictures(folder)
    for picture, subject, first in ((fish, "fish", 31), (fox, "fox", 32)):
        assert subject in picture.prompt
        request = {"prompt": picture.prompt, "seed": picture.seed}
        init = {"data": files[first].read_bytes(), "strength": 0.7}
        assert_same_picture(picture.pixels, alone(server, **request, init_image=init))
        begin = pixels_in(files[first])
        assert distance(picture.pixels, begin) < distance(alone(server, **request), begin)


def test_at_low_strength_an_image_stays_near_the_one_it_began_from(runs, server, tmp_path):
    for first, path in init_files(runs["image-to-image"][0]).items():
        with Image.open(path) as image:
            prompt = image.info["parameters"].splitlines()[0]
        flags = ["--seed", first + 100, "--strength", 0.2, "--init-image", path]
        run(server, "darkroom", "generate", "--output", tmp_path / str(first), *flags, prompt)
        [near] = pictures(tmp_path / str(first))
        other = alone(server, prompt=prompt, seed=first + 100)
        begin = pixels_in(path)
        assert 0 < distance(near.pixels, begin) < distance(other, begin)


def test_image_to_image_runs_twice_in_one_folder(server, tmp_path):
    for _ in range(2):
        run(server, REPOSITORY / "examples/image-to-image.sh", tmp_path)
    assert len(list(tmp_path.glob("begin-*"))) == 2
    assert [picture.seed for picture in pictures(tmp_path)] == [41, 41, 42, 42]


def test_more_detailed_prompts_keep_what_the_chosen_seed_gave(runs):
    by_seed = {picture.seed: picture.pixels for picture in pictures(runs["several-seeds"][0])}
    chosen = by_seed.pop(CHOSEN)
    detailed = {picture.prompt: picture.pixels for picture in pictures(runs["same-seed"][0])}
    assert len(detailed) == 4
    assert_same_picture(detailed["a mushroom on a blue background"], chosen)
    other_words = detailed["mushroom, blue background"]
    assert distance(other_words, chosen) < min(
        distance(other_words, pixels) for pixels in by_seed.values()
    )
