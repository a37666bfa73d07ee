"""The random numbers of a GPU's generator, as it draws them and as we compute them on the CPU."""

import subprocess

import numpy as np
import torch
from curand import CudaGenerator
from setting import Setting

from live_server import program

_SEEDS = (0, 7, 2**32 + 5, 2**64 - 1)
_DRAWS = (4 * 16 * 16, 4 * 128 * 128, 3)
_LARGE_DRAW = 1_000_000  # More than cuRAND's host half can be asked for.
_BOUND = 1e-5


def _draws(setting: Setting) -> tuple[int, ...]:
    return (*_DRAWS, _LARGE_DRAW) if setting.is_gpu else _DRAWS


def _theirs(setting: Setting, seed: int) -> np.ndarray:
    if not setting.is_gpu:
        generator = CudaGenerator(seed)
        return np.concatenate(
            [generator.randn((count,), torch.float32).numpy() for count in _draws(setting)]
        )
    signed = seed if seed < 2**63 else seed - 2**64
    generator = torch.Generator("cuda").manual_seed(signed)
    drawn = [torch.randn(count, generator=generator, device="cuda") for count in _draws(setting)]
    return torch.cat(drawn).cpu().numpy()


def _ours(setting: Setting, seed: int) -> np.ndarray:
    command = [str(program("draw_noise")), "cuda", str(seed), "float32", *map(str, _draws(setting))]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.float32)


def run(setting: Setting) -> dict:
    off = {
        seed: float(np.abs(_ours(setting, seed) - _theirs(setting, seed)).max())
        for seed in _SEEDS
    }
    print(off)
    if max(off.values()) > _BOUND:
        raise RuntimeError(f"off by {off}, more than {_BOUND}")
    return {"largest_difference": max(off.values()), "values": len(_SEEDS) * sum(_draws(setting))}
