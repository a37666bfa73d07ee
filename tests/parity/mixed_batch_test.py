"""Eight rows that differ in every field at once share their passes, and each is as if alone."""

import random
from dataclasses import fields

import numpy as np
import pytest
from cases import Case
from compare import generate
from init_images import draw_picture

from draws import choose_seed
from live_server import LiveServer
from pictures import assert_same_picture
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(300)

EMBEDDED = REPOSITORY / "models" / "emoji"
SEED = choose_seed()
ROWS = 8
SIZE = (72, 96)


def draw_guidance(row: int, scheduler: str, share: float) -> float | None:
    """None in the first rows, and none that is strong where the scheduler is not made for it."""
    if row < 2:
        return (0.5, None)[row]
    # Strong guidance lets LCM grow what rounding leaves a hundredfold.
    return 1.5 + share * (0.5 if scheduler == "LCM" else 7)


def draw_rows(rng: random.Random) -> list[Case]:
    shares = [share / 100 for share in rng.sample(range(100), ROWS)]
    schedulers = rng.sample(
        (
            "EULER",
            "EULER_ANCESTRAL",
            "DPMPP_2M",
            "DPMPP_2M_KARRAS",
            "DPMPP_2M_SDE",
            "DDIM",
            "UNIPC",
            "HEUN",
            "LCM",
        ),
        ROWS,
    )
    steps = rng.sample(range(6, 16), ROWS)
    seeds = rng.sample(range(2**32), ROWS)
    rows = []
    for i in range(ROWS):
        begins_from_picture = i % 2 == 1
        rows.append(
            Case(
                prompt=f"a red apple, drawing {i}",
                prompt_2=f"a green tree {i}",
                negative_prompt=f"rain {i}" if i else None,
                negative_prompt_2=f"snow {i}" if i else None,
                seed=seeds[i],
                steps=steps[i],
                size=SIZE,
                guidance=draw_guidance(i, schedulers[i], shares[i]),
                guidance_rescale=shares[i],
                clip_skip=i % 2,
                scheduler=schedulers[i],
                spacing=("leading", "trailing", "linspace")[i % 3],
                denoising_end=None if begins_from_picture else 0.7 + 0.2 * shares[i],
                init_image=draw_picture(rng) if begins_from_picture else None,
                strength=0.5 + shares[i] / 2 if i in (1, 5) else None,
                denoising_start=0.1 + shares[i] / 2 if i in (3, 7) else None,
                generator_device=("CPU", "CUDA")[i // 2 % 2],
                micro={
                    "original_size": (64 + i, 128 - i),
                    "target_size": (80 - i, 70 + i),
                    "crops_coords_top_left": (i, 2 * i),
                    "negative_original_size": (200 + i, 210 - i),
                    "negative_target_size": (300 - i, 310 + i),
                },
            )
        )
    return rows


def test_eight_rows_that_differ_in_every_field_equal_single_runs():
    print(f"to draw the same again: DARKROOM_TEST_SEED={SEED}")
    rows = draw_rows(random.Random(SEED))
    for field in fields(Case):
        if field.name == "size":  # The one thing that rows of a pass must share.
            continue
        values = {repr(getattr(row, field.name)) for row in rows}
        assert len(values) > 1, f"{field.name} is the same in all rows"
    with LiveServer("--batching", "static", "--batch-window", "500ms", model=EMBEDDED) as server:
        together = generate(server, rows)
        assert server.metric("darkroom_batch_size_images_bucket", le="6") < server.metric(
            "darkroom_batch_size_images_count"
        )
    with LiveServer("--batch-window", "0s", model=EMBEDDED) as server:
        alone = [generate(server, [row])[0] for row in rows]
    assert_same_picture(np.concatenate(together), np.concatenate(alone), "eight rows")
