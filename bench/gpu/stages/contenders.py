"""Our latency and rate against diffusers', in turns."""

import statistics

from ours import Ours
from setting import Setting, Workload
from theirs import Theirs
from turns import take_turns

_PEAK_FLOPS = 989e12  # Dense halves on an H200.
_FLOP_OF_LARGE = 281.1e12  # Of one image: 1024 pixels, 20 steps, guidance.


def _median(results: list[dict], key: str) -> float:
    return statistics.median(result[key] for result in results)


def in_turns(ours: Ours, theirs: Theirs, images: int, workload: Workload, repeats: int) -> dict:
    """Medians of both and their ratio."""
    contenders = {
        "ours": lambda: ours.make(images, workload),
        "theirs": lambda: theirs.make(images, workload),
    }
    made = take_turns(contenders, repeats)
    seconds = {name: _median(results, "seconds") for name, results in made.items()}
    spread = {
        name: [min(r["seconds"] for r in results), max(r["seconds"] for r in results)]
        for name, results in made.items()
    }
    peak = {name: _median(results, "peak") for name, results in made.items()}
    comparison = {
        "workload": workload.name,
        "images": images,
        "seconds": seconds,
        "spread": spread,
        "latency_ratio": seconds["ours"] / seconds["theirs"],
        "rate": {name: images / value for name, value in seconds.items()},
        "peak_bytes": peak,
        "our_finish_seconds_per_image": _median(made["ours"], "finish") / images,
    }
    print(comparison, flush=True)
    return comparison


def run(setting: Setting) -> dict:
    theirs = Theirs(setting)
    with Ours(setting, setting.dtype) as ours:
        results = [
            in_turns(ours, theirs, images, workload, repeats)
            for images, workload, repeats in (
                (1, setting.large, setting.repeats),
                (1, setting.small, setting.repeats),
                (setting.full_batch, setting.large, 3),
            )
        ]
        loaded = ours.loaded
    large = results[-1]
    return {
        "loaded": loaded,
        "comparisons": results,
        "share_of_peak": large["rate"]["ours"] * _FLOP_OF_LARGE / _PEAK_FLOPS,
    }
