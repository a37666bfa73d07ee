"""float8: near enough to float16 that an image shows the same.

Prompts and seeds are drawn; set DARKROOM_TEST_SEED to the printed seed to draw them again.
"""

import itertools
import random

import numpy as np
import pytest

from draws import choose_seed
from live_server import LiveServer
from pictures import pixels_of, psnr, raw_request, ssim

pytestmark = pytest.mark.timeout(300)

SEED = choose_seed()
IMAGES = 24
SUBJECTS = ("fox", "penguin", "red apple", "pizza", "strawberry", "owl")
COLOURS = ("blue", "green", "white", "yellow", "pink")


def draw_requests():
    print(f"DARKROOM_TEST_SEED={SEED}")
    rng = random.Random(SEED)
    for subject, colour in rng.sample(list(itertools.product(SUBJECTS, COLOURS)), IMAGES):
        prompt = f"a {subject} on a {colour} background"
        yield raw_request(prompt=prompt, seed=rng.getrandbits(63))


def images_of(dtype, requests):
    with LiveServer("--dtype", dtype) as server:
        replies = [server.stub.GenerateImages(request, timeout=60) for request in requests]
    assert {reply.stats.dtype for reply in replies} == {dtype}
    return [pixels_of(reply.images[0]).astype(float) for reply in replies]


def test_images_of_float8_are_near_those_of_float16():
    requests = list(draw_requests())
    images = {dtype: images_of(dtype, requests) for dtype in ("float16", "float8")}
    pairs = list(zip(images["float8"], images["float16"], strict=True))
    ratios = [psnr(one, other) for one, other in pairs]
    likeness = [ssim(one, other) for one, other in pairs]
    print(f"PSNR in dB: median {np.median(ratios):.1f}, worst {min(ratios):.1f}")
    print(f"SSIM: median {np.median(likeness):.3f}, worst {min(likeness):.3f}")
    assert any((one != other).any() for one, other in pairs), "nothing was rounded"
    assert np.median(ratios) >= 27
    assert np.median(likeness) >= 0.95
    # Not another picture: nearer to its own than to any other.
    for place, image in enumerate(images["float8"]):
        distances = [np.mean((image - other) ** 2) for other in images["float16"]]
        assert int(np.argmin(distances)) == place, requests[place]
