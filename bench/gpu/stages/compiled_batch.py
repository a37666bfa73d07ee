"""Our rate against diffusers compiled by torch, in turns."""

from setting import Setting
from stages.compiled import compare


def run(setting: Setting) -> dict:
    return compare(setting, setting.full_batch)
