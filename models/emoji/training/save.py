"""Writes the trained parts in diffusers' layout, float16, beside the tokenizers that are there."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from networks import make_scheduler
from train_unet import Denoiser


def save(folder: Path, vae: AutoencoderKL, denoiser: Denoiser) -> None:
    text_encoder, text_encoder_2 = denoiser.conditioner.with_whole_tables()
    parts = {
        "vae": vae,
        "text_encoder": text_encoder,
        "text_encoder_2": text_encoder_2,
        "unet": denoiser.unet,
    }
    for name, part in parts.items():
        part.to("cpu", torch.float16).save_pretrained(folder / name, variant="fp16")
    make_scheduler().save_pretrained(folder / "scheduler")
