"""A row's noise against torch's CPU generator and NVIDIA's cuRAND, number by number."""

import subprocess

import numpy as np
import pytest
import torch

from curand import philox_normals
from draws import seeded_random
from live_server import program

_GPU_THREADS = 132 * 2048
# A GPU's sine, cosine and logarithm are approximations; so is ours of them.
_TOLERANCE = 1e-5


def drawn(device: str, seed: int, dtype: str, counts: list[int]) -> list[np.ndarray]:
    """The server's draws, one after the other."""
    command = [program("draw_noise"), device, seed, dtype, *counts]
    output = subprocess.run([str(word) for word in command], check=True, capture_output=True).stdout
    return np.split(np.frombuffer(output, np.float32), np.cumsum(counts)[:-1])


def test_cuda_draws_are_cu_rands():
    rng = seeded_random()
    for _ in range(5):
        seed = rng.getrandbits(rng.choice((8, 32, 64)))
        counts = [rng.choice((1, 255, 256, 257, rng.randint(2, 65536))) for _ in range(4)]
        groups = philox_normals(seed, max(counts), len(counts))
        draws = drawn("cuda", seed, "float32", counts)
        for group, (count, values) in enumerate(zip(counts, draws, strict=True)):
            # As torch deals: one number to each thread, the first of a fresh group of four.
            off = np.abs(values - groups[:count, group, 0])
            assert off.max() < _TOLERANCE, (seed, counts, group)


def test_cuda_draw_beyond_the_threads_of_a_gpu_takes_more_of_each():
    rng = seeded_random()
    seed = rng.getrandbits(64)
    count = 5 * _GPU_THREADS + rng.randint(1, _GPU_THREADS - 1)
    first, second = drawn("cuda", seed, "float32", [count, 1000])
    groups = philox_normals(seed, 1000, 3)
    for place in range(6):  # Four of a thread's first group, then two of its next.
        dealt = first[place * _GPU_THREADS :][:1000]
        expected = groups[: len(dealt), place // 4, place % 4]
        assert np.abs(dealt - expected).max() < _TOLERANCE, (seed, place)
    assert np.abs(second - groups[:, 2, 0]).max() < _TOLERANCE, seed


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_cuda_draws_in_half_precision_are_the_same_numbers_rounded(dtype):
    rng = seeded_random()
    seed = rng.getrandbits(64)
    (exact,) = drawn("cuda", seed, "float32", [5000])
    (rounded,) = drawn("cuda", seed, dtype, [5000])
    expected = torch.from_numpy(exact.copy()).to(getattr(torch, dtype)).float().numpy()
    assert np.array_equal(rounded, expected), seed


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_cpu_draws_are_torchs_in_the_same_dtype(dtype):
    rng = seeded_random()
    for _ in range(5):
        seed = rng.getrandbits(rng.choice((8, 32, 64)))
        counts = [rng.choice((1, 15, 16, rng.randint(2, 5000))) for _ in range(3)]
        generator = torch.Generator("cpu").manual_seed(seed)
        for count, values in zip(counts, drawn("cpu", seed, dtype, counts)):
            expected = torch.randn(count, generator=generator, dtype=getattr(torch, dtype))
            assert np.array_equal(values, expected.float().numpy()), (seed, counts)
