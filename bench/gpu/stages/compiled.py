"""Our latency and rate against diffusers compiled by torch, in turns. Compiling takes minutes."""

import time

from stages.contenders import in_turns
from ours import Ours
from setting import Setting
from theirs import Theirs


def run(setting: Setting) -> dict:
    begin = time.monotonic()
    theirs = Theirs(setting, compiled=True)
    theirs.make(1, setting.large)
    compiling = time.monotonic() - begin
    print(f"compiled in {compiling:.0f} s", flush=True)
    with Ours(setting, setting.dtype) as ours:
        one = in_turns(ours, theirs, 1, setting.large, setting.repeats)
    return {"compile_seconds": compiling, "comparisons": [one]}
