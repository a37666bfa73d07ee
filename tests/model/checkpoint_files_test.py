"""darkroom-server on broken, foreign and odd checkpoints: it names the fault and exits with 3."""

import json
import resource
import struct
import subprocess

import pytest
from checkpoint_editing import (
    TEXT_ENCODER,
    UNET,
    VAE,
    edit_json,
    linked_copy,
    read_safetensors,
    replace_bytes,
    write_header,
    write_safetensors,
    write_sparse,
    write_tensors,
)

from live_server import LiveServer, clean_environment, program
from protos import pb

pytestmark = pytest.mark.timeout(120)

NO_MODEL = 3
# A claim in a file must not become memory; the embedded model takes a tenth of this.
MAX_DATA_BYTES = 4 << 30
FIRST, SECOND = "decoder.conv_in.bias", "decoder.conv_in.weight"


@pytest.fixture
def model(tmp_path):
    return linked_copy(tmp_path / "model")


def refusal(model):
    """What the server says on standard error when it ends for want of a model."""
    ended = subprocess.run(
        [
            str(program("darkroom-server")),
            *("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"),
            *("--model", str(model)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES,) * 2),
        check=False,
    )
    assert ended.returncode == NO_MODEL, f"exit {ended.returncode}: {ended.stderr[-4000:]}"
    assert "ready on" not in ended.stdout
    return ended.stderr


def assert_refused(model, *named):
    said = refusal(model)
    for text in named:
        assert text in said, said


def assert_serves(model):
    with LiveServer("--batch-window", "0s", model=model) as live:
        request = pb.GenerateImagesRequest(prompt="a red apple", num_inference_steps=1)
        assert len(live.stub.GenerateImages(request, timeout=60).images) == 1


# --- The length that a safetensors file begins with, and its header's text.


@pytest.mark.parametrize(
    "content, rule",
    [
        (b"", "empty"),
        (b"\x02\0\0\0", "too short"),
        (struct.pack("<Q", 0) + b"{}", "does not begin with {"),
        (struct.pack("<Q", 3) + b"{}", "more than the file holds"),
        (struct.pack("<Q", 2**64 - 1) + b"{}", "more than"),
        (struct.pack("<Q", 2**63) + b"{}", "more than"),
        (struct.pack("<Q", 2) + b"[]", "does not begin with {"),
        (struct.pack("<Q", 3) + b" {}", "does not begin with {"),
        (struct.pack("<Q", 4) + b'{"a"', "JSON"),
        (struct.pack("<Q", 5) + b"{} {}", "JSON"),
        (struct.pack("<Q", 7) + b'{"\xff":1', "JSON"),
        (struct.pack("<Q", 2) + b"{}" + b"\0" * 8, "describes 0 bytes"),
    ],
    ids=[
        "empty file",
        "four bytes",
        "length 0",
        "longer than file",
        "length 2^64-1",
        "length 2^63",
        "array",
        "blank first",
        "cut JSON",
        "two values",
        "not UTF-8",
        "data without tensors",
    ],
)
def test_broken_header_is_refused(model, content, rule):
    replace_bytes(model / VAE, content)
    assert_refused(model, VAE, rule)


def test_header_above_100_mb_is_refused_though_the_file_is_that_long(model):
    write_sparse(model / VAE, header_length=110_000_000, size=120_000_000)
    assert_refused(model, VAE, "100 MB")


def test_deeply_nested_header_is_refused(model):
    nested = b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"
    write_header(model / VAE, nested, b"")
    assert_refused(model, VAE, "nested")


def test_duplicate_key_is_refused(model):
    header, data = read_safetensors(model / VAE)
    text = json.dumps(header)
    again = f', "{FIRST}": {json.dumps(header[FIRST])}}}'
    write_header(model / VAE, (text[:-1] + again).encode(), data)
    assert_refused(model, VAE, FIRST, "twice")


# --- What the header says of its tensors.


def adjacent_tensors(header):
    """Two entries whose data lie side by side, in that order."""
    ordered = sorted(header, key=lambda key: header[key]["data_offsets"])
    return header[ordered[3]], header[ordered[4]]


def reverse_offsets(header):
    header[FIRST]["data_offsets"].reverse()


def overlap(header):
    before, after = adjacent_tensors(header)
    after["data_offsets"] = [offset - 2 for offset in after["data_offsets"]]


def leave_hole(header):
    before, after = adjacent_tensors(header)
    after["data_offsets"] = [offset + 2 for offset in after["data_offsets"]]


def leave_out_one(header):
    del header[FIRST]


def same_place_for_two(header):
    header[FIRST + "2"] = dict(header[FIRST])


def point_past_the_end(header):
    last = max(header.values(), key=lambda entry: entry["data_offsets"])
    last["shape"][0] *= 2
    begin, end = last["data_offsets"]
    last["data_offsets"] = [begin, end + end - begin]


def point_near_2_to_64(header):
    header[FIRST]["data_offsets"] = [2**64 - 96, 2**64]


def wrap_offsets(header):
    header[FIRST]["data_offsets"] = [2**64 - 48, 48]


def contradict_size(header):
    header[SECOND]["shape"][0] += 1


def contradict_dtype(header):
    header[FIRST]["dtype"] = "F32"


def overflow_product(header):
    header[FIRST]["shape"] = [2**32, 2**32]


def overflow_to_true_size(header):
    # 2^63 + 48 values of 2 bytes are the true 96 bytes modulo 2^64.
    header[FIRST]["shape"] = [16, 2**59 + 3]


def negative_extent(header):
    header[FIRST]["shape"] = [-48]


def fractional_extent(header):
    header[FIRST]["shape"] = [48.5]


def extent_beyond_64_bits(header):
    header[FIRST]["shape"] = [2**70]


def shape_of_text(header):
    header[FIRST]["shape"] = "48"


def three_offsets(header):
    header[FIRST]["data_offsets"].append(0)


def unknown_dtype(header):
    header[FIRST]["dtype"] = "F13"


def missing_dtype(header):
    del header[FIRST]["dtype"]


def entry_of_null(header):
    header[FIRST] = None


@pytest.mark.parametrize(
    "edit, rule",
    [
        (reverse_offsets, "reversed"),
        (overlap, "overlaps"),
        (leave_hole, "hole"),
        (leave_out_one, "hole"),
        (same_place_for_two, "overlaps"),
        (point_past_the_end, "the file holds"),
        (point_near_2_to_64, "data_offsets"),
        (wrap_offsets, "reversed"),
        (contradict_size, "contradict"),
        (contradict_dtype, "contradict"),
        (overflow_product, "too large"),
        (overflow_to_true_size, "too large"),
        (negative_extent, "shape"),
        (fractional_extent, "shape"),
        (extent_beyond_64_bits, "shape"),
        (shape_of_text, "shape"),
        (three_offsets, "data_offsets"),
        (unknown_dtype, "dtype"),
        (missing_dtype, "dtype"),
        (entry_of_null, FIRST),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_header_at_odds_with_its_data_is_refused(model, edit, rule):
    header, data = read_safetensors(model / VAE)
    edit(header)
    write_safetensors(model / VAE, header, data)
    assert_refused(model, VAE, rule)


@pytest.mark.parametrize("cut", [1, 100_000])
def test_truncated_file_is_refused(model, cut):
    replace_bytes(model / UNET, (model / UNET).read_bytes()[:-cut])
    assert_refused(model, UNET, "the file holds")


# --- Tensors that do not fit the config.


def test_missing_extra_and_misshapen_tensors_are_one_error(model):
    header, data = read_safetensors(model / UNET)
    header["stray.weight"] = header.pop("conv_in.bias")
    header["conv_out.bias"]["shape"] = [2, 2]
    write_tensors(model / UNET, header, data)
    assert_refused(model, "unet", "conv_in.bias", "stray.weight", "conv_out.bias", "3 places")


def test_of_many_missing_tensors_ten_are_listed(model):
    header, data = read_safetensors(model / UNET)
    missing = [key for key in header if key.startswith("mid_block.resnets.0.")]
    missing += [key for key in header if key.startswith("down_blocks.0.resnets.0.")]
    for key in missing:
        del header[key]
    write_tensors(model / UNET, header, data)
    said = refusal(model)
    assert f"{len(missing)} places" in said
    assert sum(key in said for key in missing) == 10 < len(missing)


def test_unet_of_another_kind_is_refused(model):
    header, data = read_safetensors(model / UNET)
    kept = {key: entry for key, entry in header.items() if not key.startswith("add_embedding.")}
    write_tensors(model / UNET, kept, data)
    assert_refused(model, "unet", "add_embedding.linear_1.weight")


def test_integers_for_weights_are_refused(model):
    header, data = read_safetensors(model / VAE)
    header[FIRST]["dtype"] = "I16"
    write_safetensors(model / VAE, header, data)
    assert_refused(model, "vae", FIRST, "I16")


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
        (UNET_CONFIG, "attention_head_dim", [1, 2, 7]),
        (UNET_CONFIG, "sample_size", -16),
        (UNET_CONFIG, "sample_size", 0),
        (UNET_CONFIG, "cross_attention_dim", 95),
        (UNET_CONFIG, "projection_class_embeddings_input_dim", 111),
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


def test_position_ids_of_older_transformers_serve(model):
    header, data = read_safetensors(model / TEXT_ENCODER)
    end = max(entry["data_offsets"][1] for entry in header.values())
    positions = struct.pack("<77q", *range(77))
    header["embeddings.position_ids"] = {
        "dtype": "I64",
        "shape": [1, 77],
        "data_offsets": [end, end + len(positions)],
    }
    write_safetensors(model / TEXT_ENCODER, header, data + positions)
    assert_serves(model)
