"""What the parity tests of one run compared, as a page of docs/."""

from collections import defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np
from cases import Case

_HEAD = """# Measured against diffusers

This page is written by `make parity`, a longer run of the tests that compare images with diffusers
{diffusers} (transformers {transformers}, torch {torch}) on one CPU. [determinism.md](determinism.md)
says what is promised.

## float32

Images of drawn requests, alone and in groups of up to eight, on the embedded model and three
checkpoints with random weights: the share of their 8-bit values that are equal, and the largest
difference of any.

| scheduler | text to image | equal | off by | image to image | equal | off by |
|---|---|---|---|---|---|---|
"""
_HALF_HEAD = """
## float16 and bfloat16

The error of the 8-bit values against diffusers in float32, ours and that of diffusers in the same
precision: each image's root mean square, and of these the geometric mean.

| checkpoint | dtype | images | ours | diffusers | ratio |
|---|---|---|---|---|---|
"""


@dataclass
class _Tally:
    images: int = 0
    values: int = 0
    equal: int = 0
    worst: int = 0

    def add(self, off: np.ndarray) -> None:
        self.images += 1
        self.values += off.size
        self.equal += int(np.sum(off == 0))
        self.worst = max(self.worst, int(off.max()))

    def cells(self) -> str:
        if not self.images:
            return "0 | - | -"
        return f"{self.images} | {self.equal / self.values:.4%} | {self.worst}"


@dataclass
class Report:
    tallies: dict[tuple[str, bool], _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    precisions: list[str] = field(default_factory=list)

    def add_image(self, case: Case, off: np.ndarray) -> None:
        self.tallies[case.scheduler or "EULER", case.init_image is not None].add(off)

    def add_precision(self, name: str, dtype: str, images: int, ours: float, theirs: float) -> None:
        self.precisions.append(
            f"| {name} | {dtype} | {images} | {ours:.3f} | {theirs:.3f} | {ours / theirs:.2f} |\n"
        )

    def as_markdown(self) -> str:
        versions = {name: version(name) for name in ("diffusers", "transformers", "torch")}
        schedulers = sorted({scheduler for scheduler, _ in self.tallies})
        rows = "".join(
            f"| `SCHEDULER_{name}` | {self.tallies[name, False].cells()}"
            f" | {self.tallies[name, True].cells()} |\n"
            for name in schedulers
        )
        return _HEAD.format(**versions) + rows + _HALF_HEAD + "".join(self.precisions)


REPORT = Report()
