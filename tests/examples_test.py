"""The examples run as they stand, and show what their README says."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from live_server import LiveServer, clean_environment, program
from pictures import assert_same_picture, pixels_of, raw_request
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(240)

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.sh"))
NAME = re.compile(r"[0-9a-f]{16}-\d+-(\d+)\.png")


@pytest.fixture(scope="module")
def server():
    with LiveServer("--batch-window", "200ms") as live:
        yield live


@pytest.fixture(scope="module")
def folders(server, tmp_path_factory) -> dict[str, Path]:
    """What each example left, by its name; run in a copy, beside the programs under test."""
    root = tmp_path_factory.mktemp("clone")
    (root / "examples").symlink_to(REPOSITORY / "examples")
    (root / "build/release").mkdir(parents=True)
    (root / "build/release/bin").symlink_to(program("darkroom").parent)
    made = {}
    for script in EXAMPLES:
        folder = root / script.stem
        done = subprocess.run(
            [root / "examples" / script.name, folder],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
            env=clean_environment({"DARKROOM_SERVER": server.address}),
        )
        assert done.returncode == 0, f"{script.name}\n{done.stdout}\n{done.stderr}"
        made[script.stem] = folder
    return made


def pictures(folder: Path) -> dict[int, list[np.ndarray]]:
    """The pictures of a folder by their seeds."""
    found: dict[int, list[np.ndarray]] = {}
    for path in sorted(folder.glob("*.png")):
        if match := NAME.fullmatch(path.name):
            found.setdefault(int(match[1]), []).append(np.asarray(Image.open(path)))
    return found


def alone(server, **fields) -> np.ndarray:
    reply = server.stub.GenerateImages(raw_request(**fields), timeout=60)
    return pixels_of(reply.images[0])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_every_example_is_in_the_readme_and_leaves_its_sheet(folders):
    readme = (REPOSITORY / "examples/README.md").read_text()
    assert sorted(re.findall(r"\]\(([\w-]+\.sh)\)", readme)) == [path.name for path in EXAMPLES]
    for name, folder in folders.items():
        with Image.open(folder / f"{name}.png") as sheet:
            assert sheet.size > (64, 64)


def test_pictures_of_a_batch_are_those_of_their_seeds_alone(folders, server):
    made = pictures(folders["text-to-image"])
    assert sorted(made) == [21, 22, 23, 24]
    [rocket] = made[23]
    assert_same_picture(rocket, alone(server, prompt="a rocket on a blue background", seed=23))


def test_images_begin_from_the_images_they_are_given(folders, server):
    begin = pictures(folders["image-to-image"] / "begin")
    made = pictures(folders["image-to-image"])
    assert (sorted(begin), sorted(made)) == ([31, 32], [41, 42])
    for first, seed, prompt in (
        (31, 41, "a fish on a purple background"),
        (32, 42, "a fox on a pink background"),
    ):
        fresh = alone(server, prompt=prompt, seed=seed)
        assert distance(made[seed][0], begin[first][0]) < distance(fresh, begin[first][0])


def test_several_seeds_are_several_pictures_of_one_prompt(folders, server):
    made = pictures(folders["several-seeds"])
    assert sorted(made) == [50, 51, 52, 53]
    for seed, [picture] in made.items():
        expected = alone(server, prompt="a mushroom on a blue background", seed=seed)
        assert_same_picture(picture, expected)


def test_same_seed_with_more_detail_keeps_what_the_prompts_share(folders, server):
    made = pictures(folders["same-seed"])
    assert sorted(made) == [51] and len(made[51]) == 4
    mushroom = pictures(folders["several-seeds"])[51][0]
    assert any(np.array_equal(picture, mushroom) for picture in made[51])
    other_seeds = [pictures(folders["several-seeds"])[seed][0] for seed in (50, 52, 53)]
    detailed = alone(server, prompt="mushroom, blue background", seed=51)
    assert distance(detailed, mushroom) < min(distance(detailed, other) for other in other_seeds)
