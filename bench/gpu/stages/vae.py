"""Seconds that decoding one image takes, ours against diffusers', in turns."""

import statistics
import time

import torch
from diffusers import AutoencoderKL
from oracle import variant_of
from ours import Ours
from setting import Setting, Workload
from turns import take_turns

_DTYPES = ("bfloat16", "float32")


class _TheirDecoder:
    def __init__(self, setting: Setting, dtype: str):
        self._device = setting.device
        self._vae = AutoencoderKL.from_pretrained(
            setting.checkpoint,
            subfolder="vae",
            variant=variant_of(setting.checkpoint),
            torch_dtype=getattr(torch, dtype),
        ).to(setting.device)

    @torch.no_grad()
    def seconds(self, side: int) -> float:
        """From latents on the device to pixels in memory, as ours."""
        side //= 2 ** (len(self._vae.config.block_out_channels) - 1)
        latents = torch.randn(1, 4, side, side).to(self._device, self._vae.dtype)
        if self._device == "cuda":
            torch.cuda.synchronize()
        begin = time.monotonic()
        pixels = self._vae.decode(latents / self._vae.config.scaling_factor, return_dict=False)[0]
        ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
        return time.monotonic() - begin


def _medians(setting: Setting, dtype: str) -> dict[str, float]:
    workload = Workload(setting.large.name, setting.large.side, steps=1)
    theirs = _TheirDecoder(setting, dtype)
    with Ours(setting, setting.dtype, vae_dtype=dtype) as ours:
        contenders = {
            "ours": lambda: ours.make(1, workload)["finish"],
            "theirs": lambda: theirs.seconds(workload.side),
        }
        seconds = take_turns(contenders, setting.repeats)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(dtype, medians, flush=True)
    return medians


def run(setting: Setting) -> dict:
    return {dtype: _medians(setting, dtype) for dtype in _DTYPES}
