"""`make gpu-check` without a GPU: its dry run. That the figures are right is for the GPU to show."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from protos import REPOSITORY

pytestmark = pytest.mark.timeout(300)

CHECK = REPOSITORY / "bench" / "gpu" / "check.py"
STAGES = REPOSITORY / "bench" / "gpu" / "stages"
QUICK = ("environment", "operations", "philox")


def check(out, *arguments, python=(sys.executable,)):
    command = [*python, CHECK, out, *arguments]
    command += ["--device", "cpu", "--scratch", out / "scratch"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    print(done.stdout, done.stderr)
    return done


def folder_of(out):
    return next(path for path in out.iterdir() if path.name.startswith("cpu-torch-"))


def test_a_run_keeps_each_stages_result_and_goes_on_from_there(tmp_path):
    first = check(tmp_path, *QUICK)
    assert first.returncode == 0
    folder = folder_of(tmp_path)
    results = {stage: json.loads((folder / f"{stage}.json").read_text()) for stage in QUICK}
    assert results["environment"]["packages"]["torch"] in folder.name
    assert results["operations"]["passed"] > 0
    assert results["philox"]["largest_difference"] < 1e-5
    summary = (folder / "summary.md").read_text()
    assert re.findall(r"^## (\w+)\n\n```json", summary, re.MULTILINE) == list(QUICK)
    (folder / "philox.json").unlink()
    second = check(tmp_path, *QUICK)
    assert second.returncode == 0
    assert "environment: is there" in second.stdout
    assert "philox: done" in second.stdout


def test_a_failing_stage_is_told_of_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("DARKROOM_BIN", str(tmp_path / "nothing" / "bin"))
    done = check(tmp_path, "philox", "environment")
    assert done.returncode == 1
    assert "philox: FAILED" in done.stdout
    assert "environment: done" in done.stdout
    assert done.stdout.rstrip().endswith("failed: philox")
    assert "nothing" in (folder_of(tmp_path) / "philox.log").read_text()


def test_unknown_stages_are_refused(tmp_path):
    done = check(tmp_path, "philosophy")
    assert done.returncode == 2
    assert "no such stage: philosophy" in done.stderr


def test_every_stage_is_part_of_a_whole_run():
    shown = subprocess.check_output([sys.executable, CHECK, "--help"], text=True)
    listed = re.search(r"of ((?:\w+,\s+)+\w+); default all", shown)[1]
    assert set(re.split(r",\s+", listed)) == {path.stem for path in STAGES.glob("*.py")}


def test_summary_tells_which_goals_were_reached(monkeypatch):
    monkeypatch.syspath_prepend(CHECK.parent)
    table = importlib.import_module("goals").table
    loads = {"0.9": {"latency_seconds": {"p99": 19.9}}, "0.95": {"latency_seconds": {"p99": 20.1}}}
    idle = {"without_window": {"longest": 0.012}}
    service = {"saturated_over_loop": 0.97, "idle_extra_seconds": idle, "poisson": loads}
    vae = {"bfloat16": {"ours": 0.045}, "float32": {"ours": 0.101}}
    lines = table({"service": service, "vae": vae})
    assert "| server / loop, images | >= 0.98 | 0.97 | missed |" in lines
    assert "| idle call over the loop's, without the window, ms | <= 10 | 12 | missed |" in lines
    assert "| Poisson load with p99 <= 20 s / loop | >= 0.9 | 0.9 | reached |" in lines
    assert "| VAE in bfloat16, ms | <= 45 | 45 | reached |" in lines
    assert "| VAE in float32, ms | <= 100 | 101 | missed |" in lines
    assert sum(line.endswith("| not seen |  |") for line in lines) == len(lines) - 2 - 5


def test_the_bundle_runs_stages_with_nothing_else_of_the_build(tmp_path, monkeypatch):
    shown = subprocess.check_output([REPOSITORY / "tools" / "gpu-bundle"], text=True)
    bundle = REPOSITORY / "build" / "gpu-bundle"
    tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=REPOSITORY, text=True)
    files = [REPOSITORY / name for name in tracked.split("\0") if name]
    size = sum(file.stat().st_size for file in [*files, bundle.with_suffix(".tar.gz")])
    assert size < 60 * 2**20, f"{size} bytes are too many to carry to a GPU: {shown}"
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    done = check(tmp_path, "philox", "vae", python=(bundle / "run", "python3"))
    assert done.returncode == 0, done.stdout + done.stderr
