"""Compares images of a checkpoint of SDXL base's full size with diffusers, and keeps the figures.

One process after the other, for each needs about 14 GB: first the server makes the images, then
diffusers. Ends with 1 when they differ by more than tests/parity allows.

    parity_full.py CHECKPOINT RESULT.md
"""

import argparse
import datetime
import importlib.metadata
import os
import pickle
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_REPOSITORY / "tests" / folder) for folder in ("support", "parity")]

from cases import Case, to_request  # noqa: E402
from safetensors import safe_open  # noqa: E402

from init_images import draw_picture  # noqa: E402
from live_server import LiveServer  # noqa: E402
from pictures import MIN_EQUAL_SHARE, moved_share, pixels_of  # noqa: E402

_SIZE = (256, 256)
_CALL_TIMEOUT_S = 1800
_START_TIMEOUT_S = 1800  # The warm-up image has 1024x1024 pixels.
# What the published files hold: tensors and parameters.
_PUBLISHED = {
    "unet": (1680, 2_567_463_684),
    "text_encoder": (196, 123_060_480),
    "text_encoder_2": (517, 694_659_840),
    "vae": (248, 83_653_863),
}


def make_cases() -> dict[str, Case]:
    import random

    return {
        "text to image, guidance 5": Case(
            prompt="a red apple on a blue background", seed=7, steps=2, size=_SIZE, guidance=5.0
        ),
        "negative prompt, second prompt, micro-conditioning": Case(
            prompt="two grey owls over a green lake, at night",
            prompt_2="an oil painting",
            negative_prompt="snow",
            seed=2**32 - 1,
            steps=2,
            size=_SIZE,
            guidance=3.0,
            micro={"original_size": (512, 384), "crops_coords_top_left": (16, 8)},
        ),
        "image to image, strength 0.5 of 4 steps": Case(
            prompt="a harbour in the morning",
            negative_prompt="",
            seed=11,
            steps=4,
            size=_SIZE,
            guidance=5.0,
            init_image=draw_picture(random.Random(3)),
            strength=0.5,
        ),
    }


def count_tensors(checkpoint: Path) -> dict[str, tuple[int, int]]:
    """Tensors and parameters of each part, as its files hold them."""
    counts = {}
    for part in _PUBLISHED:
        tensors = parameters = 0
        for path in (checkpoint / part).glob("*.safetensors"):
            with safe_open(path, "np") as file:
                for key in file.keys():
                    tensors += 1
                    parameters += int(np.prod(file.get_slice(key).get_shape()))
        counts[part] = (tensors, parameters)
    return counts


def peak_gigabytes(pid: int | str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1e6
    raise AssertionError("no VmHWM")


def images_of_server(checkpoint: Path) -> dict:
    flags = ("--batch-window", "0s")
    begin = time.monotonic()
    with LiveServer(*flags, model=checkpoint, start_timeout=_START_TIMEOUT_S) as server:
        result = {"start": time.monotonic() - begin, "images": {}, "seconds": {}}
        for name, case in make_cases().items():
            begin = time.monotonic()
            reply = server.stub.GenerateImages(to_request(case), timeout=_CALL_TIMEOUT_S)
            result["seconds"][name] = time.monotonic() - begin
            result["images"][name] = pixels_of(reply.images[0])
        result["peak"] = server.peak_rss_bytes() / 1e9
    return result


def images_of_diffusers(checkpoint: Path) -> dict:
    from oracle import Oracle

    begin = time.monotonic()
    oracle = Oracle(checkpoint)
    result = {"start": time.monotonic() - begin, "images": {}, "seconds": {}}
    for name, case in make_cases().items():
        begin = time.monotonic()
        result["images"][name] = oracle.image(case)
        result["seconds"][name] = time.monotonic() - begin
    result["peak"] = peak_gigabytes("self")
    return result


def in_own_process(what: str, checkpoint: Path) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images"
        command = [sys.executable, "-W", "ignore", __file__, str(checkpoint), str(path)]
        subprocess.run(command, check=True, env={**os.environ, "DARKROOM_PARITY_SIDE": what})
        return pickle.loads(path.read_bytes())


def compare(checkpoint: Path, result: Path) -> bool:
    counts = count_tensors(checkpoint)
    ours = in_own_process("server", checkpoint)
    theirs = in_own_process("diffusers", checkpoint)
    rows, good = [], counts == _PUBLISHED
    for name, image in ours["images"].items():
        off = np.abs(image.astype(int) - theirs["images"][name])
        equal = float(np.mean(off == 0))
        clipped = float(np.mean((image == 0) | (image == 255)))
        good &= off.max() <= 1 and equal >= MIN_EQUAL_SHARE and clipped < 0.2
        rows.append(
            f"| {name} | {equal:.4%} | {off.max()} | {image.std():.0f} | {clipped:.1%} |"
            f" {ours['seconds'][name]:.0f} s | {theirs['seconds'][name]:.0f} s |"
        )
    pictures = list(ours["images"].values())
    good &= moved_share(pictures[0], pictures[1]) > 0.5
    result.write_text(page(counts, rows, ours, theirs, good))
    return good


def page(counts: dict, rows: list[str], ours: dict, theirs: dict, good: bool) -> str:
    names = ("diffusers", "transformers", "torch")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = "\n".join(
        f"| {part} | {tensors} | {parameters:,} | {_PUBLISHED[part] == (tensors, parameters)} |"
        for part, (tensors, parameters) in counts.items()
    )
    return f"""# Parity at full size

`make parity-full` on {datetime.date.today()}: a checkpoint of SDXL base's full size and layout with
random float32 weights, 256x256 pixels, against {versions}.
CPU ({platform.machine()}), {os.cpu_count()} cores, {memory:.0f} GiB.

{"Within" if good else "NOT within"} the bound of `tests/parity`: at least 99.9 % of the 8-bit values
equal, none off by more than 1.

| image | equal | off by | spread | clipped | Darkroom | diffusers |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Loaded and warm after {ours["start"]:.0f} s, diffusers after {theirs["start"]:.0f} s; at most
{ours["peak"]:.1f} GB and {theirs["peak"]:.1f} GB resident. Times are of one request each, not a benchmark.

The server refuses a checkpoint of which a tensor is missing, surplus or misshapen, so all of
these were taken:

| part | tensors | parameters | as published |
|---|---|---|---|
{parts}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("result", type=Path)
    arguments = parser.parse_args()
    sides = {"server": images_of_server, "diffusers": images_of_diffusers}
    if side := os.environ.get("DARKROOM_PARITY_SIDE"):
        arguments.result.write_bytes(pickle.dumps(sides[side](arguments.checkpoint)))
    elif not compare(arguments.checkpoint, arguments.result):
        sys.exit(f"not within the bound: see {arguments.result}")


if __name__ == "__main__":
    main()
