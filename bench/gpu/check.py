"""Everything that has to be seen on a GPU: `make gpu-check`.

    check.py OUT [STAGE...] [--device cpu]

Runs the stages that have no result in OUT yet, each in a process of its own and at most eight
minutes, and writes OUT/STAGE.json, its log and OUT/summary.md. Results are kept apart by the GPU and
the versions that they were seen with, so that a later run on another GPU goes beside them. A stage
that fails is told of, and the others go on. Needs no network. `--device cpu` is a dry run: the same
stages on the CPU and the embedded model.
"""

import argparse
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import goals
from setting import Setting

_STAGE_SECONDS = 8 * 60
# The shortest and the most telling first: time on a GPU may end.
STAGES = (
    "environment",
    "operations",
    "philox",
    "parity",
    "checkpoint",
    "contenders",
    "curve",
    "vae",
    "float8",
    "exact_bits",
    "shapes",
    "service",
    "compiled",
    "compiled_batch",
)


def _folder_of(out: Path, device: str) -> Path:
    """OUT/DEVICE-VERSIONS."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    label = f"{name}-torch-{torch.__version__}"
    return out / re.sub(r"[^\w.+-]+", "-", label)


def _run_stage(stage: str, folder: Path, setting: Setting) -> None:
    """In this process."""
    result = importlib.import_module(f"stages.{stage}").run(setting)
    unfinished = folder / f"{stage}.unfinished"
    unfinished.write_text(json.dumps(result, indent=1))
    unfinished.replace(folder / f"{stage}.json")


def _run_in_turn(stages: list[str], folder: Path, options: argparse.Namespace) -> list[str]:
    """Each stage in a process of its own; the names of those that failed."""
    failed = []
    for stage in stages:
        if (folder / f"{stage}.json").exists():
            print(f"{stage}: is there", flush=True)
            continue
        print(f"{stage} ...", flush=True)
        command = [sys.executable, __file__, str(options.out), "--device", options.device]
        command += ["--scratch", str(options.scratch), "--only", stage]
        with (folder / f"{stage}.log").open("w") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                code = process.wait(_STAGE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # Its servers too.
                process.wait()
                code = "no end"
        print(f"{stage}: {'done' if code == 0 else f'FAILED ({code})'}", flush=True)
        failed += [stage] if code != 0 else []
    return failed


def _write_summary(folder: Path, device: str) -> None:
    paths = {stage: folder / f"{stage}.json" for stage in STAGES}
    results = {
        stage: json.loads(path.read_text()) for stage, path in paths.items() if path.exists()
    }
    lines = [f"# {folder.name}", ""]
    if device == "cuda":
        lines += [*goals.table(results), ""]
    for stage in STAGES:
        if stage in results:
            text = json.dumps(results[stage], indent=1)
            lines += [f"## {stage}", "", "```json", text, "```", ""]
        else:
            lines += [f"## {stage}", "", "Not seen.", ""]
    (folder / "summary.md").write_text("\n".join(lines))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="where results are kept")
    parser.add_argument("stages", nargs="*", help=f"of {', '.join(STAGES)}; default all")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/darkroom-gpu-check"))
    parser.add_argument("--only", choices=STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.stages) - set(STAGES):
        parser.error(f"no such stage: {', '.join(sorted(unknown))}")
    folder = _folder_of(options.out, options.device)
    folder.mkdir(parents=True, exist_ok=True)
    options.scratch.mkdir(parents=True, exist_ok=True)
    if options.only:
        try:
            _run_stage(options.only, folder, Setting(options.device, options.scratch))
        except Exception:
            traceback.print_exc()
            return 1
        return 0
    failed = _run_in_turn(options.stages or list(STAGES), folder, options)
    _write_summary(folder, options.device)
    print(f"results: {folder}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
