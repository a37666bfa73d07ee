"""The random checkpoints are worth comparing with: neither dead, nor saturated, nor chaotic."""

import numpy as np
import pytest
import torch
from checkpoint_specs import SPECS
from oracle import load_pipeline
from random_checkpoint import make_checkpoint

from pictures import MIN_EQUAL_SHARE
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(120)

PROMPTS = ["a green cup", "snow on a mountain, oil on canvas"]
TIME_IDS = torch.tensor([[96.0, 96.0, 0.0, 0.0, 96.0, 96.0]] * 2)
# About what another order of float32 sums makes of the first latents.
ROUNDING = 1e-6


@pytest.fixture(scope="module", params=SPECS)
def pipeline(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint") / request.param
    embedded = REPOSITORY / "models" / "emoji"
    make_checkpoint(SPECS[request.param], folder, tokenizers=embedded)
    with torch.no_grad():
        yield load_pipeline(folder)


def is_near_one(spread):
    return 0.5 < spread < 2


def latents_of(seed, size=32):
    return torch.randn(2, 4, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("timestep", [10, 400, 990])
def test_unet_predicts_with_a_spread_near_1(pipeline, timestep):
    context, _, pooled, _ = pipeline.encode_prompt(
        PROMPTS, device="cpu", do_classifier_free_guidance=False
    )
    added = {"text_embeds": pooled, "time_ids": TIME_IDS}
    predicted = pipeline.unet(latents_of(1), timestep, context, added_cond_kwargs=added).sample
    assert is_near_one(predicted.std())


def test_vae_decodes_with_a_spread_near_1(pipeline):
    decoded = pipeline.vae.decode(latents_of(2) / pipeline.vae.config.scaling_factor).sample
    assert is_near_one(decoded.std())


def test_rounding_in_the_latents_stays_within_the_bound(pipeline):
    def image(latents):
        [picture] = pipeline(
            prompt=PROMPTS[0],
            negative_prompt=PROMPTS[1],
            num_inference_steps=14,
            guidance_scale=7.0,
            latents=latents,
            height=size,
            width=size,
            output_type="np",
        ).images
        return (picture * 255).round().astype(int)

    size = 96
    latents = latents_of(3, size // pipeline.vae_scale_factor)[:1]
    rounding = 1 + ROUNDING * torch.randn(latents.shape, generator=torch.Generator().manual_seed(4))
    expected, rounded = image(latents), image(latents * rounding)
    off = np.abs(rounded - expected)
    assert off.max() <= 1
    assert np.mean(off == 0) >= MIN_EQUAL_SHARE
    assert np.mean((expected == 0) | (expected == 255)) < 0.5
