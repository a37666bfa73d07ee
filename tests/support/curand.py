"""The random numbers of a GPU without one: NVIDIA's cuRAND, whose host half runs anywhere."""

import ctypes
import math
from collections.abc import Sequence
from importlib.metadata import files

import numpy as np
import torch

_HOST_THREADS = 65536  # Subsequences that the host generator takes turns with.
_PHILOX = 161  # CURAND_RNG_PSEUDO_PHILOX4_32_10


def _load() -> ctypes.CDLL:
    (library,) = (path for path in files("nvidia-curand") if path.name.startswith("libcurand.so"))
    return ctypes.CDLL(str(library.locate()))


_LIBRARY = _load()


def philox_normals(seed: int, threads: int, groups: int) -> np.ndarray:
    """Normal numbers by thread, group of four, and place in it: [threads, groups, 4]."""
    assert threads <= _HOST_THREADS
    values = np.zeros((groups, _HOST_THREADS, 4), np.float32)
    generator = ctypes.c_void_p()
    assert _LIBRARY.curandCreateGeneratorHost(ctypes.byref(generator), _PHILOX) == 0
    seeded = _LIBRARY.curandSetPseudoRandomGeneratorSeed(generator, ctypes.c_ulonglong(seed))
    assert seeded == 0
    made = _LIBRARY.curandGenerateNormal(
        generator,
        values.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_size_t(values.size),
        ctypes.c_float(0),
        ctypes.c_float(1),
    )
    assert made == 0
    _LIBRARY.curandDestroyGenerator(generator)
    return values.transpose(1, 0, 2)[:threads]


class CudaGenerator:
    """What `torch.Generator("cuda").manual_seed(seed)` gives to draws of up to 65536 numbers."""

    def __init__(self, seed: int):
        self._seed = seed
        self._draws = 0

    def randn(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        self._draws += 1
        normals = philox_normals(self._seed, math.prod(shape), self._draws)[:, -1, 0]
        return torch.from_numpy(normals.copy()).reshape(tuple(shape)).to(dtype)
