"""Continuous against static batching over a socket: the same arrivals of mixed steps for both.

Open-loop Poisson arrivals at a share of what full batches can do, which is measured first; images
of 4, 20 and 50 steps at 50, 40 and 10 %. Both servers live throughout and take turns, so that a
busy machine slows both. Slowdown is latency over the latency of such a request alone.

    mixed_steps.py RESULT.md [--load 0.8] [--rounds 4] [--seconds 60]
"""

import argparse
import datetime
import os
import platform
import random
import statistics
import sys
import threading
import time
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_REPOSITORY / "tests" / "support"))

from live_server import LiveServer  # noqa: E402
from pictures import raw_request  # noqa: E402

_MODES = ("static", "continuous")
_STEPS = {4: 0.5, 20: 0.4, 50: 0.1}
_BACKLOG = 160  # Requests that are sent at once to see what full batches can do.
_ALONE_ROUNDS = 15


def make_request(steps, seed):
    return raw_request(
        prompt=f"a red apple, number {seed}",
        num_inference_steps=steps,
        guidance_scale=5.0,
        seed=seed,
    )


class Run:
    """Requests on their way to one server, and what became of them."""

    def __init__(self, server):
        self._server = server
        self._done = threading.Semaphore(0)
        self._sent = 0
        self.outcomes = []  # (steps, seconds, mean rows in its passes)

    def send(self, steps, seed):
        begin = time.monotonic()
        call = self._server.stub.GenerateImages.future(make_request(steps, seed))
        self._sent += 1
        call.add_done_callback(lambda done: self._note(steps, begin, done))

    def _note(self, steps, begin, call):
        seconds = time.monotonic() - begin
        self.outcomes.append((steps, seconds, call.result().stats.batch_sizes.mean))
        self._done.release()

    def wait(self):
        for _ in range(self._sent):
            self._done.acquire()
        return self.outcomes


def draw_steps(rng):
    return rng.choices(list(_STEPS), weights=_STEPS.values())[0]


def measure_capacity(server):
    """Requests a second when batches are always full."""
    rng = random.Random(0)
    run = Run(server)
    begin = time.monotonic()
    for seed in range(_BACKLOG):
        run.send(draw_steps(rng), seed)
    run.wait()
    return _BACKLOG / (time.monotonic() - begin)


def measure_alone(server):
    """Seconds of a request alone on an idle server, by its steps."""
    alone = {}
    for steps in _STEPS:
        outcomes = []
        for seed in range(_ALONE_ROUNDS):
            run = Run(server)
            run.send(steps, seed)
            outcomes += run.wait()
        alone[steps] = statistics.median(seconds for _, seconds, _ in outcomes)
    return alone


def play(server, rate, seconds, seed):
    rng = random.Random(seed)
    run = Run(server)
    begin = now = time.monotonic()
    number = 0
    while (now := now + rng.expovariate(rate)) < begin + seconds:
        steps = draw_steps(rng)
        time.sleep(max(0.0, now - time.monotonic()))
        run.send(steps, number)
        number += 1
    return run.wait()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def figures(outcomes, alone):
    seconds = [seconds for _, seconds, _ in outcomes]
    return {
        "p50 s": percentile(seconds, 0.5),
        "p99 s": percentile(seconds, 0.99),
        "mean slowdown": statistics.mean(s / alone[steps] for steps, s, _ in outcomes),
        "mean rows in a pass": statistics.mean(rows for _, _, rows in outcomes),
    }


def compare(load, rounds, seconds):
    flags = ("--max-queued-images", "100000", "--max-queued-pixels", str(1 << 40))
    with (
        LiveServer("--batching", "static", *flags) as static,
        LiveServer("--batching", "continuous", *flags) as continuous,
    ):
        servers = dict(zip(_MODES, (static, continuous), strict=True))
        capacity = measure_capacity(continuous)
        alone = measure_alone(continuous)
        outcomes = {mode: [] for mode in _MODES}
        for number in range(rounds):
            for mode in _MODES if number % 2 == 0 else reversed(_MODES):
                outcomes[mode] += play(servers[mode], load * capacity, seconds, number)
                print(number, mode, figures(outcomes[mode], alone), flush=True)
    requests = len(outcomes["static"])
    return capacity, alone, {mode: figures(outcomes[mode], alone) for mode in _MODES}, requests


def page(load, rounds, seconds, compared):
    capacity, alone, by_mode, requests = compared
    rows = "\n".join(
        f"| {name} | {by_mode['static'][name]:.2f} | {by_mode['continuous'][name]:.2f} |"
        f" {by_mode['continuous'][name] / by_mode['static'][name]:.2f} |"
        for name in by_mode["static"]
    )
    lone = ", ".join(f"{steps}: {1000 * s:.0f} ms" for steps, s in alone.items())
    return f"""# Continuous against static batching over a socket

`make bench-mixed` on {datetime.date.today()}: the embedded model (64x64 pixels, float32, guided),
images of 4, 20 and 50 steps at 50, 40 and 10 %, Poisson arrivals at {load} of the {capacity:.1f}
images/s that full batches make. {rounds} rounds of {seconds:.0f} s, {requests} requests, the same
for both, which take turns in one run. CPU ({platform.machine()}), {os.cpu_count()} cores, shared.
Alone a request takes, by its steps, {lone}.

| | static | continuous | ratio |
|---|---|---|---|
{rows}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("--load", type=float, default=0.8)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    settings = (arguments.load, arguments.rounds, arguments.seconds)
    arguments.result.write_text(page(*settings, compare(*settings)))


if __name__ == "__main__":
    main()
