"""Makes small SDXL checkpoints with random weights, in the diffusers layout."""

import shutil
from pathlib import Path

import torch
from calibration import calibrate, randomise
from checkpoint_specs import CheckpointSpec
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from files_of_2023 import make_older
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

_LARGEST_SHARD = "5MB"
_CLIP_IDS = dict(
    vocab_size=49408,
    max_position_embeddings=77,
    pad_token_id=1,
    bos_token_id=49406,
    eos_token_id=49407,
)


def make_checkpoint(spec: CheckpointSpec, folder: Path, tokenizers: Path) -> None:
    """Writes the checkpoint of `spec` to `folder`; its tokenizers are those of `tokenizers`."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(spec.seed)
        pipeline = _random_pipeline(spec, tokenizers)
    _save(pipeline, spec, folder)
    for name in ("tokenizer", "tokenizer_2"):
        shutil.rmtree(folder / name)
        shutil.copytree(tokenizers / name, folder / name)


def _random_pipeline(spec: CheckpointSpec, tokenizers: Path) -> StableDiffusionXLPipeline:
    context_dim = spec.text_encoder["hidden_size"] + spec.text_encoder_2["hidden_size"]
    pooled_dim = spec.text_encoder_2["projection_dim"]
    time_ids_dim = 6 * spec.unet["addition_time_embed_dim"]
    pipeline = StableDiffusionXLPipeline(
        text_encoder=CLIPTextModel(CLIPTextConfig(**_CLIP_IDS | spec.text_encoder)),
        text_encoder_2=CLIPTextModelWithProjection(
            CLIPTextConfig(**_CLIP_IDS | spec.text_encoder_2)
        ),
        tokenizer=CLIPTokenizer.from_pretrained(tokenizers / "tokenizer"),
        tokenizer_2=CLIPTokenizer.from_pretrained(tokenizers / "tokenizer_2"),
        unet=UNet2DConditionModel(
            in_channels=4,
            out_channels=4,
            addition_embed_type="text_time",
            cross_attention_dim=context_dim,
            projection_class_embeddings_input_dim=pooled_dim + time_ids_dim,
            **spec.unet,
        ),
        vae=AutoencoderKL(
            in_channels=3,
            out_channels=3,
            latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * len(spec.vae["block_out_channels"]),
            up_block_types=("UpDecoderBlock2D",) * len(spec.vae["block_out_channels"]),
            force_upcast=True,
            **{"sample_size": 64} | spec.vae,
        ),
        scheduler=EulerDiscreteScheduler(**spec.scheduler),
        force_zeros_for_empty_prompt=spec.force_zeros_for_empty_prompt,
        add_watermarker=False,
    )
    for module in (pipeline.text_encoder, pipeline.text_encoder_2, pipeline.unet, pipeline.vae):
        randomise(module.eval())
    calibrate(pipeline)
    return pipeline


def _save(pipeline: StableDiffusionXLPipeline, spec: CheckpointSpec, folder: Path) -> None:
    if not spec.as_of_2023:
        pipeline.save_pretrained(folder)
        return
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(folder, variant="fp16")
    shutil.rmtree(folder / "unet")
    pipeline.unet.save_pretrained(folder / "unet", variant="fp16", max_shard_size=_LARGEST_SHARD)
    make_older(folder)
