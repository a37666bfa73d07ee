"""Images of more than 2^21 pixels go through the VAE in tiles, as diffusers' do when told to."""

import random

import numpy as np
import pytest
from cases import Case
from checkpoint_specs import SPECS
from compare import generate
from init_images import draw_picture
from oracle import Oracle
from random_checkpoint import make_checkpoint

from draws import choose_seed
from live_server import LiveServer
from pictures import MIN_EQUAL_SHARE
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(600)

EMBEDDED = REPOSITORY / "models" / "emoji"
SEED = choose_seed()
LARGE = (1456, 1448)
MAX_PIXELS = 1 << 22


def test_large_image_is_that_of_diffusers_with_tiling(tmp_path):
    print(f"to draw the same again: DARKROOM_TEST_SEED={SEED}")
    assert LARGE[0] * LARGE[1] > 1 << 21
    make_checkpoint(SPECS["three_levels"], tmp_path / "large", tokenizers=EMBEDDED)
    case = Case(
        prompt="a lighthouse on a rock",
        seed=SEED,
        steps=2,
        size=LARGE,
        guidance=0.0,
        init_image=draw_picture(random.Random(SEED)),
        strength=0.5,
    )
    flags = ("--max-pixels", MAX_PIXELS, "--batch-window", "0s")
    with LiveServer(*flags, model=tmp_path / "large") as server:
        [image] = generate(server, [case])
    oracle = Oracle(tmp_path / "large")
    oracle.enable_vae_tiling()
    off = np.abs(image.astype(int) - oracle.image(case))
    assert off.max() <= 1 and np.mean(off == 0) >= MIN_EQUAL_SHARE
