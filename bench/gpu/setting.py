"""What a stage works on: a GPU and a checkpoint of full size, or for a dry run the CPU and the
embedded model."""

import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(REPOSITORY / folder) for folder in ("tests/support", "tests/parity", "bench")
]

from live_server import program  # noqa: E402

EMBEDDED = REPOSITORY / "models" / "emoji"


@dataclass(frozen=True)
class Workload:
    """Images of one kind, with guidance."""

    name: str
    side: int  # Pixels.
    steps: int


@dataclass(frozen=True)
class Setting:
    device: str  # As torch and the server call it: "cuda" or "cpu".
    scratch: Path  # For what is large and not kept.
    repeats: int = 5

    @property
    def is_gpu(self) -> bool:
        return self.device == "cuda"

    @property
    def checkpoint(self) -> Path:
        """The one that speed is measured with."""
        return self.scratch / "full-checkpoint" if self.is_gpu else EMBEDDED

    @property
    def large(self) -> Workload:
        return Workload("1024 pixels", 1024, 20) if self.is_gpu else Workload("64 pixels", 64, 4)

    @property
    def small(self) -> Workload:
        return Workload("512 pixels", 512, 20) if self.is_gpu else Workload("32 pixels", 32, 4)

    @property
    def full_batch(self) -> int:
        """Images of the largest batch that contenders are compared with."""
        return 8 if self.is_gpu else 2

    @property
    def dtype(self) -> str:
        """What contenders compute in."""
        return "float16" if self.is_gpu else "float32"

    @property
    def programs(self) -> Path:
        return program("darkroom-server").parents[1]
