"""float16 and bfloat16: as near to the float32 image as diffusers itself comes with them."""

import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import Case, draw_groups
from checkpoint_specs import SPECS
from compare import generate
from oracle import Oracle
from random_checkpoint import make_checkpoint
from report import REPORT
from safetensors.torch import load_file, save_file

from draws import choose_seed
from live_server import LiveServer
from pictures import assert_same_picture
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(300)

EMBEDDED = REPOSITORY / "models" / "emoji"
SEED = choose_seed()
# Static, so that what is sent together is made together.
FLAGS = ("--batching", "static", "--batch-window", "300ms")
MAX_ERROR_RATIO = 1.25
HALF_MAX = 65504


@dataclass(frozen=True)
class Precision:
    name: str
    dtype: str
    server: LiveServer
    exact: Oracle
    rounded: Oracle


def checkpoint_folder(name: str, tmp_path_factory) -> Path:
    if name == EMBEDDED.name:
        return EMBEDDED
    folder = tmp_path_factory.mktemp("checkpoint") / name
    make_checkpoint(SPECS[name], folder, tokenizers=EMBEDDED)
    return folder


@pytest.fixture(scope="module", params=["emoji", "two_levels", "three_levels"])
def folder(request, tmp_path_factory) -> Path:
    return checkpoint_folder(request.param, tmp_path_factory)


@pytest.fixture(scope="module", params=["float16", "bfloat16"])
def precision(request, folder):
    exact, rounded = Oracle(folder), Oracle(folder, getattr(torch, request.param))
    flags = (*FLAGS, "--dtype", request.param)
    with LiveServer(*flags, model=folder) as server:
        yield Precision(folder.name, request.param, server, exact, rounded)


def rms(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(np.mean((one.astype(float) - other) ** 2)))


def draw_cases(precision: Precision, device: str) -> list[list[Case]]:
    rng = random.Random(f"{SEED} {precision.name} {precision.dtype} {device}")
    groups = draw_groups(rng, captions=precision.name == EMBEDDED.name)
    return [[replace(case, generator_device=device) for case in group] for group in groups]


def mean_error(pictures: list[np.ndarray], exact: list[np.ndarray]) -> float:
    """The geometric mean of all pictures' errors, so that no wild one decides."""
    errors = [rms(one, other) for one, other in zip(pictures, exact, strict=True)]
    # A picture without any error has that of one value in a thousand, off by one.
    return float(np.exp(np.mean(np.log(np.maximum(errors, 0.03)))))


def test_error_is_at_most_a_quarter_above_diffusers_own(precision, capsys):
    # The CUDA generator's numbers are the same in every precision, but for their rounding.
    groups = draw_cases(precision, "CUDA")
    ours = [image for group in groups for image in generate(precision.server, group)]
    cases = [case for group in groups for case in group]
    exact = [precision.exact.image(case) for case in cases]
    error = mean_error(ours, exact)
    allowed = mean_error([precision.rounded.image(case) for case in cases], exact)
    with capsys.disabled():
        print(
            f"\n{precision.name:<14} {precision.dtype:<9} {len(cases)} cases: error {error:.3f} of"
            f" 255, diffusers' own {allowed:.3f}, ratio {error / allowed:.2f}"
            f" (DARKROOM_TEST_SEED={SEED})"
        )
    REPORT.add_precision(precision.name, precision.dtype, len(cases), error, allowed)
    assert 0 < error <= MAX_ERROR_RATIO * allowed


def test_cpu_generator_draws_in_the_precision_of_diffusers(precision):
    case = Case(prompt="a red apple", seed=SEED, steps=8, size=(64, 72), scheduler="EULER_ANCESTRAL")
    [ours] = generate(precision.server, [case])
    theirs, float32_noise = precision.rounded.image(case), precision.exact.image(case)
    # Other noise makes another picture, so a rounding error stands far below it.
    assert rms(ours, theirs) < 0.3 * rms(ours, float32_noise), f"DARKROOM_TEST_SEED={SEED}"


@pytest.fixture(scope="module")
def loud_decoder(tmp_path_factory) -> Path:
    """A checkpoint whose decoder has values that float16 cannot hold, and float32 can."""
    folder = checkpoint_folder("two_levels", tmp_path_factory)
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weight = weights["decoder.conv_in.weight"]
    factor = 0.9 * HALF_MAX / float(weight.abs().max())
    for key in ("decoder.conv_in.weight", "decoder.conv_in.bias"):
        weights[key] = weights[key] * factor
    save_file(weights, path, metadata={"format": "pt"})
    return folder


def test_image_that_overflows_its_decoder_is_decoded_again_in_float32(loud_decoder):
    group = [
        Case(prompt=f"a red apple {seed}", seed=seed, steps=3, size=(64, 64)) for seed in range(3)
    ]
    images = {}
    for vae_dtype in ("float16", "float32"):
        flags = (*FLAGS, "--dtype", "float16", "--vae-dtype", vae_dtype)
        with LiveServer(*flags, model=loud_decoder) as server:
            images[vae_dtype] = generate(server, group)
            retries = server.metric("darkroom_nan_retries_total")
            assert retries == (len(group) if vae_dtype == "float16" else 0)
    for again, exact in zip(images["float16"], images["float32"], strict=True):
        assert len(np.unique(exact)) > 50
        assert_same_picture(again, exact)
