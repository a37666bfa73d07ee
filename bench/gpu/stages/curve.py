"""Time and memory by images in a batch, and by component."""

import statistics

from ours import Ours
from setting import Setting, Workload

_STEPS = 4  # A step takes as long as any other.


def run(setting: Setting) -> dict:
    counts = (1, 2, 4, 8, 16, 32) if setting.is_gpu else (1, 2, 4)
    points = []
    with Ours(setting, setting.dtype) as ours:
        for kind in (setting.large, setting.small):
            workload = Workload(kind.name, kind.side, _STEPS)
            for images in counts:
                ours.make(images, workload)  # Plans, graphs and memory are new at first.
                made = ours.make(images, workload)
                points.append(
                    {
                        "workload": kind.name,
                        "images": images,
                        "start": made["start"],
                        "step": statistics.median(made["steps"]),
                        "finish": made["finish"],
                        "peak": made["peak"],
                    }
                )
                print(points[-1], flush=True)
    return {"points": points}
