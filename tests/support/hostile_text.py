"""Random strings of everything that Unicode and CLIP's tokenizer treat in a special way.

All code points are assigned in Python's own Unicode, so that libraries with newer tables agree.
"""

import unicodedata

from draws import draw_prompt

_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
_SPACES += "\u200a\u2028\u2029\u202f\u205f\u3000"
_NEARLY_SPACES = "\x1c\x1d\x1e\x1f\u180e\u200b\u200c\u200d\u2060\ufeff"
_CASES = "İıſẞßΣσςǅǄǆǈǋǲKÅῼŉǰΐᾳᾼﬁﬀԱևÅÉéÑñÜüÆæ"
_EMOJI = "😀👩👨👧👦🏳🌈👍🏽❤✈🔥🇯🇵🐈⬛\ufe0f\u200d\u20e3"
_CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "’s", "''s", "'S's", "'l", "'")
_ENTITIES = ("&amp;", "&lt;b&gt;", "&#39;", "&quot;", "&nbsp;", "&amp;amp;", "&bogus;", "&")
_SPECIAL = ("<|startoftext|>", "<|endoftext|>", "<|endoftext", "|endoftext|>", "</w>", "<|", "!")
_BLOCKS = {
    "cjk": range(0x4E00, 0x9FFF),
    "kana": range(0x3041, 0x30FF),
    "jamo": range(0x1100, 0x1200),
    "hangul": range(0xAC00, 0xD7A4),
    "arabic": range(0x0600, 0x0700),
    "indic": range(0x0900, 0x0E00),
    "latin": range(0x00C0, 0x0250),
    "compatibility": range(0xF900, 0xFB50),
    "controls": (*range(0x20), *range(0x7F, 0xA0)),
    "private": range(0xE000, 0xE010),
}


def _is_assigned(code):
    return unicodedata.category(chr(code)) not in ("Cn", "Cs")


_ASSIGNED = [chr(code) for code in range(0x110000) if _is_assigned(code)]
_BY_CATEGORY = {}
for _letter in _ASSIGNED:
    _BY_CATEGORY.setdefault(unicodedata.category(_letter), []).append(_letter)
_MARKS = [c for c in _BY_CATEGORY["Mn"] if unicodedata.combining(c)]
_NUMBERS = [c for category in ("Nd", "Nl", "No") for c in _BY_CATEGORY[category]]
_BLOCK_LETTERS = [[chr(c) for c in block if _is_assigned(c)] for block in _BLOCKS.values()]


def _some(rng, letters, longest=6):
    return "".join(rng.choice(letters) for _ in range(rng.randint(1, longest)))


def _any_case(rng, text):
    return "".join(rng.choice((c.lower(), c.upper(), c)) for c in text)


def _marks_in_any_order(rng):
    return rng.choice(("", "a", "E", "ạ", "가", "한", "ｶ")) + _some(rng, _MARKS, 5)


_PIECES = (
    draw_prompt,
    lambda rng: _some(rng, _SPACES, 4),
    lambda rng: _some(rng, _SPACES + _NEARLY_SPACES, 3),
    lambda rng: _some(rng, _CASES),
    lambda rng: _some(rng, _EMOJI, 8),
    lambda rng: _some(rng, rng.choice(_BLOCK_LETTERS)),
    lambda rng: _some(rng, _NUMBERS, 4),
    lambda rng: _some(rng, _BY_CATEGORY[rng.choice(sorted(_BY_CATEGORY))], 3),
    lambda rng: _some(rng, _ASSIGNED, 4),
    _marks_in_any_order,
    lambda rng: _any_case(rng, rng.choice(_CONTRACTIONS)) + rng.choice(("", "x", " ", "É")),
    lambda rng: _any_case(rng, rng.choice(_SPECIAL)),
    lambda rng: rng.choice(_ENTITIES),
    lambda rng: _some(rng, "!?.,;:'\"#$%&()*+-/<=>@[]^_`{|}~", 9),
    lambda rng: rng.choice("!#-=*♥\x00") * rng.randint(2, 200),
    lambda rng: _some(rng, rng.choice(("ab", "eiou", "abcdefghijklmnopqrstuvwxyz")), 300),
    lambda rng: unicodedata.normalize(rng.choice(("NFD", "NFKD", "NFC")), _some(rng, _ASSIGNED, 4)),
)


def draw_text(rng):
    """Up to a dozen pieces, now and then many, with and without blanks between them."""
    pieces = rng.choice((0, 1, 1, 2, 3, 5, 8, 12, 60))
    blank = rng.choice(("", "", " "))
    return blank.join(rng.choice(_PIECES)(rng) for _ in range(pieces))
