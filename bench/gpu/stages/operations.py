"""Our kernels, graphs and recorded passes against torch."""

import re
import subprocess

from setting import REPOSITORY, Setting

_TESTS = {"cuda": "model_cuda_cuda_ops_test", "cpu": "model_cuda_kernels_test"}


def run(setting: Setting) -> dict:
    program = setting.programs / "tests" / _TESTS[setting.device]
    done = subprocess.run([str(program)], cwd=REPOSITORY, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    passed = re.findall(r"\[       OK \] (\S+)", done.stdout)
    failed = sorted(set(re.findall(r"\[  FAILED  \] (\w+/\S+?)[, ]", done.stdout + " ")))
    if done.returncode != 0 or failed or not passed:
        raise RuntimeError(f"{program.name} ended with {done.returncode}; failed: {failed}")
    return {"passed": len(passed)}
