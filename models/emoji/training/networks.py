"""The parts of the model: Stable Diffusion XL in every structural respect, small in every number."""

from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

IMAGE_SIZE = 64  # Pixels a side.
FACTOR = 4  # Pixels per latent.
LATENT_SIZE = IMAGE_SIZE // FACTOR
TOKENS = 77

_TIME_EMBEDDING = 8  # Values for each of the six numbers of the micro-conditioning.
_WIDTHS = (32, 64)  # Of the text encoders.

# Few, and so large: group norm takes away what the channels of a group have in common, in a group of
# two channels nearly all that tells a plain background's colour.
_VAE_NORM_GROUPS = 2
_UNET_NORM_GROUPS = 4


def make_vae() -> AutoencoderKL:
    return AutoencoderKL(
        sample_size=IMAGE_SIZE,
        latent_channels=4,
        block_out_channels=(32, 64, 96),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        norm_num_groups=_VAE_NORM_GROUPS,
        mid_block_add_attention=False,
        scaling_factor=0.13025,
    )


def make_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64, 96),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2),
        attention_head_dim=(1, 2, 3),
        use_linear_projection=True,
        cross_attention_dim=sum(_WIDTHS),
        norm_num_groups=_UNET_NORM_GROUPS,
        addition_embed_type="text_time",
        addition_time_embed_dim=_TIME_EMBEDDING,
        projection_class_embeddings_input_dim=_WIDTHS[1] + 6 * _TIME_EMBEDDING,
    )


def _text_config(width: int, activation: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=49408,
        max_position_embeddings=TOKENS,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_act=activation,
        bos_token_id=49406,
        eos_token_id=49407,
    )


def make_text_encoder() -> CLIPTextModel:
    return CLIPTextModel(_text_config(_WIDTHS[0], "quick_gelu"))


def make_text_encoder_2() -> CLIPTextModelWithProjection:
    return CLIPTextModelWithProjection(_text_config(_WIDTHS[1], "gelu"))


def make_scheduler() -> EulerDiscreteScheduler:
    """The one that SDXL is published with."""
    return EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        timestep_spacing="leading",
        steps_offset=1,
    )


def silence_residual_branches(module: nn.Module) -> None:
    """Lets every residual branch begin as zero (Goyal et al. 2017), so that training begins with the
    short way through the network."""
    for part in module.modules():
        if isinstance(part, ResnetBlock2D):
            last = part.conv2
        elif isinstance(part, Transformer2DModel):
            last = part.proj_out
        else:
            continue
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
