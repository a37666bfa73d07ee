"""Set up for every test that runs diffusers."""

import os
from pathlib import Path

import torch
from report import REPORT

# Where others are busy too, two threads wait for each other far longer than one takes.
torch.set_num_threads(1)


def pytest_sessionfinish() -> None:
    """Writes what was compared to the file that DARKROOM_PARITY_REPORT names."""
    if path := os.environ.get("DARKROOM_PARITY_REPORT"):
        Path(path).write_text(REPORT.as_markdown())
