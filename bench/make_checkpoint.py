"""Writes a checkpoint of SDXL base's full size and layout, with random weights.

The published weights cannot be shipped; their shape can: 2.57 billion parameters in the UNet, both
text encoders and the VAE, as stable-diffusion-xl-base-1.0 configures them, in the diffusers layout.
Takes 14 GB of disk and as much memory.

    make_checkpoint.py FOLDER
"""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

_REPOSITORY = Path(__file__).resolve().parent.parent
_TOKENIZERS = _REPOSITORY / "models" / "emoji"
_SEED = 20260101

_CLIP = dict(
    vocab_size=49408,
    max_position_embeddings=77,
    pad_token_id=1,
    bos_token_id=0,
    eos_token_id=2,
)
_TEXT_ENCODER = dict(
    hidden_size=768,
    num_attention_heads=12,
    num_hidden_layers=12,
    intermediate_size=3072,
    projection_dim=768,
    hidden_act="quick_gelu",
)
_TEXT_ENCODER_2 = dict(
    hidden_size=1280,
    num_attention_heads=20,
    num_hidden_layers=32,
    intermediate_size=5120,
    projection_dim=1280,
    hidden_act="gelu",
)
_UNET = dict(
    sample_size=128,
    in_channels=4,
    out_channels=4,
    block_out_channels=(320, 640, 1280),
    layers_per_block=2,
    attention_head_dim=[5, 10, 20],
    cross_attention_dim=2048,
    transformer_layers_per_block=[1, 2, 10],
    use_linear_projection=True,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    addition_embed_type="text_time",
    addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
)
_VAE = dict(
    sample_size=1024,
    in_channels=3,
    out_channels=3,
    latent_channels=4,
    block_out_channels=(128, 256, 512, 512),
    layers_per_block=2,
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
    scaling_factor=0.13025,
    force_upcast=True,
)
_SCHEDULER = dict(
    beta_schedule="scaled_linear",
    beta_start=0.00085,
    beta_end=0.012,
    timestep_spacing="leading",
    steps_offset=1,
    interpolation_type="linear",
)
_MODEL_INDEX = {
    "_class_name": "StableDiffusionXLPipeline",
    "_diffusers_version": "0.19.0",
    "force_zeros_for_empty_prompt": True,
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def make_checkpoint(
    folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> None:
    """Writes one part after the other, each at torch's own first weights, then calibrated; drawn on
    the device, stored in the dtype."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(_MODEL_INDEX, indent=2))
    EulerDiscreteScheduler(**_SCHEDULER).save_pretrained(folder / "scheduler")
    for tokenizer in ("tokenizer", "tokenizer_2"):
        shutil.copytree(_TOKENIZERS / tokenizer, folder / tokenizer, dirs_exist_ok=True)
    with torch.no_grad(), torch.device(device):
        for name, make in _PARTS.items():
            torch.manual_seed(_SEED)
            part = make().eval()
            part.to(dtype).save_pretrained(folder / name)
            count = sum(parameter.numel() for parameter in part.parameters())
            print(f"{name}: {len(part.state_dict())} tensors, {count} parameters", flush=True)
            del part


def _make_text_encoder() -> CLIPTextModel:
    return _lively(CLIPTextModel(CLIPTextConfig(**_CLIP, **_TEXT_ENCODER)))


def _make_text_encoder_2() -> CLIPTextModelWithProjection:
    return _lively(CLIPTextModelWithProjection(CLIPTextConfig(**_CLIP, **_TEXT_ENCODER_2)))


def _make_unet() -> UNet2DConditionModel:
    unet = UNet2DConditionModel(**_UNET)
    added = {"text_embeds": torch.randn(1, 1280), "time_ids": torch.full((1, 6), 256.0)}
    context = torch.randn(1, 77, 2048)
    latents = torch.randn(1, 4, 16, 16)
    _scale(unet.conv_out, lambda: unet(latents, 500, context, added_cond_kwargs=added).sample)
    return unet


def _make_vae() -> AutoencoderKL:
    vae = AutoencoderKL(**_VAE)
    # A UNet that does not denoise leaves most of the initial noise in the latents.
    noise = torch.randn(1, 4, 16, 16) * 10 / vae.config.scaling_factor
    _scale(vae.decoder.conv_out, lambda: vae.decode(noise).sample, spread=0.4)
    pixels = torch.rand(1, 3, 128, 128) * 2 - 1
    mean = slice(0, 4)
    _scale(vae.quant_conv, lambda: vae.encode(pixels).latent_dist.mean, spread=1.0)
    vae.quant_conv.weight[mean] /= vae.config.scaling_factor
    return vae


def _lively(encoder: torch.nn.Module) -> torch.nn.Module:
    """CLIP's first weights are so small that one prompt's states are almost another's."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.Embedding):
            module.weight.mul_(10)
        elif isinstance(module, torch.nn.Linear):
            module.weight.normal_(0, module.in_features**-0.5)
    return encoder


def _scale(layer: torch.nn.Conv2d, run: Callable[[], torch.Tensor], spread: float = 1.0) -> None:
    factor = spread / run().std()
    layer.weight.mul_(factor)
    layer.bias.mul_(factor)


_PARTS = {
    "text_encoder": _make_text_encoder,
    "text_encoder_2": _make_text_encoder_2,
    "vae": _make_vae,
    "unet": _make_unet,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    make_checkpoint(parser.parse_args().folder)
