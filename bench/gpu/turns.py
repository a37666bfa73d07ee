"""Contenders take turns, so that what a shared machine does meanwhile meets them all."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def take_turns(contenders: dict[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """What each made each time, without a first one: plans, graphs and memory are new then."""
    made = {name: [] for name in contenders}
    for repeat in range(repeats + 1):
        for name, make in contenders.items():
            result = make()
            if repeat > 0:
                made[name].append(result)
    return made
