"""Training goes on from its checkpoint as if it had not been interrupted."""

import pytest
import run
import torch

SCHEDULE = run.Schedule(
    steps=120, learning_rate=1e-2, warm_up=10, ema_decay=0.9, weight_decay=1e-2
)


def make_network():
    run.step_generator("weights", 0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.Linear(8, 4))


def train(folder, interrupt_at=None):
    """The network after its run, which draws inputs and noise; interrupted in the given step."""
    network, taken = make_network(), 0

    def loss_of(rng):
        nonlocal taken
        taken += 1
        if taken == interrupt_at:
            raise KeyboardInterrupt
        inputs = torch.from_numpy(rng.standard_normal((16, 4))).float()
        return (network(inputs + 0.1 * torch.randn_like(inputs)) - inputs).square().mean()

    run.Run("stage", folder, network, SCHEDULE).train(loss_of)
    return network.state_dict(), taken


@pytest.mark.parametrize("interrupt_at", [1, 2, 30, 31, 119, 120])
def test_an_interrupted_run_ends_like_any_other(tmp_path, monkeypatch, interrupt_at):
    monkeypatch.setattr(run, "_CHECKPOINT_SECONDS", -1)  # One after every step.
    whole, _ = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", interrupt_at)
    resumed, taken = train(tmp_path / "cut")
    assert taken == SCHEDULE.steps - interrupt_at + 1
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    steps = [line.split(",")[0] for line in (tmp_path / "cut/stage.csv").read_text().splitlines()]
    assert steps == ["step", "25", "50", "75", "100"]


def test_a_finished_run_is_not_repeated(tmp_path):
    made, taken = train(tmp_path)
    again, repeated = train(tmp_path)
    assert taken == SCHEDULE.steps and repeated == 0
    assert all(torch.equal(made[name], again[name]) for name in made)


def test_training_lowers_the_loss(tmp_path):
    train(tmp_path)
    losses = [
        float(line.split(",")[2]) for line in (tmp_path / "stage.csv").read_text().splitlines()[1:]
    ]
    assert losses[-1] < losses[0] / 2


def test_learning_rate_rises_then_falls():
    rates = [SCHEDULE.rate_at(step) for step in range(SCHEDULE.steps)]
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(SCHEDULE.learning_rate) and 9 <= top <= 10
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
