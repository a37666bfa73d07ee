"""Draws what `simulate` wrote: figures by load, or calls over time.

    plot.py sweep POINTS.json OVERLOAD.json PICTURE.svg
    plot.py trace STATIC.json CONTINUOUS.json PICTURE.svg
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "darkroom", "font.size": 9, "axes.grid": True})
matplotlib.rcParams.update({"grid.alpha": 0.3, "legend.frameon": False, "axes.axisbelow": True})

from matplotlib import pyplot, ticker  # noqa: E402

_COLOURS = {
    "fifo": "#999999",
    "run-to-completion": "#d1495b",
    "greedy": "#edae49",
    "darkroom": "#00798c",
}
_NAMES = {
    "fifo": "one at a time",
    "run-to-completion": "run to completion",
    "greedy": "greedy join",
    "darkroom": "Darkroom",
}
_LATENCIES = {"p50": "median, s", "p99": "99 %, s", "p999": "99.9 %, s"}
_MIXES = {"A": "20 steps for all", "H": "4, 20 and 50 steps", "M": "1 to 8 images a request"}


def read(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def draw_lines(axes, points, field):
    for policy, colour in _COLOURS.items():
        line = [(point["load"], point[field]) for point in points if point["policy"] == policy]
        if line:
            axes.plot(*zip(*line, strict=True), color=colour, marker=".", label=_NAMES[policy])


def use_log_scale(axes):
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())


def plot_sweep(points, overload, picture):
    figure, grid = pyplot.subplots(4, len(_MIXES), figsize=(10, 11))
    for column, (mix, name) in enumerate(_MIXES.items()):
        of_mix = [point for point in points if point["mix"] == mix]
        for row, (field, label) in enumerate(_LATENCIES.items()):
            axes = grid[row][column]
            draw_lines(axes, of_mix, field)
            axes.set(ylabel=label, xlabel="load", title=name if row == 0 else None)
            use_log_scale(axes)
    known = [point for point in points if point["mix"] == "H"]
    draw_lines(grid[3][0], known, "slowdown")
    grid[3][0].set(xlabel="load", ylabel="mean slowdown", title=_MIXES["H"])
    use_log_scale(grid[3][0])
    draw_lines(grid[3][1], known, "batch")
    grid[3][1].set(xlabel="load", ylabel="rows in a pass", title=_MIXES["H"])
    draw_lines(grid[3][2], overload, "goodput")
    grid[3][2].set(xlabel="load", ylabel="goodput", title="deadlines of 20 s", ylim=(0, 1.05))
    grid[0][0].legend()
    save(figure, picture)


def plot_trace(static, continuous, picture):
    figure, grid = pyplot.subplots(2, 1, figsize=(10, 6), sharex=True)
    most = max(len(e["rows"]) for e in static + continuous if e["event"] == "step")
    for axes, events, name in (
        (grid[0], static, "run to completion"),
        (grid[1], continuous, "continuous"),
    ):
        lanes = {e["request"]: n for n, e in enumerate(e for e in events if e["event"] == "submit")}
        steps = {e["request"]: e["steps"] for e in events if e["event"] == "submit"}
        passes = [e for e in events if e["event"] == "step"]
        shades = matplotlib.colormaps["viridis_r"]
        for e in passes:
            for request in e["requests"]:
                colour = shades((len(e["rows"]) - 1) / max(most - 1, 1))
                axes.barh(lanes[request], e["end"] - e["begin"], left=e["begin"], color=colour)
        for e in events:
            if e["event"] == "submit":
                axes.plot(e["time"], lanes[e["request"]], marker="|", color="black", markersize=9)
            elif e["event"] == "finish":
                for request in e["requests"]:
                    axes.plot(e["end"], lanes[request], marker="D", color="#d1495b", markersize=4)
        axes.set_yticks(list(lanes.values()), [f"{steps[r]} steps" for r in lanes])
        axes.invert_yaxis()
        axes.set_title(name)
        bar = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(1, most), shades)
        figure.colorbar(bar, ax=axes, label="rows in the pass", ticks=range(1, most + 1))
    grid[1].set_xlabel("seconds   (bar: its passes   |: arrives   diamond: is done)")
    save(figure, picture)


def save(figure, picture):
    figure.tight_layout()
    figure.savefig(picture, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=("sweep", "trace"))
    parser.add_argument("data", nargs=2)
    parser.add_argument("picture")
    arguments = parser.parse_args()
    plot = {"sweep": plot_sweep, "trace": plot_trace}[arguments.kind]
    plot(*(read(path) for path in arguments.data), arguments.picture)


if __name__ == "__main__":
    main()
