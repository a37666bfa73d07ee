"""What float8 gains over float16 and what it costs: rates in turns, pictures of the embedded model,
and latents of the checkpoint that speed is measured with."""

import json
import random
import statistics
import subprocess

import numpy as np
from ours import Ours
from setting import EMBEDDED, Setting
from turns import take_turns

from live_server import LiveServer
from pictures import pixels_of, psnr, raw_request, ssim

_SEED = 4
_PICTURES = 32
_DTYPES = ("float16", "float8")


def _seconds_in_turns(setting: Setting, images: int) -> dict:
    with Ours(setting, "float16") as half, Ours(setting, "float8") as float8:
        contenders = {
            "float16": lambda: half.make(images, setting.large)["seconds"],
            "float8": lambda: float8.make(images, setting.large)["seconds"],
        }
        seconds = take_turns(contenders, setting.repeats)
    medians = {dtype: statistics.median(times) for dtype, times in seconds.items()}
    gain = medians["float16"] / medians["float8"]
    comparison = {
        "images": images,
        "seconds": medians,
        "gain": gain,
        "rate": images / medians["float8"],
    }
    print(comparison, flush=True)
    return comparison


def _pictures(setting: Setting, dtype: str) -> list[np.ndarray]:
    rng = random.Random(_SEED)
    subjects, colours = ("fox", "owl", "pizza", "penguin"), ("blue", "pink", "white", "green")
    with LiveServer("--device", setting.device, "--dtype", dtype, model=EMBEDDED) as server:
        pictures = []
        for _ in range(_PICTURES):
            prompt = f"a {rng.choice(subjects)} on a {rng.choice(colours)} background"
            request = raw_request(prompt=prompt, seed=rng.getrandbits(63))
            reply = server.stub.GenerateImages(request, timeout=300)
            pictures.append(pixels_of(reply.images[0]))
    return pictures


def _latents_errors(setting: Setting) -> list[dict]:
    """Relative errors after each step."""
    program = setting.programs / "bench" / "latents_error"
    command = [program, setting.checkpoint, setting.device, setting.large.side, setting.large.steps]
    shown = subprocess.check_output([str(word) for word in command], text=True)
    return [json.loads(line) for line in shown.splitlines()]


def _median_and_worst(measure, pairs: list) -> dict:
    values = [measure(one, other) for one, other in pairs]
    return {"median": statistics.median(values), "worst": min(values)}


def run(setting: Setting) -> dict:
    pairs = list(zip(*(_pictures(setting, dtype) for dtype in _DTYPES), strict=True))
    return {
        "psnr_db": _median_and_worst(psnr, pairs),
        "ssim": _median_and_worst(ssim, pairs),
        "latents": _latents_errors(setting),
        "rates": [_seconds_in_turns(setting, images) for images in (setting.full_batch, 1)],
    }
