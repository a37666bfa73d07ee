"""Our latency against diffusers compiled by torch, in turns. Compiling takes minutes."""

import time

from ours import Ours
from setting import Setting
from stages.contenders import in_turns
from theirs import Theirs


def compare(setting: Setting, images: int) -> dict:
    """Batches of so many images; a compiled model is of one size."""
    begin = time.monotonic()
    theirs = Theirs(setting, compiled=True)
    theirs.make(images, setting.large)
    compiling = time.monotonic() - begin
    print(f"compiled in {compiling:.0f} s", flush=True)
    with Ours(setting, setting.dtype) as ours:
        comparison = in_turns(ours, theirs, images, setting.large, setting.repeats)
    return {"compile_seconds": compiling, "comparisons": [comparison]}


def run(setting: Setting) -> dict:
    return compare(setting, 1)
