"""What the figures of one H200 are to reach, and which do."""

from collections.abc import Callable
from dataclasses import dataclass

_MS = 1e-3
_GB = 1e9
_BEST_PUBLISHED_RATE = 2.40  # Images a second on one H200: TensorRT in fp8.
_LONGEST_P99 = 20.0  # Seconds; MLPerf's bound for SDXL as a server.


@dataclass(frozen=True)
class Goal:
    """A figure of a stage's result, and the bound that it is to keep."""

    measure: str
    stage: str
    figure: Callable[[dict], float]
    bound: float
    is_least: bool = False  # Else the bound is the most.

    def is_reached(self, figure: float) -> bool:
        return figure >= self.bound if self.is_least else figure <= self.bound


def _comparison(result: dict, workload: str, is_batch: bool) -> dict:
    (found,) = (
        comparison
        for comparison in result["comparisons"]
        if comparison["workload"].startswith(workload) and (comparison["images"] > 1) == is_batch
    )
    return found


def _latency(workload: str) -> Callable[[dict], float]:
    return lambda result: _comparison(result, workload, is_batch=False)["latency_ratio"]


def _rate(result: dict) -> float:
    rate = _comparison(result, "1024", is_batch=True)["rate"]
    return rate["ours"] / rate["theirs"]


def _peak(result: dict) -> dict:
    return _comparison(result, "1024", is_batch=True)["peak_bytes"]


def _float8(result: dict) -> dict:
    return max(result["rates"], key=lambda comparison: comparison["images"])


def _highest_load(result: dict) -> float:
    """As a share of the loop's rate; 0 where none was borne."""
    borne = [
        float(share)
        for share, report in result["poisson"].items()
        if report["latency_seconds"]["p99"] <= _LONGEST_P99
    ]
    return max(borne, default=0.0)


GOALS = (
    Goal("1024, batch 1: latency / diffusers", "contenders", _latency("1024"), 0.70),
    Goal("1024, batch 1: latency / compiled", "compiled", _latency("1024"), 1.0),
    Goal("1024, batch 8: rate / diffusers", "contenders", _rate, 1.35, True),
    Goal("1024, batch 8: rate / compiled", "compiled_batch", _rate, 1.0, True),
    Goal("share of the peak at batch 8", "contenders", lambda r: r["share_of_peak"], 0.48, True),
    Goal("float8, batch 8: rate / float16", "float8", lambda r: _float8(r)["gain"], 1.15, True),
    Goal(
        "float8, batch 8: rate / the best published",
        "float8",
        lambda r: _float8(r)["rate"] / _BEST_PUBLISHED_RATE,
        0.85,
        True,
    ),
    Goal("512, batch 1: latency / diffusers", "contenders", _latency("512"), 0.50),
    Goal("VAE in bfloat16, ms", "vae", lambda r: r["bfloat16"]["ours"] / _MS, 45),
    Goal("VAE in float32, ms", "vae", lambda r: r["float32"]["ours"] / _MS, 100),
    Goal("server / loop, images", "service", lambda r: r["saturated_over_loop"], 0.98, True),
    Goal(
        "idle call over the loop's, without the window, ms",
        "service",
        lambda r: r["idle_extra_seconds"]["without_window"]["longest"] / _MS,
        10,
    ),
    Goal("Poisson load with p99 <= 20 s / loop", "service", _highest_load, 0.90, True),
    Goal("bits: images that company changed", "exact_bits", lambda r: r["changed"], 0),
    Goal("bits: price at saturation", "exact_bits", lambda r: r["price"]["at_saturation"], 0.10),
    Goal("memory over the weights, GB", "contenders", lambda r: _peak(r)["ours"] / _GB, 16),
    Goal(
        "memory over the weights / diffusers",
        "contenders",
        lambda r: _peak(r)["ours"] / _peak(r)["theirs"],
        0.8,
    ),
)


def table(results: dict[str, dict]) -> list[str]:
    """Lines of Markdown on the results of stages, by their names."""
    lines = ["| measure | goal | seen | |", "|---|---|---|---|"]
    for goal in GOALS:
        bound = f"{'>=' if goal.is_least else '<='} {goal.bound:g}"
        seen, verdict = "not seen", ""
        if goal.stage in results:
            figure = goal.figure(results[goal.stage])
            seen, verdict = f"{figure:.3g}", "reached" if goal.is_reached(figure) else "missed"
        lines.append(f"| {goal.measure} | {bound} | {seen} | {verdict} |")
    return lines
