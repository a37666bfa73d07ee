"""Trains the embedded model from nothing and writes it into its folder.

    train.py BUILD_FOLDER

The build folder keeps checkpoints and logs: an interrupted run goes on when it is started again, and
a finished one is only written out again. On a GPU, if there is one."""

import platform
import shutil
import sys
from pathlib import Path

import diffusers
import torch
import transformers
from latents import make_latents
from plot import plot_losses
from save import save
from train_unet import train_unet
from train_vae import train_vae

_MODEL = Path(__file__).resolve().parent.parent
_RECORD = _MODEL / "training" / "record"


def _machine() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo").read_text()
    name = next(
        (line.split(": ")[1] for line in cpuinfo.splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    return f"{torch.get_num_threads()} threads of {name}"


def _keep_record(build: Path) -> None:
    """What a reader of the model card may want to see of the run: machine, versions, losses."""
    _RECORD.mkdir(exist_ok=True)
    for stage in ("vae", "unet"):
        shutil.copy(build / f"{stage}.csv", _RECORD / f"{stage}.csv")
    plot_losses(build, _RECORD / "loss.svg")
    (_RECORD / "machine.txt").write_text(
        f"{_machine()}\ntorch {torch.__version__}, diffusers {diffusers.__version__},"
        f" transformers {transformers.__version__}\n"
    )


def main() -> None:
    build = Path(sys.argv[1])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    vae = train_vae(build, device)
    denoiser = train_unet(build, _MODEL, make_latents(vae), device)
    save(_MODEL, vae, denoiser)
    _keep_record(build)


if __name__ == "__main__":
    main()
