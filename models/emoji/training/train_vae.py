"""Trains the VAE: pictures to latents and back."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from networks import make_vae, silence_residual_branches
from run import Run, Schedule, step_generator
from samples import draw_vae_batch

_BATCH = 8
_SCHEDULE = Schedule(
    steps=8000, learning_rate=1e-3, warm_up=100, ema_decay=0.998, weight_decay=1e-4
)
_KL_WEIGHT = 3e-4  # Nats per latent value against mean absolute error.
_EDGE_WEIGHT = 0.5
_STANDARDIZING_PICTURES = 256


def _edges(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Differences between neighbours: what a soft edge gets wrong."""
    return pixels.diff(dim=-1), pixels.diff(dim=-2)


def _loss(vae: AutoencoderKL, pixels: torch.Tensor) -> torch.Tensor:
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=has_fast_bfloat16()):
        posterior = vae.encode(pixels).latent_dist
        decoded = vae.decode(posterior.sample()).sample
    off = decoded.float() - pixels
    kl_per_value = posterior.kl().mean() / posterior.mean[0].numel()
    loss = off.abs().mean() + off.square().mean() + _KL_WEIGHT * kl_per_value
    for difference in _edges(off):
        loss = loss + _EDGE_WEIGHT * difference.abs().mean() / 2
    return loss


def has_fast_bfloat16() -> bool:
    """Whether convolutions gain by bfloat16: on GPUs, and on CPUs with matrix tiles."""
    return torch.cuda.is_available() or torch.cpu._is_amx_tile_supported()


def train_vae(folder: Path, device: torch.device) -> AutoencoderKL:
    step_generator("vae-weights", 0)
    vae = make_vae().to(device)
    silence_residual_branches(vae)

    def loss_of(rng: np.random.Generator) -> torch.Tensor:
        return _loss(vae, torch.from_numpy(draw_vae_batch(_BATCH, rng)).to(device))

    Run("vae", folder, vae, _SCHEDULE).train(loss_of)
    pixels = draw_vae_batch(_STANDARDIZING_PICTURES, step_generator("vae-latents", 0))
    standardize_latents(vae, torch.from_numpy(pixels).to(device))
    return vae.eval()


@torch.no_grad()
def standardize_latents(vae: AutoencoderKL, pixels: torch.Tensor) -> None:
    """Shifts and scales each latent channel so that over these pictures it has mean 0 and, times the
    scaling factor, variance 1, as diffusion wants them; what is decoded stays the same.

    The VAE's innermost convolutions see one pixel each, so that they can take this up exactly."""
    latents = vae.encode(pixels).latent_dist.sample()
    mean = latents.mean(dim=(0, 2, 3))
    gain = 1 / (latents.std(dim=(0, 2, 3)) * vae.config.scaling_factor)
    encode, decode = vae.quant_conv, vae.post_quant_conv
    decode.bias += decode.weight[:, :, 0, 0] @ mean
    decode.weight /= gain.view(1, -1, 1, 1)
    channels = len(mean)
    encode.bias[:channels] = (encode.bias[:channels] - mean) * gain
    encode.weight[:channels] *= gain.view(-1, 1, 1, 1)
    encode.bias[channels:] += 2 * gain.log()  # Logarithms of variances.
