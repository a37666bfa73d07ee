"""Rates of the real matrix products, convolutions and attentions of SDXL's UNet at 1024 pixels, two
samples, in halves: what the parts could reach."""

import time

import torch
from setting import Setting
from torch.nn import functional

_REPEATS = 20
# Tokens, inputs, outputs.
_PRODUCTS = (
    (4096, 640, 1920),
    (4096, 640, 5120),
    (4096, 2560, 640),
    (1024, 1280, 3840),
    (1024, 1280, 10240),
    (1024, 5120, 1280),
)
# Channels in and out, pixels a side.
_CONVOLUTIONS = ((320, 320, 128), (640, 640, 64), (1280, 1280, 32), (2560, 1280, 32))
# Heads, tokens, tokens attended to.
_ATTENTIONS = ((10, 4096, 4096), (20, 1024, 1024), (10, 4096, 77), (20, 1024, 77))


def _seconds_of(work, setting: Setting) -> float:
    work()
    if setting.is_gpu:
        torch.cuda.synchronize()
    begin = time.monotonic()
    for _ in range(_REPEATS):
        work()
    if setting.is_gpu:
        torch.cuda.synchronize()
    return (time.monotonic() - begin) / _REPEATS


@torch.no_grad()
def run(setting: Setting) -> dict:
    dtype = torch.float16 if setting.is_gpu else torch.float32
    scale = 1 if setting.is_gpu else 16  # A dry run takes small ones.

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=setting.device, dtype=dtype)

    rates = {}
    samples = 2
    for tokens, inputs, outputs in _PRODUCTS:
        x, w = draw(samples * tokens // scale, inputs), draw(outputs, inputs)
        seconds = _seconds_of(lambda: functional.linear(x, w), setting)  # noqa: B023
        flop = 2 * x.shape[0] * inputs * outputs
        rates[f"product {tokens}x{inputs}x{outputs}"] = flop / seconds / 1e12
    for inputs, outputs, side in _CONVOLUTIONS:
        side //= scale
        for layout in (torch.contiguous_format, torch.channels_last):
            x = draw(samples, inputs, side, side).to(memory_format=layout)
            w = draw(outputs, inputs, 3, 3).to(memory_format=layout)
            seconds = _seconds_of(lambda: functional.conv2d(x, w, padding=1), setting)  # noqa: B023
            flop = 2 * 9 * samples * inputs * outputs * side * side
            name = str(layout).removeprefix("torch.")
            rates[f"convolution {inputs}->{outputs}, {side}, {name}"] = flop / seconds / 1e12
    for heads, tokens, context in _ATTENTIONS:
        tokens //= scale
        q, k = draw(samples, heads, tokens, 64), draw(samples, heads, min(context, tokens), 64)
        seconds = _seconds_of(
            lambda: functional.scaled_dot_product_attention(q, k, k),  # noqa: B023
            setting,
        )
        flop = 4 * samples * heads * tokens * k.shape[2] * 64
        rates[f"attention {heads}x{tokens}x{k.shape[2]}"] = flop / seconds / 1e12
    print(rates)
    return {"teraflops": rates}
