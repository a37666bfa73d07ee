"""The names of the metrics in PromQL, which Prometheus 2.42 has no command for."""

import re

_TEXTS = re.compile(r"#[^\n]*|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`")
_LABELS = re.compile(r"\{[^{}]*\}|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_RANGES = re.compile(r"\[[^\[\]]*\]|\boffset\s+-?\w+")
_NAMES = re.compile(r"(?<![\w:.])([A-Za-z_:][\w:]*)(?!\s*\()(?![\w:])")
_WORDS = {"and", "or", "unless", "bool", "group_left", "group_right", "atan2", "inf", "nan"}


def metric_names(expression):
    """The metrics that an expression reads: series, not functions, labels or operators."""
    for pattern in (_TEXTS, _LABELS, _RANGES):
        expression = pattern.sub(" ", expression)
    return {name for name in _NAMES.findall(expression) if name.lower() not in _WORDS}
