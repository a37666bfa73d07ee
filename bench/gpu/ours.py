"""The image_times program, on command."""

import json
import subprocess
from types import TracebackType

from setting import Setting, Workload


class Ours:
    """Keeps the program running inside a `with` block.

    The VAE computes in `vae_dtype`; by default in the networks', or float16 beside float8.
    """

    def __init__(
        self,
        setting: Setting,
        dtype: str,
        *,
        vae_dtype: str | None = None,
        padded_rows: int = 0,
    ):
        vae_dtype = vae_dtype or ("float16" if dtype == "float8" else dtype)
        self._command = [str(setting.programs / "bench" / "image_times"), str(setting.checkpoint)]
        self._command += [setting.device, dtype, vae_dtype, str(padded_rows)]

    def __enter__(self) -> "Ours":
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.loaded = self._answer()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.stdin.close()
        self._process.wait(60)

    def make(self, images: int, workload: Workload) -> dict:
        """What the program tells of one batch."""
        print(images, workload.side, workload.steps, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._command[0]} ended with {self._process.wait(60)}")
        return json.loads(line)
