"""Three small SDXL shapes that between them use every dimension a config.json can vary."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckpointSpec:
    """What differs between the random checkpoints; the rest is SDXL's."""

    name: str
    seed: int
    text_encoder: dict
    text_encoder_2: dict
    unet: dict
    vae: dict
    scheduler: dict
    force_zeros_for_empty_prompt: bool
    # Float16 `.fp16.` files with the keys of the published SDXL base, and a sharded UNet.
    as_of_2023: bool = False


TWO_LEVELS = CheckpointSpec(
    name="two_levels",
    seed=2,
    text_encoder=dict(
        hidden_size=24,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=64,
        projection_dim=24,
        hidden_act="quick_gelu",
    ),
    text_encoder_2=dict(
        hidden_size=40,
        num_attention_heads=4,
        num_hidden_layers=3,
        intermediate_size=96,
        projection_dim=32,
        hidden_act="gelu",
    ),
    unet=dict(
        block_out_channels=(16, 32),
        layers_per_block=2,
        attention_head_dim=4,
        norm_num_groups=8,
        transformer_layers_per_block=1,
        use_linear_projection=False,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        addition_time_embed_dim=8,
        sample_size=32,
    ),
    vae=dict(
        block_out_channels=(16, 24), layers_per_block=1, norm_num_groups=8, scaling_factor=0.5
    ),
    scheduler=dict(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        timestep_spacing="linspace",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        steps_offset=0,
    ),
    force_zeros_for_empty_prompt=False,
)

THREE_LEVELS = CheckpointSpec(
    name="three_levels",
    seed=3,
    text_encoder=dict(
        hidden_size=32,
        num_attention_heads=4,
        num_hidden_layers=2,
        intermediate_size=128,
        projection_dim=32,
        hidden_act="quick_gelu",
        bos_token_id=0,
        eos_token_id=2,
    ),
    text_encoder_2=dict(
        hidden_size=48,
        num_attention_heads=3,
        num_hidden_layers=2,
        intermediate_size=192,
        projection_dim=40,
        hidden_act="gelu",
        bos_token_id=0,
        eos_token_id=2,
    ),
    unet=dict(
        block_out_channels=(32, 64, 96),
        layers_per_block=2,
        attention_head_dim=[2, 4, 8],
        norm_num_groups=16,
        transformer_layers_per_block=[1, 2, 3],
        use_linear_projection=True,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        addition_time_embed_dim=16,
        sample_size=12,
    ),
    vae=dict(
        block_out_channels=(16, 24, 32, 48),
        layers_per_block=2,
        norm_num_groups=8,
        scaling_factor=0.13025,
        sample_size=128,
    ),
    scheduler=dict(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        timestep_spacing="leading",
        steps_offset=1,
    ),
    force_zeros_for_empty_prompt=True,
    as_of_2023=True,
)

FOUR_LEVELS = CheckpointSpec(
    name="four_levels",
    seed=4,
    text_encoder=dict(
        hidden_size=36,
        num_attention_heads=3,
        num_hidden_layers=3,
        intermediate_size=80,
        projection_dim=36,
        hidden_act="gelu",
    ),
    text_encoder_2=dict(
        hidden_size=60,
        num_attention_heads=5,
        num_hidden_layers=4,
        intermediate_size=100,
        projection_dim=44,
        hidden_act="quick_gelu",
        layer_norm_eps=1e-4,
    ),
    unet=dict(
        block_out_channels=(24, 36, 48, 60),
        layers_per_block=[1, 2, 1, 2],
        attention_head_dim=[2, 3, 4, 5],
        norm_num_groups=12,
        norm_eps=1e-6,
        transformer_layers_per_block=[1, 2, 1, 1],
        reverse_transformer_layers_per_block=None,
        use_linear_projection=True,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        addition_time_embed_dim=12,
        sample_size=18,
    ),
    vae=dict(
        block_out_channels=(12, 24, 36), layers_per_block=2, norm_num_groups=6, scaling_factor=0.9
    ),
    scheduler=dict(
        beta_schedule="linear",
        beta_start=0.0001,
        beta_end=0.015,
        timestep_spacing="trailing",
        steps_offset=0,
    ),
    force_zeros_for_empty_prompt=True,
)

SPECS = {spec.name: spec for spec in (TWO_LEVELS, THREE_LEVELS, FOUR_LEVELS)}
