"""Token ids are transformers' own, whatever the text and however the folder spells its tokens."""

import json
import subprocess

import pytest
from transformers import CLIPTokenizer

from draws import seeded_random
from hostile_text import draw_text
from live_server import program
from protos import REPOSITORY
from tokenizer_folders import (
    LENGTH,
    MAP,
    PAD,
    ROLES,
    SPELLINGS,
    added_token,
    draw_spelling,
    make_folder,
    typed,
)

STRINGS = 2500
DRAWN_SPELLINGS = 40
NOT_LOADED = 3

FIXED = (
    *("", " ", "\x00", "a\x00b", "\u0301", "\u0301\u0323a", "'", "İ", "ΑΣ ΑΣΑ Σ", "ǅ ǈa ǋ"),
    *("<|endoftext|>", "x<|StartOfText|>!y", "<<|endoftext|>>", "!!!", "! !", "a!b!", "&lt;!&gt;"),
    *("é e\u0301 \u1e69 s\u0323\u0307 s\u0307\u0323", "\u1112\u1161\u11ab", "👩\u200d👩\u200d👧"),
    *("word " * 75, "word " * 76, "!" * 400, "ab" * 4096),
    *("\n\u2028 \u3000a\u2009", "it'S they'LL 'rE'Ve", "7½Ⅷ二"),
    # Marks younger than Unicode 9.0, which transformers leaves in any order, between older ones.
    *("x\u0315\u1dfa\u0323", "x\U0001e947\u07fd", "x\u0345\u08d3", "\U00011935\U00011930"),
    *("<|startoftext|> <|STARTOFTEXT|>x", "<|endof<|endoftext|>text|>", "a</w> A</W>b"),
)


def run_tokenize(folder, texts):
    return subprocess.run(
        [str(program("tokenize")), str(folder)],
        input="".join(json.dumps(text) + "\n" for text in texts),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def our_tokens(folder, texts):
    ended = run_tokenize(folder, texts)
    assert ended.returncode == 0, f"exit {ended.returncode}: {ended.stderr[-2000:]}"
    return [json.loads(line) for line in ended.stdout.splitlines()]


def transformers_tokens(folder, texts):
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    cut = tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH)["input_ids"]
    whole = tokenizer(texts, truncation=False)["input_ids"]
    return [{"ids": c, "truncated": max(0, len(w) - LENGTH)} for c, w in zip(cut, whole)]


def assert_same_tokens(folder, texts):
    ours, expected = our_tokens(folder, texts), transformers_tokens(folder, texts)
    assert len(ours) == len(expected)
    different = [(t, o, e) for t, o, e in zip(texts, ours, expected) if o != e]
    if different:
        text, our, their = min(different, key=lambda case: len(case[0]))
        raise AssertionError(f"{len(different)} differ, as {text!a}: {our}, not {their}")


def draw_texts():
    rng = seeded_random()
    texts = [*FIXED, *(draw_text(rng) for _ in range(STRINGS))]
    long = sum(len(text) > 4 * LENGTH for text in texts)
    assert STRINGS / 50 < long < STRINGS / 2, "the drawn strings must be short and long"
    return texts


@pytest.mark.parametrize("folder", ["tokenizer", "tokenizer_2"])
def test_embedded_model_tokenizes_as_transformers_do(folder):
    assert_same_tokens(REPOSITORY / "models" / "emoji" / folder, draw_texts())


@pytest.mark.parametrize("name", SPELLINGS)
def test_tokens_spelt_in_other_ways_tokenize_as_transformers_do(name, tmp_path):
    assert_same_tokens(make_folder(tmp_path, *SPELLINGS[name]), draw_texts())


def test_tokens_spelt_in_drawn_ways_tokenize_as_transformers_do(tmp_path):
    rng = seeded_random()
    for i in range(DRAWN_SPELLINGS):
        spelling = draw_spelling(rng)
        print(json.dumps(spelling))
        texts = [*FIXED, *(draw_text(rng) for _ in range(50))]
        assert_same_tokens(make_folder(tmp_path / str(i), *spelling), texts)


def test_lines_of_windows_tokenize_as_transformers_do(tmp_path):
    folder = make_folder(tmp_path, *SPELLINGS["published_in_2023"])
    merges = folder / "merges.txt"
    merges.write_bytes(merges.read_bytes().replace(b"\n", b"\r\n"))
    assert_same_tokens(folder, draw_texts())


def assert_refused(folder, *named):
    ended = run_tokenize(folder, [])
    assert ended.returncode == NOT_LOADED, ended.stderr
    for text in named:
        assert text in ended.stderr


@pytest.mark.parametrize("property_name", ["lstrip", "rstrip", "single_word"])
def test_token_that_would_take_its_neighbours_along_is_refused(property_name, tmp_path):
    config = ROLES | {"pad_token": typed(PAD, **{property_name: True})}
    folder = make_folder(tmp_path, config, None)
    assert_refused(folder, "tokenizer_config.json", "pad_token", property_name)


def test_added_token_outside_the_vocabulary_is_refused_by_name(tmp_path):
    added = {"49408": added_token("<cat-toy>", special=False)}
    folder = make_folder(tmp_path, ROLES | {"added_tokens_decoder": added}, None)
    assert_refused(folder, "tokenizer_config.json", "<cat-toy>")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("padding_side", "left"),
        ("truncation_side", "left"),
        ("split_special_tokens", True),
        ("sep_token", "<|endoftext|>"),
        ("mask_token", typed("!")),
        ("additional_special_tokens", ["!"]),
        ("extra_special_tokens", {"image_token": "!"}),
    ],
)
def test_setting_that_would_change_the_tokens_is_refused_by_name(key, value, tmp_path):
    folder = make_folder(tmp_path, ROLES | {key: value}, None)
    assert_refused(folder, "tokenizer_config.json", key)


def test_settings_that_change_nothing_are_read_over(tmp_path):
    config = {"padding_side": "right", "truncation_side": "right", "split_special_tokens": False}
    config |= {"mask_token": None, "additional_special_tokens": [], "extra_special_tokens": {}}
    config |= {"add_prefix_space": False, "do_lower_case": True, "errors": "replace"}
    assert_same_tokens(make_folder(tmp_path, ROLES | config, MAP), list(FIXED))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("value", [None, 7, "", "no such token", {}, {"content": 1}, []])
def test_role_that_is_no_token_is_refused(role, value, tmp_path):
    folder = make_folder(tmp_path, ROLES | {role: value}, None)
    assert_refused(folder, "tokenizer_config.json")


@pytest.mark.parametrize("added", [None, 7, [], {"0": None}, {"0": []}, {"0": {"content": None}}])
def test_added_tokens_decoder_of_no_tokens_is_refused(added, tmp_path):
    folder = make_folder(tmp_path, ROLES | {"added_tokens_decoder": added}, None)
    assert_refused(folder, "tokenizer_config.json", "added_tokens_decoder")


@pytest.mark.parametrize("length", [-1, 0, 2, 1025, 77.5, "77", None, 10**30])
def test_length_that_is_none_is_refused(length, tmp_path):
    folder = make_folder(tmp_path, ROLES | {"model_max_length": length}, None)
    assert_refused(folder, "tokenizer_config.json", "model_max_length")
