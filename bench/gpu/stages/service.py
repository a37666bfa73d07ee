"""The service against the same work in a loop: at saturation, idle, and under Poisson arrivals."""

import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from client_command import run_client
from ours import Ours
from setting import Setting

from live_server import LiveServer
from pictures import raw_request

_IDLE_CALLS = 10


def _request(setting: Setting, seed: int):
    request = raw_request(prompt=f"picture {seed}", seed=seed, guidance_scale=8.0)
    request.height = request.width = setting.large.side
    request.num_inference_steps = setting.large.steps
    return request


def _rate_at_saturation(server: LiveServer, setting: Setting, rows: int) -> float:
    count = 4 * rows
    with ThreadPoolExecutor(2 * rows) as pool:
        begin = time.monotonic()
        list(
            pool.map(
                lambda seed: server.stub.GenerateImages(_request(setting, seed), timeout=600),
                range(count),
            )
        )
        return count / (time.monotonic() - begin)


def _seconds(durations) -> float:
    return sum(duration.ToTimedelta().total_seconds() for duration in durations)


def _idle_latencies(server: LiveServer, setting: Setting) -> dict[str, list[float]]:
    """Seconds over those that the device was at work for the image, and those without the window."""
    extra = {"with_window": [], "without_window": []}
    for seed in range(_IDLE_CALLS):
        begin = time.monotonic()
        reply = server.stub.GenerateImages(_request(setting, seed), timeout=600)
        total = time.monotonic() - begin
        stats = reply.stats
        parts = (stats.text_encoding, stats.denoising, stats.decoding)
        extra["with_window"].append(total - _seconds(parts))
        extra["without_window"].append(total - _seconds((*parts, stats.queue_wait)))
    return extra


def _poisson(server: LiveServer, setting: Setting, rate: float) -> dict:
    kind = {
        "name": "large",
        "steps": setting.large.steps,
        "guidance": 8,
        "format": "raw",
        "size": f"{setting.large.side}x{setting.large.side}",
    }
    seconds = 60 if setting.is_gpu else 5
    with tempfile.TemporaryDirectory() as folder:
        mix, report = Path(folder) / "mix.json", Path(folder) / "report.json"
        mix.write_text(json.dumps({"kinds": [kind]}))
        arguments = ("bench", "--mix", mix, "--rate", rate, "--duration", f"{seconds}s")
        done = run_client(server.address, *arguments, "--json", report)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(report.read_text())


def run(setting: Setting) -> dict:
    rows = setting.full_batch
    with Ours(setting, setting.dtype) as ours:
        ours.make(rows, setting.large)
        loop = rows / statistics.median(
            [ours.make(rows, setting.large)["seconds"] for _ in range(3)]
        )
    flags = ("--device", setting.device, "--max-batch-size", rows, "--max-queued-images", 256)
    with LiveServer(*flags, model=setting.checkpoint, start_timeout=240) as server:
        saturated = _rate_at_saturation(server, setting, rows)
        extra = _idle_latencies(server, setting)
        loads = {share: _poisson(server, setting, share * loop) for share in (0.9, 0.95)}
    result = {
        "loop_images_per_second": loop,
        "saturated_images_per_second": saturated,
        "saturated_over_loop": saturated / loop,
        "idle_extra_seconds": {
            name: {"p50": statistics.median(seconds), "longest": max(seconds)}
            for name, seconds in extra.items()
        },
        "poisson": loads,
    }
    print(result)
    return result
