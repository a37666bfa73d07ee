"""darkroom-server on foreign, incomplete and odd checkpoints: it serves or names the fault."""

import json

import pytest
from checkpoint_support import (
    TEXT_ENCODER,
    UNET,
    VAE,
    assert_refused,
    assert_serves,
    edit_json,
    linked_copy,
    read_safetensors,
    replace_bytes,
    write_header,
    write_tensors,
)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def model(tmp_path):
    return linked_copy(tmp_path / "model")


# --- Files that are absent or of another format.


@pytest.mark.parametrize(
    "pickle", ["diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.bin"]
)
def test_pickle_is_refused_with_a_hint(model, pickle):
    (model / UNET).unlink()
    replace_bytes(model / "unet" / pickle, b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.")
    assert_refused(model, "unet", "pickle", "safetensors")


@pytest.mark.parametrize("name", ["model.ckpt", "model.safetensors"])
def test_file_instead_of_a_folder_is_refused(tmp_path, name):
    replace_bytes(tmp_path / name, b"\x80\x02.")
    assert_refused(tmp_path / name, name)


@pytest.mark.parametrize(
    "file",
    [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        TEXT_ENCODER,
        "text_encoder_2/config.json",
        "tokenizer/vocab.json",
        "tokenizer_2/merges.txt",
        "unet/config.json",
        "vae/config.json",
        VAE,
    ],
)
@pytest.mark.parametrize("fault", ["absent", "garbage", "directory"])
def test_file_that_cannot_be_read_is_named(model, file, fault):
    (model / file).unlink()
    if fault == "garbage":
        (model / file).write_bytes(b"\xff{[\0garbage" * 20)
    elif fault == "directory":
        (model / file).mkdir()
    named = file.rpartition("/")[0] if file.endswith(".safetensors") else file
    assert_refused(model, named)


@pytest.mark.parametrize("lines", [0, 1, 20_000])
def test_cut_merges_are_refused(model, lines):
    merges = (model / "tokenizer/merges.txt").read_text().splitlines(keepends=True)
    replace_bytes(model / "tokenizer/merges.txt", "".join(merges[:lines]).encode())
    assert_refused(model, "tokenizer/merges.txt")


def test_token_beyond_the_embeddings_is_refused(model):
    edit_json(model / "tokenizer_2/vocab.json", **{"localized</w>": 49_408})
    assert_refused(model, "tokenizer_2")


def test_absent_folder_is_named(tmp_path):
    assert_refused(tmp_path / "nowhere", "nowhere")


# --- Configs: what is not supported is named, never ignored.

UNET_CONFIG = "unet/config.json"
VAE_CONFIG = "vae/config.json"
SCHEDULER_CONFIG = "scheduler/scheduler_config.json"
TEXT_CONFIG = "text_encoder_2/config.json"


@pytest.mark.parametrize(
    "file, key, value",
    [
        ("model_index.json", "_class_name", "StableDiffusionPipeline"),
        ("model_index.json", "_class_name", "StableDiffusionXLImg2ImgPipeline"),
        ("model_index.json", "unet", ["diffusers", "UNet2DModel"]),
        (UNET_CONFIG, "act_fn", "gelu"),
        (UNET_CONFIG, "resnet_time_scale_shift", "scale_shift"),
        (UNET_CONFIG, "addition_embed_type", "text"),
        (UNET_CONFIG, "class_embed_type", "timestep"),
        (UNET_CONFIG, "encoder_hid_dim", 768),
        (UNET_CONFIG, "only_cross_attention", True),
        (UNET_CONFIG, "time_cond_proj_dim", 256),
        (UNET_CONFIG, "time_embedding_type", "fourier"),
        (UNET_CONFIG, "mid_block_type", "UNetMidBlock2D"),
        (UNET_CONFIG, "down_block_types", ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"]),
        (UNET_CONFIG, "an_option_of_tomorrow", 7),
        (VAE_CONFIG, "act_fn", "relu"),
        (VAE_CONFIG, "shift_factor", 0.1),
        (VAE_CONFIG, "up_block_types", ["UpDecoderBlock2D", "AttnUpDecoderBlock2D"]),
        (VAE_CONFIG, "an_option_of_tomorrow", 7),
        (SCHEDULER_CONFIG, "_class_name", "ScoreSdeVeScheduler"),
        (SCHEDULER_CONFIG, "prediction_type", "sample"),
        (SCHEDULER_CONFIG, "use_karras_sigmas", True),
        (SCHEDULER_CONFIG, "timestep_spacing", "backwards"),
        (SCHEDULER_CONFIG, "an_option_of_tomorrow", 7),
        (TEXT_CONFIG, "hidden_act", "relu"),
        (TEXT_CONFIG, "model_type", "t5"),
        (TEXT_CONFIG, "an_option_of_tomorrow", 7),
    ],
)
def test_unsupported_config_value_is_named(model, file, key, value):
    edit_json(model / file, **{key: value})
    assert_refused(model, file, key)


@pytest.mark.parametrize(
    "file, key, value",
    [
        (UNET_CONFIG, "block_out_channels", []),
        (UNET_CONFIG, "block_out_channels", "wide"),
        (UNET_CONFIG, "layers_per_block", 0),
        (UNET_CONFIG, "layers_per_block", 2_000_000_000),
        (UNET_CONFIG, "transformer_layers_per_block", [1, 1, 2_000_000_000]),
        (UNET_CONFIG, "norm_num_groups", 0),
        (UNET_CONFIG, "norm_num_groups", 7),
        (UNET_CONFIG, "attention_head_dim", [1, 0, 3]),
        (UNET_CONFIG, "sample_size", -16),
        (UNET_CONFIG, "sample_size", 0),
        (UNET_CONFIG, "flip_sin_to_cos", "yes"),
        (VAE_CONFIG, "norm_num_groups", 5),
        (VAE_CONFIG, "layers_per_block", 2_000_000_000),
        (VAE_CONFIG, "scaling_factor", 0),
        (VAE_CONFIG, "latent_channels", 0),
        (SCHEDULER_CONFIG, "num_train_timesteps", 0),
        (SCHEDULER_CONFIG, "num_train_timesteps", 2_000_000_000),
        (SCHEDULER_CONFIG, "beta_end", 1.5),
        (TEXT_CONFIG, "num_attention_heads", 0),
        (TEXT_CONFIG, "num_attention_heads", 7),
        (TEXT_CONFIG, "num_hidden_layers", 0),
        (TEXT_CONFIG, "num_hidden_layers", 2_000_000_000),
        (TEXT_CONFIG, "max_position_embeddings", 0),
        (TEXT_CONFIG, "vocab_size", 2**40),
    ],
)
def test_config_value_out_of_range_is_named(model, file, key, value):
    edit_json(model / file, **{key: value})
    assert_refused(model, file.partition("/")[0], key)


@pytest.mark.parametrize(
    "key, value, named",
    [
        ("attention_head_dim", [1, 2, 7], "heads"),
        ("cross_attention_dim", 95, "attn2.to_k.weight"),
        ("projection_class_embeddings_input_dim", 111, "add_embedding.linear_1.weight"),
    ],
)
def test_config_at_odds_with_the_weights_is_refused(model, key, value, named):
    edit_json(model / UNET_CONFIG, **{key: value})
    assert_refused(model, "unet", named)


def test_deeply_nested_config_is_refused(model):
    replace_bytes(model / UNET_CONFIG, b'{"act_fn":' * 1_000_000)
    assert_refused(model, UNET_CONFIG)


# --- Shards.


def shard_unet(model, weight_map=None):
    """Splits the UNet into two shards and writes their index."""
    header, data = read_safetensors(model / UNET)
    (model / UNET).unlink()
    keys = sorted(header)
    names = [f"diffusion_pytorch_model.fp16-0000{part}-of-00002.safetensors" for part in (1, 2)]
    halves = (keys[: len(keys) // 2], keys[len(keys) // 2 :])
    for name, half in zip(names, halves, strict=True):
        write_tensors(model / "unet" / name, {key: header[key] for key in half}, data)
    index = {"metadata": {}, "weight_map": {key: names[key in halves[1]] for key in keys}}
    index["weight_map"] |= weight_map or {}
    index_path = model / "unet" / "diffusion_pytorch_model.safetensors.index.fp16.json"
    replace_bytes(index_path, json.dumps(index).encode())
    return names


def test_absent_shard_is_named(model):
    names = shard_unet(model)
    (model / "unet" / names[1]).unlink()
    assert_refused(model, names[1])


@pytest.mark.parametrize(
    "name", ["../vae/diffusion_pytorch_model.fp16.safetensors", "/dev/zero", 7]
)
def test_index_leads_nowhere_but_to_its_own_folder(model, name):
    shard_unet(model, {"conv_in.bias": name})
    assert_refused(model, "diffusion_pytorch_model.safetensors.index.fp16.json")


# --- Odd, yet right.


def test_shards_serve(model):
    shard_unet(model)
    assert_serves(model)


def test_weights_without_a_variant_in_their_name_serve(model):
    for file in model.rglob("*.fp16.safetensors"):
        file.rename(file.with_name(file.name.replace(".fp16", "")))
    assert_serves(model)


def test_unknown_option_that_is_null_serves(model):
    for file in (UNET_CONFIG, VAE_CONFIG, SCHEDULER_CONFIG, TEXT_CONFIG):
        edit_json(model / file, an_option_of_tomorrow=None)
    assert_serves(model)


def test_trailing_blanks_in_a_header_serve(model):
    header, data = read_safetensors(model / VAE)
    write_header(model / VAE, json.dumps(header).encode() + b"   ", data)
    assert_serves(model)
