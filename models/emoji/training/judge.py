"""Which of the wanted subjects and backgrounds a set of pictures shows, in figures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from captions import captions_of
from recognise import Recogniser, background_of
from subjects import BACKGROUNDS, HELD_OUT, PAIRS, Pair

_FORMS_WITH_BACKGROUND = 2  # The first ones of captions_of.


@dataclass(frozen=True)
class Case:
    pair: Pair
    prompt: str
    seed: int


@dataclass(frozen=True)
class Verdict:
    case: Case
    subject: str
    background: str

    @property
    def subject_is_right(self) -> bool:
        return self.subject == self.case.pair[0]

    @property
    def background_is_right(self) -> bool:
        return self.background == self.case.pair[1]


@dataclass(frozen=True)
class Shares:
    """Of a set of pictures, 0 to 1."""

    pictures: int
    subject: float
    background: float


def all_cases(seeds: int) -> list[Case]:
    """Every pair with as many seeds, none of them used twice."""
    return [
        Case(pair, captions_of(pair)[0], seeds * index + offset)
        for index, pair in enumerate(PAIRS)
        for offset in range(seeds)
    ]


def draw_cases(count: int, rng: np.random.Generator) -> list[Case]:
    """Pairs, forms of captions and seeds as they come."""
    return [
        Case(
            PAIRS[index],
            captions_of(PAIRS[index])[rng.integers(_FORMS_WITH_BACKGROUND)],
            int(rng.integers(2**63)),
        )
        for index in rng.integers(len(PAIRS), size=count)
    ]


def judge(cases: Sequence[Case], pictures: Sequence[np.ndarray]) -> list[Verdict]:
    """Of pictures of 8 bits, [height, width, RGB]."""
    recogniser = Recogniser()
    verdicts = []
    for case, picture in zip(cases, pictures, strict=True):
        pixels = picture.astype(np.float32) / 255
        verdicts.append(Verdict(case, recogniser.find(pixels).subject, background_of(pixels)))
    return verdicts


def shares_of(verdicts: Sequence[Verdict]) -> Shares:
    return Shares(
        len(verdicts),
        float(np.mean([verdict.subject_is_right for verdict in verdicts])),
        float(np.mean([verdict.background_is_right for verdict in verdicts])),
    )


def mean_distance(pictures: Sequence[np.ndarray]) -> float:
    """Mean absolute difference of 8-bit values over all pairs of pictures."""
    values = np.stack(pictures).astype(np.float32)
    pairs = [
        np.abs(values[i] - values[j]).mean() for i in range(len(values)) for j in range(i)
    ]
    return float(np.mean(pairs))


def table(verdicts: Sequence[Verdict]) -> str:
    """Markdown: pairs seen in training and held out, each background, and what goes wrong most."""
    groups = {
        "all": verdicts,
        "pairs seen in training": [v for v in verdicts if v.case.pair not in HELD_OUT],
        "pairs held out": [v for v in verdicts if v.case.pair in HELD_OUT],
        **{
            f"on {name}": [v for v in verdicts if v.case.pair[1] == name] for name in BACKGROUNDS
        },
    }
    lines = ["| pictures | count | subject right | background right |", "|---|---|---|---|"]
    for name, group in groups.items():
        if group:
            shares = shares_of(group)
            lines.append(
                f"| {name} | {shares.pictures} | {shares.subject:.1%} | {shares.background:.1%} |"
            )
    mistakes = Counter(
        f"{v.case.pair[0]} taken for {v.subject}" for v in verdicts if not v.subject_is_right
    ) + Counter(
        f"{v.case.pair[1]} background taken for {v.background}"
        for v in verdicts
        if not v.background_is_right
    )
    if mistakes:
        worst = ", ".join(f"{what} ({count})" for what, count in mistakes.most_common(12))
        lines += ["", f"Most frequent mistakes: {worst}."]
    return "\n".join(lines) + "\n"
