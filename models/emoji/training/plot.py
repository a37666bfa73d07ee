"""Draws the losses of both stages over their steps."""

import csv
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

_WINDOW = 10  # Logged values to a mean, for one batch says little.


def plot_losses(folder: Path, picture: Path) -> None:
    """From the logs of a training folder."""
    matplotlib.rcParams["svg.hashsalt"] = "darkroom"  # The same file from the same figures.
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, stage in zip(axes, ("vae", "unet"), strict=True):
        with (folder / f"{stage}.csv").open() as log:
            rows = list(csv.DictReader(log))
        steps = np.array([int(row["step"]) for row in rows])
        losses = np.array([float(row["loss"]) for row in rows])
        axis.plot(steps, losses, color="0.8", linewidth=0.8)
        mean = np.convolve(losses, np.ones(_WINDOW) / _WINDOW, mode="valid")
        axis.plot(steps[_WINDOW - 1 :], mean, color="tab:blue")
        minutes = float(rows[-1]["seconds"]) / 60
        axis.set(title=f"{stage}, {minutes:.0f} minutes", xlabel="step", ylabel="loss", yscale="log")
        axis.grid(alpha=0.3, which="both")
    figure.savefig(picture, metadata={"Date": None})
