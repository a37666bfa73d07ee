"""Pictures of a server on the GPU against diffusers on the same GPU: the embedded model, drawn
requests over every field."""

import random

import numpy as np
import torch
from cases import draw_groups
from compare import generate
from oracle import Oracle
from setting import EMBEDDED, Setting

from live_server import LiveServer

_SEED = 1
_MIN_EQUAL = 0.999  # Of 8-bit values in float32, as on a CPU; rounding orders differ.
_DTYPES = {"cuda": ("float32", "float16", "bfloat16"), "cpu": ("float32",)}
_FLAGS = ("--batching", "static", "--batch-window", "300ms")


class _OnDevice(Oracle):
    def __init__(self, device: str):
        super().__init__(EMBEDDED, torch.float32)
        for pipeline in (self._pipeline, self._image_to_image):
            pipeline.to(device)


def run(setting: Setting) -> dict:
    groups = draw_groups(random.Random(_SEED), captions=True)
    torch.backends.cudnn.allow_tf32 = False  # Convolutions would not be float32's.
    oracle = _OnDevice(setting.device)
    expected = [oracle.image(case) for group in groups for case in group]
    result = {}
    for dtype in _DTYPES[setting.device]:
        with LiveServer(*_FLAGS, "--device", setting.device, "--dtype", dtype) as server:
            made = [picture for group in groups for picture in generate(server, group)]
        off = [np.abs(a.astype(int) - b.astype(int)) for a, b in zip(made, expected, strict=True)]
        values = np.concatenate([each.ravel() for each in off])
        result[dtype] = {
            "images": len(off),
            "equal": float(np.mean(values == 0)),
            "off_by_one_at_most": float(np.mean(values <= 1)),
            "worst": int(values.max()),
            "psnr_db": float(10 * np.log10(255**2 / max(np.mean(values**2.0), 1e-9))),
        }
        print(dtype, result[dtype], flush=True)
    if result["float32"]["equal"] < _MIN_EQUAL:
        raise RuntimeError(f"float32: {result['float32']}")
    return result
