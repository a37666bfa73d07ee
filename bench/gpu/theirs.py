"""diffusers on the same checkpoint: eagerly, or compiled."""

import time

import torch
from oracle import load_pipeline
from setting import Setting, Workload


class Theirs:
    """As its documentation would have it run fast: SDPA, halves, and when compiled channels last and
    fused projections too. The VAE computes in the networks' dtype, like ours here."""

    def __init__(self, setting: Setting, compiled: bool = False):
        self._setting = setting
        dtype = getattr(torch, setting.dtype)
        self._pipeline = load_pipeline(setting.checkpoint, dtype).to(setting.device)
        self._pipeline.vae.config.force_upcast = False
        if compiled:
            self._pipeline.fuse_qkv_projections()
            for part in (self._pipeline.unet, self._pipeline.vae):
                part.to(memory_format=torch.channels_last)
            mode = "max-autotune" if setting.is_gpu else "default"
            self._pipeline.unet = torch.compile(self._pipeline.unet, mode=mode, fullgraph=True)
            self._pipeline.vae.decode = torch.compile(
                self._pipeline.vae.decode, mode=mode, fullgraph=True
            )

    def make(self, images: int, workload: Workload) -> dict:
        """Seconds of one batch, and the bytes over the weights that it held."""
        begin_bytes = self._start_counting()
        begin = time.monotonic()
        self._pipeline(
            [f"picture {number}" for number in range(images)],
            height=workload.side,
            width=workload.side,
            num_inference_steps=workload.steps,
            guidance_scale=8.0,
            generator=[torch.Generator().manual_seed(number) for number in range(images)],
            output_type="np",
        )
        seconds = time.monotonic() - begin
        peak = torch.cuda.max_memory_allocated() - begin_bytes if self._setting.is_gpu else 0
        return {"seconds": seconds, "peak": peak}

    def _start_counting(self) -> int:
        if not self._setting.is_gpu:
            return 0
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
