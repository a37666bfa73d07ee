"""The training pictures as latents, made once."""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from run import step_generator
from samples import SEEN_PAIRS, draw_picture
from subjects import Pair
from tqdm import tqdm

_PICTURES_PER_PAIR = 16
_BATCH = 50


@dataclass(frozen=True)
class Latents:
    """As the UNet sees them; picture i shows pairs[i]."""

    means: torch.Tensor  # [pictures, channels, height, width].
    deviations: torch.Tensor
    time_ids: torch.Tensor  # [pictures, 6].
    pairs: tuple[Pair, ...]


@torch.no_grad()
def make_latents(vae: AutoencoderKL) -> Latents:
    rng = step_generator("latents", 0)
    pairs = SEEN_PAIRS * _PICTURES_PER_PAIR
    means, deviations, time_ids = [], [], []
    for begin in tqdm(range(0, len(pairs), _BATCH), desc="latents", mininterval=5):
        pictures = [draw_picture(pair, rng) for pair in pairs[begin : begin + _BATCH]]
        pixels = np.stack([picture.pixels.transpose(2, 0, 1) for picture in pictures])
        posterior = vae.encode(torch.from_numpy(pixels).to(vae.device).clip(0, 1) * 2 - 1)
        means.append(posterior.latent_dist.mean * vae.config.scaling_factor)
        deviations.append(posterior.latent_dist.std * vae.config.scaling_factor)
        time_ids += [picture.time_ids for picture in pictures]
    ids = torch.tensor(time_ids).to(vae.device)
    return Latents(torch.cat(means), torch.cat(deviations), ids, pairs)
