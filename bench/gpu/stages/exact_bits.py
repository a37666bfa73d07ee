"""`--determinism bits`: the same image alone, and among drawn neighbours at any place; and its
price."""

import random
import statistics
from concurrent.futures import ThreadPoolExecutor

from ours import Ours
from setting import EMBEDDED, Setting

from live_server import LiveServer
from pictures import raw_request

_NEIGHBOURS = 200
_WATCHED = 5
_SEED = 3


def _request(rng: random.Random):
    request = raw_request(prompt=f"word{rng.random()} fox", seed=rng.getrandbits(63))
    request.num_inference_steps = rng.randint(2, 8)
    request.guidance_scale = rng.choice((0.0, 3.0, 7.5))
    return request


def _bits_of(server: LiveServer, request) -> bytes:
    return server.stub.GenerateImages(request, timeout=300).images[0].data


def _count_changed(setting: Setting) -> dict:
    rng = random.Random(_SEED)
    watched = [_request(rng) for _ in range(_WATCHED)]
    flags = ("--device", setting.device, "--determinism", "bits", "--max-queued-images", 512)
    with LiveServer(*flags, model=EMBEDDED) as server, ThreadPoolExecutor(64) as pool:
        alone = [_bits_of(server, request) for request in watched]
        crowd = [_request(rng) for _ in range(_NEIGHBOURS)] + watched * 8
        rng.shuffle(crowd)
        made = list(pool.map(lambda request: (request, _bits_of(server, request)), crowd))
    known = {request.prompt: bits for request, bits in zip(watched, alone, strict=True)}
    again = [known[r.prompt] == bits for r, bits in made if r.prompt in known]
    return {"compared": len(again), "changed": again.count(False)}


def _price(setting: Setting) -> dict:
    """Seconds of a full pass's batch, and of one image, with and without padding."""
    rows = setting.full_batch
    seconds = {}
    for name, padded in (("noise", 0), ("bits", rows)):
        with Ours(setting, setting.dtype, padded_rows=padded) as ours:
            for images in (1, rows):
                ours.make(images, setting.large)
                times = [ours.make(images, setting.large)["seconds"] for _ in range(2)]
                seconds[f"{name}, {images} images"] = statistics.median(times)
    print(seconds, flush=True)
    full = f"{rows} images"
    return {
        "seconds": seconds,
        "at_saturation": seconds[f"bits, {full}"] / seconds[f"noise, {full}"] - 1,
    }


def run(setting: Setting) -> dict:
    changed = _count_changed(setting)
    if changed["changed"]:
        raise RuntimeError(f"{changed}")
    return changed | {"price": _price(setting)}
