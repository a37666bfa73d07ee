"""Makes the checkpoint that speed is measured with: published layout and size, random weights."""

import time

import torch
from make_checkpoint import make_checkpoint
from setting import Setting


def run(setting: Setting) -> dict:
    begin = time.monotonic()
    if setting.is_gpu:
        make_checkpoint(setting.checkpoint, device="cuda", dtype=torch.float16)
    files = sorted(setting.checkpoint.rglob("*.safetensors"))
    if not files:
        raise RuntimeError(f"no weights in {setting.checkpoint}")
    return {
        "seconds": time.monotonic() - begin,
        "bytes": sum(file.stat().st_size for file in files),
    }
