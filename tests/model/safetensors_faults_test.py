"""darkroom-server on broken safetensors files: it names the broken rule and exits with 3."""

import json
import struct

import pytest
from checkpoint_support import (
    UNET,
    VAE,
    assert_refused,
    linked_copy,
    read_safetensors,
    refusal,
    replace_bytes,
    write_header,
    write_safetensors,
    write_sparse,
    write_tensors,
)

pytestmark = pytest.mark.timeout(120)

FIRST, SECOND = "decoder.conv_in.bias", "decoder.conv_in.weight"


@pytest.fixture
def model(tmp_path):
    return linked_copy(tmp_path / "model")


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
        (struct.pack("<Q", 7) + b'{"\xff":1}', "JSON"),
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
