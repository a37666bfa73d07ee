"""CLIP tokenizer folders whose special tokens are spelt in all the ways that transformers reads.

A spelling is the content of tokenizer_config.json and of special_tokens_map.json, which may lack.
"""

import json
import shutil

from protos import REPOSITORY

LENGTH = 77
BEGIN, END, PAD = "<|startoftext|>", "<|endoftext|>", "!"
ROLES = {"bos_token": BEGIN, "eos_token": END, "unk_token": END, "pad_token": PAD}
_VOCABULARY = REPOSITORY / "models" / "emoji" / "tokenizer_2"
_IDS = {BEGIN: "49406", END: "49407", PAD: "0", "a</w>": "320"}


def added_token(content, **changes):
    plain = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    return {"content": content, **plain, **changes}


def typed(content, **changes):
    return {"__type": "AddedToken", **added_token(content, **changes)}


def decoder(**normalized):
    """added_tokens_decoder as transformers 4.4x writes it, of the tokens that are named."""
    tokens = {"begin": BEGIN, "end": END, "pad": PAD}
    return {
        "added_tokens_decoder": {
            _IDS[tokens[name]]: added_token(tokens[name], normalized=value, special=True)
            for name, value in normalized.items()
        }
    }


# As SDXL was published: objects, and a plain string for the second tokenizer's padding.
TYPED = {role: typed(token) for role, token in ROLES.items()} | {"pad_token": PAD}
MAP = {role: added_token(token) for role, token in ROLES.items()} | {"pad_token": PAD}
_WORD = {"added_tokens_decoder": {"320": added_token("a</w>", special=False)}}

SPELLINGS = {
    "published_in_2023": (TYPED, MAP),
    "objects_without_map": (TYPED, None),
    "objects_that_pad_with_end": (TYPED | {"pad_token": END}, None),
    "strings_without_map": (ROLES, None),
    "map_of_objects_before_strings": (ROLES, MAP),
    "map_of_strings_before_objects": (TYPED, ROLES),
    "map_of_objects_not_normalized": (
        ROLES,
        {role: added_token(token, normalized=False) for role, token in ROLES.items()},
    ),
    "normalized_pad": (TYPED | {"pad_token": typed(PAD)}, None),
    "pad_in_the_map_alone": (
        {role: token for role, token in TYPED.items() if role != "pad_token"},
        {"pad_token": PAD},
    ),
    "no_roles_at_all": ({}, None),
    "decoder": (ROLES | decoder(pad=False, begin=True, end=True), MAP),
    "decoder_with_end_not_normalized": (ROLES | decoder(pad=False, begin=True, end=False), MAP),
    "decoder_without_pad": (ROLES | decoder(begin=True, end=False), MAP),
    "decoder_before_a_map_that_contradicts": (
        ROLES | {"pad_token": END} | decoder(begin=False, end=True),
        MAP,
    ),
    "decoder_before_objects": (TYPED | decoder(pad=True, begin=False, end=False), None),
    "decoder_of_an_ordinary_word": (ROLES | _WORD, None),
    "empty_decoder": (ROLES | decoder(), MAP),
}


def _draw_token(rng, content, make):
    kind = rng.randrange(4)
    if kind == 0:
        return content
    token = make(content, normalized=rng.random() < 0.5)
    return token | {"special": rng.random() < 0.5} if kind == 1 else token


def draw_spelling(rng):
    roles = ROLES | {"pad_token": rng.choice((PAD, END))}
    config = {r: _draw_token(rng, t, typed) for r, t in roles.items() if rng.random() < 0.8}
    token_map = {
        r: _draw_token(rng, t, added_token) for r, t in roles.items() if rng.random() < 0.7
    }
    if rng.random() < 0.4:
        config["added_tokens_decoder"] = {
            _IDS[token]: added_token(
                token, normalized=rng.random() < 0.5, special=rng.random() < 0.7
            )
            for token in _IDS
            if rng.random() < 0.6
        }
    return config, token_map if rng.random() < 0.6 else None


def make_folder(folder, config, token_map):
    folder.mkdir(exist_ok=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(_VOCABULARY / name, folder)
    config = {"model_max_length": LENGTH, "tokenizer_class": "CLIPTokenizer"} | config
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if token_map is not None:
        (folder / "special_tokens_map.json").write_text(json.dumps(token_map))
    return folder
