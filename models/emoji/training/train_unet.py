"""Trains the UNet and both text encoders together: captions to latents."""

from pathlib import Path

import numpy as np
import torch
from captions import captions_of, draw_caption
from conditioner import Conditioner
from latents import Latents
from networks import make_scheduler, make_unet, silence_residual_branches
from run import Run, Schedule, step_generator
from subjects import PAIRS
from torch import nn

_BATCH = 32
_SCHEDULE = Schedule(
    steps=18000, learning_rate=1.5e-3, warm_up=300, ema_decay=0.999, weight_decay=1e-3
)
# Captions are dropped to the zeros that stand for an absent negative prompt, or to an empty one.
_ZEROED_SHARE = 0.08
_EMPTY_SHARE = 0.02
_MAX_SNR = 5.0  # Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy".


class Denoiser(nn.Module):
    def __init__(self, tokenizers: Path):
        super().__init__()
        captions = sorted({caption for pair in PAIRS for caption in captions_of(pair)})
        self.unet = make_unet()
        silence_residual_branches(self.unet)
        self.conditioner = Conditioner(tokenizers, ["", *captions])
        self.register_buffer("_alphas", make_scheduler().alphas_cumprod, persistent=False)

    def loss(self, latents: Latents, rng: np.random.Generator) -> torch.Tensor:
        """Mean squared error of the predicted noise; weighted, for timesteps with little noise are
        many and easily have the last word."""
        device = self._alphas.device
        chosen = rng.integers(len(latents.pairs), size=_BATCH)
        prompt, pooled = self._conditions([latents.pairs[i] for i in chosen], rng)
        # One timestep from each of as many equal parts of the thousand.
        parts = (np.arange(_BATCH) + rng.random(_BATCH)) / _BATCH
        timesteps = torch.from_numpy((parts * len(self._alphas)).astype(np.int64)).to(device)
        alphas = self._alphas[timesteps].view(-1, 1, 1, 1)
        means = latents.means[chosen]
        clean = means + latents.deviations[chosen] * torch.randn_like(means)
        noise = torch.randn_like(means)
        predicted = self.unet(
            alphas.sqrt() * clean + (1 - alphas).sqrt() * noise,
            timesteps,
            prompt,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": latents.time_ids[chosen]},
        ).sample
        snr = alphas / (1 - alphas)
        return ((predicted - noise).square() * snr.clamp(max=_MAX_SNR) / snr).mean()

    def _conditions(self, pairs, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        draws = rng.random(len(pairs))
        captions = [
            "" if draw > 1 - _EMPTY_SHARE else draw_caption(pair, rng)
            for pair, draw in zip(pairs, draws, strict=True)
        ]
        prompt, pooled = self.conditioner(captions)
        kept = torch.from_numpy(draws >= _ZEROED_SHARE).to(prompt)
        return prompt * kept.view(-1, 1, 1), pooled * kept.view(-1, 1)


def train_unet(folder: Path, tokenizers: Path, latents: Latents, device: torch.device) -> Denoiser:
    step_generator("unet-weights", 0)
    denoiser = Denoiser(tokenizers).to(device)
    Run("unet", folder, denoiser, _SCHEDULE).train(lambda rng: denoiser.loss(latents, rng))
    return denoiser.eval()
