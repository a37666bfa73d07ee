"""The training loop of both stages: learning rate, averaged weights, checkpoints, log, progress bar.

A step draws all that it draws from (seed, stage, step), so that a run which was interrupted goes on
as if it had not been."""

import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

SEED = 20_26
_CHECKPOINT_SECONDS = 15 * 60
_LOG_STEPS = 25


@dataclass(frozen=True)
class Schedule:
    steps: int
    learning_rate: float  # The highest; it rises over the warm-up and falls along a cosine.
    warm_up: int
    ema_decay: float
    weight_decay: float

    def rate_at(self, step: int) -> float:
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        done = (step - self.warm_up) / (self.steps - self.warm_up)
        return self.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


def step_generator(stage: str, step: int) -> np.random.Generator:
    """Numpy's generator of this step; seeds torch's own besides."""
    rng = np.random.default_rng([SEED, zlib.crc32(stage.encode()), step])
    torch.manual_seed(int(rng.integers(2**62)))
    return rng


class Average:
    """Exponential moving average of a module's parameters, which is what is saved in the end."""

    def __init__(self, module: torch.nn.Module, decay: float):
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        self.values = [p.detach().clone() for p in self._parameters]
        self._decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        # The first weights are soon forgotten.
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, self._parameters, 1 - decay)

    @torch.no_grad()
    def copy_to_module(self) -> None:
        torch._foreach_copy_(self._parameters, self.values)


class Run:
    """One stage of training, in a folder with its checkpoint and its log."""

    def __init__(self, stage: str, folder: Path, module: torch.nn.Module, schedule: Schedule):
        self._stage, self._schedule, self._module = stage, schedule, module
        self._checkpoint = folder / f"{stage}.checkpoint"
        self._log = folder / f"{stage}.csv"
        self._average = Average(module, schedule.ema_decay)
        self._optimizer = torch.optim.AdamW(
            [p for p in module.parameters() if p.requires_grad],
            betas=(0.9, 0.99),
            weight_decay=schedule.weight_decay,
        )
        self._step, self._seconds = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def train(self, loss_of: Callable[[np.random.Generator], torch.Tensor]) -> None:
        """Goes on from the checkpoint, if there is one, to the last step. Then the module has its
        averaged weights."""
        self._resume()
        begin, saved, losses = time.monotonic() - self._seconds, time.monotonic(), []
        bar = tqdm(total=self._schedule.steps, initial=self._step, desc=self._stage, mininterval=5)
        while self._step < self._schedule.steps:
            losses.append(self._take_step(loss_of))
            bar.update()
            self._seconds = time.monotonic() - begin
            if self._step % _LOG_STEPS == 0:
                bar.set_postfix(loss=f"{np.mean(losses):.4f}")
                self._write_log(float(np.mean(losses)))
                losses.clear()
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        bar.close()
        self._save()
        self._average.copy_to_module()

    def _take_step(self, loss_of: Callable[[np.random.Generator], torch.Tensor]) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = self._schedule.rate_at(self._step)
        self._optimizer.zero_grad()
        loss = loss_of(step_generator(self._stage, self._step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._module.parameters(), 1.0)
        self._optimizer.step()
        self._average.update(self._step)
        self._step += 1
        return loss.item()

    def _write_log(self, loss: float) -> None:
        with self._log.open("a") as log:
            if log.tell() == 0:
                log.write("step,seconds,loss\n")
            log.write(f"{self._step},{self._seconds:.0f},{loss:.5f}\n")

    def _save(self) -> None:
        unfinished = self._checkpoint.with_suffix(".unfinished")
        torch.save(
            {
                "step": self._step,
                "seconds": self._seconds,
                "module": self._module.state_dict(),
                "average": self._average.values,
                "optimizer": self._optimizer.state_dict(),
            },
            unfinished,
        )
        unfinished.replace(self._checkpoint)  # An interrupted save leaves the last one whole.

    def _resume(self) -> None:
        if not self._checkpoint.exists():
            return
        state = torch.load(self._checkpoint, weights_only=True)
        self._step, self._seconds = state["step"], state["seconds"]
        self._module.load_state_dict(state["module"])
        self._average.values = state["average"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._cut_log()

    def _cut_log(self) -> None:
        """Takes out what was logged after the checkpoint: it comes again."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        kept = [line for line in lines[1:] if int(line.split(",")[0]) <= self._step]
        self._log.write_text("".join(line + "\n" for line in [*lines[:1], *kept]))
