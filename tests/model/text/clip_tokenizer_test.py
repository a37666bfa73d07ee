"""Token ids are transformers' own, whatever the text and however the folder spells its tokens."""

import json
import shutil
import subprocess

import pytest
from transformers import CLIPTokenizer

from draws import seeded_random
from hostile_text import draw_text
from live_server import program
from protos import REPOSITORY

EMBEDDED = REPOSITORY / "models" / "emoji"
LENGTH = 77
STRINGS = 2500
BEGIN, END, PAD = "<|startoftext|>", "<|endoftext|>", "!"
ROLES = {"bos_token": BEGIN, "eos_token": END, "unk_token": END, "pad_token": PAD}

FIXED = (
    *("", " ", "\x00", "a\x00b", "\u0301", "\u0301\u0323a", "'", "İ", "ΑΣ ΑΣΑ Σ", "ǅ ǈa ǋ"),
    *("<|endoftext|>", "x<|StartOfText|>!y", "<<|endoftext|>>", "!!!", "! !", "a!b!", "&lt;!&gt;"),
    *("é e\u0301 \u1e69 s\u0323\u0307 s\u0307\u0323", "\u1112\u1161\u11ab", "👩\u200d👩\u200d👧"),
    *("word " * 75, "word " * 76, "!" * 400, "\n\u2028 \u3000a\u2009", "it'S they'LL 'rE'Ve", "7½Ⅷ二"),
)


def added_token(content, **changes):
    plain = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    return {"content": content, **plain, **changes}


def typed(content, **changes):
    return {"__type": "AddedToken", **added_token(content, **changes)}


def decoder(**normalized):
    """added_tokens_decoder as transformers 4.4x writes it, without the pad token unless it is named."""
    ids = {"begin": ("49406", BEGIN), "end": ("49407", END), "pad": ("0", PAD)}
    return {
        ids[name][0]: added_token(ids[name][1], normalized=value, special=True)
        for name, value in normalized.items()
    }


# tokenizer_config.json and special_tokens_map.json; None: no such file.
PUBLISHED_MAP = {role: added_token(token) for role, token in ROLES.items()} | {"pad_token": PAD}
PUBLISHED_2023 = {role: typed(token) for role, token in ROLES.items()} | {"pad_token": PAD}
FOLDERS = {
    "published_2023": (PUBLISHED_2023, PUBLISHED_MAP),
    "typed_objects_without_map": (PUBLISHED_2023, None),
    "typed_objects_that_pad_with_end": (PUBLISHED_2023 | {"pad_token": END}, None),
    "strings_without_map": (ROLES, None),
    "strings_before_a_map_of_objects": (ROLES, PUBLISHED_MAP),
    "objects_before_a_map_of_strings": (PUBLISHED_2023, ROLES),
    "map_of_objects_not_normalized": (
        ROLES,
        {role: added_token(token, normalized=False) for role, token in ROLES.items()},
    ),
    "normalized_pad": (PUBLISHED_2023 | {"pad_token": typed(PAD)}, None),
    "pad_named_in_the_map_alone": (
        {role: typed(token) for role, token in ROLES.items() if role != "pad_token"},
        {"pad_token": PAD},
    ),
    "no_roles_at_all": ({}, None),
    "added_tokens_decoder": (
        ROLES | {"added_tokens_decoder": decoder(pad=False, begin=True, end=True)},
        PUBLISHED_MAP,
    ),
    "added_tokens_decoder_end_not_normalized": (
        ROLES | {"added_tokens_decoder": decoder(pad=False, begin=True, end=False)},
        PUBLISHED_MAP,
    ),
    "added_tokens_decoder_without_pad": (
        ROLES | {"added_tokens_decoder": decoder(begin=True, end=False)},
        PUBLISHED_MAP,
    ),
    "added_tokens_decoder_that_the_map_contradicts": (
        ROLES | {"pad_token": END, "added_tokens_decoder": decoder(begin=False, end=True)},
        PUBLISHED_MAP,
    ),
    "added_tokens_decoder_beside_typed_objects": (
        PUBLISHED_2023 | {"added_tokens_decoder": decoder(pad=True, begin=False, end=False)},
        None,
    ),
    "added_tokens_decoder_of_an_ordinary_word": (
        ROLES | {"added_tokens_decoder": {"320": added_token("a</w>", special=False)}},
        None,
    ),
    "empty_added_tokens_decoder": (ROLES | {"added_tokens_decoder": {}}, PUBLISHED_MAP),
}


def make_folder(folder, config, token_map):
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(EMBEDDED / "tokenizer_2" / name, folder)
    config = {"model_max_length": LENGTH, "tokenizer_class": "CLIPTokenizer"} | config
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if token_map is not None:
        (folder / "special_tokens_map.json").write_text(json.dumps(token_map))
    return folder


def our_tokens(folder, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    ended = subprocess.run(
        [str(program("tokenize")), str(folder)],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, f"exit {ended.returncode}: {ended.stderr[-2000:]}"
    return [json.loads(line) for line in ended.stdout.splitlines()]


def transformers_tokens(folder, texts):
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    cut = tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH)["input_ids"]
    whole = tokenizer(texts, truncation=False)["input_ids"]
    return [{"ids": c, "truncated": max(0, len(w) - LENGTH)} for c, w in zip(cut, whole)]


def assert_same_tokens(folder):
    rng = seeded_random()
    texts = [*FIXED, *(draw_text(rng) for _ in range(STRINGS))]
    ours, expected = our_tokens(folder, texts), transformers_tokens(folder, texts)
    assert len(ours) == len(expected)
    different = [(t, o, e) for t, o, e in zip(texts, ours, expected) if o != e]
    if different:
        text, our, their = min(different, key=lambda case: len(case[0]))
        raise AssertionError(f"{len(different)} differ, as {text!a}: {our}, not {their}")
    assert any(e["truncated"] for e in expected) and not all(e["truncated"] for e in expected)


@pytest.mark.parametrize("folder", ["tokenizer", "tokenizer_2"])
def test_embedded_model_tokenizes_as_transformers_do(folder):
    assert_same_tokens(EMBEDDED / folder)


@pytest.mark.parametrize("name", FOLDERS)
def test_tokens_spelt_in_other_ways_tokenize_as_transformers_do(name, tmp_path):
    assert_same_tokens(make_folder(tmp_path, *FOLDERS[name]))


@pytest.mark.parametrize("token", ["lstrip", "rstrip", "single_word"])
def test_token_that_takes_its_neighbours_along_is_refused(token, tmp_path):
    config = ROLES | {"pad_token": typed(PAD, **{token: True})}
    assert_refused(make_folder(tmp_path, config, None), "tokenizer_config.json", token)


def test_token_outside_the_vocabulary_is_refused_by_name(tmp_path):
    added = {"49408": added_token("<cat-toy>", special=False)}
    config = ROLES | {"added_tokens_decoder": added}
    assert_refused(make_folder(tmp_path, config, None), "tokenizer_config.json", "<cat-toy>")


def assert_refused(folder, *named):
    ended = subprocess.run(
        [str(program("tokenize")), str(folder)], input="", capture_output=True, text=True, check=False
    )
    assert ended.returncode == 3, ended.stdout
    for text in named:
        assert text in ended.stderr
