"""The hooks of a generation: means of losses, the best epoch, what is not finite, what stops it."""

from __future__ import annotations

import re

import pytest

from agekit.errors import ModelError, TrainingError
from agekit.training.checkpoint import load_checkpoint
from agekit.training.hooks import LossHook
from agekit.training.run import Run
from tests.training.tiny import STEPS, Weight, config, watched


@pytest.fixture
def run(tmp_path) -> Run:
    return Run(tmp_path / "run")


def test_a_line_an_epoch_with_the_means_over_its_steps(run: Run) -> None:
    model = Weight()
    model.losses = [1.0, 2.0, 3.0, 5.0]
    made, _ = watched(run, model)
    made.train()
    first, second = run.records()
    assert first["losses"] == pytest.approx({"loss": 1.5, "l1": 0.75})
    assert second["losses"] == pytest.approx({"loss": 4.0, "l1": 2.0})
    assert [(r["generation"], r["epoch"], r["epochs"]) for r in (first, second)] == [
        (1, 1, 2),
        (1, 2, 2),
    ]
    assert first["val_mae"] is None
    assert first["lr"] == 0.1
    assert first["images_per_second"] > 0
    log = run.log.read_text(encoding="utf-8")
    assert "generation 1" in log
    assert "epoch   2/2  loss 4.000 (l1 2.000)" in log


def test_losses_are_read_now_and_then_and_none_is_lost(run: Run, monkeypatch) -> None:
    monkeypatch.setattr("agekit.training.hooks.READ_EVERY", 4)
    monkeypatch.setattr("tests.training.tiny.STEPS", 10)
    model = Weight()
    model.losses = [float(k) for k in range(10)]
    made, _ = watched(run, model, train=config(epochs=1))
    read: list[int] = []
    plain = LossHook._read
    monkeypatch.setattr(
        LossHook, "_read", lambda hook, runner, at: (read.append(at + 1), plain(hook, runner, at))
    )
    made.train()
    assert read == [4, 8, 10]
    assert run.records()[0]["losses"]["loss"] == pytest.approx(4.5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_finite_ends_the_training(run: Run, value: float) -> None:
    model = Weight()
    model.losses = [1.0, 1.0, 1.0, value]
    made, _ = watched(run, model, train=config(epochs=3))
    with pytest.raises(TrainingError) as caught:
        made.train()
    assert "the loss (loss, l1) is not finite in generation 1, epoch 2, steps 1-2" in str(
        caught.value
    )
    assert f"the last good checkpoint is kept: {run.checkpoint(1)}" in caught.value.message
    assert "train.optimizer.lr" in caught.value.hint
    saved = load_checkpoint(run.checkpoint(1))
    assert saved is not None
    assert saved["epoch"] == 1
    assert [record["epoch"] for record in run.records()] == [1]


def test_in_the_first_epoch_there_is_no_checkpoint_to_keep(run: Run) -> None:
    model = Weight()
    model.losses = [float("nan")]
    made, _ = watched(run, model)
    with pytest.raises(TrainingError, match="no checkpoint was made yet"):
        made.train()
    assert not run.checkpoint(1).exists()
    assert run.records() == []


def test_so_does_a_weight(run: Run) -> None:
    class Bursts(Weight):
        def train_step(self, data, optim_wrapper):
            told = super().train_step(data, optim_wrapper)
            if len(self.rates) == 2 * STEPS:
                self.w.data.fill_(float("inf"))
            return told

    made, _ = watched(run, Bursts(), train=config(epochs=3))
    with pytest.raises(TrainingError, match=r"a weight is not finite in generation 1, epoch 2"):
        made.train()
    saved = load_checkpoint(run.checkpoint(1))
    assert saved is not None
    assert saved["state_dict"]["w"].isfinite().all()


def test_so_does_a_validation_error(run: Run) -> None:
    made, _ = watched(run, errors=[5.0, float("nan")], train=config(epochs=3))
    with pytest.raises(TrainingError, match=r"the validation error is not finite .* epoch 2"):
        made.train()


def test_the_best_epochs_weights_are_kept_alone(run: Run) -> None:
    errors = [5.0, 3.0, 4.0, 3.0, 2.5]
    seen: list[list[str]] = []

    def look(runner: object) -> None:
        seen.append(sorted(path.name for path in run.generation(1).glob("best-*")))

    made, watch = watched(run, errors=errors, train=config(epochs=5, keep="best"), after=look)
    made.train()
    assert seen == [[f"best-{epoch}.pth"] for epoch in (1, 2, 2, 2, 5)]
    assert (watch.best, watch.best_epoch) == (2.5, 5)
    assert [record["val_mae"] for record in run.records()] == errors
    assert "val MAE 4.00 (best 3.00)" in run.log.read_text(encoding="utf-8")


def test_the_last_epochs_are_kept_where_nothing_else_is_asked(run: Run) -> None:
    made, _ = watched(run, errors=[2.0, 3.0])
    made.train()
    assert not list(run.generation(1).glob("best-*"))
    saved = load_checkpoint(run.checkpoint(1))
    assert saved is not None
    assert saved["state_dict"]["w"].item() == pytest.approx(1 - 0.1 * 2 * STEPS)


def test_it_goes_on_knowing_the_best_and_drops_lines_it_does_again(run: Run) -> None:
    made, _ = watched(run, errors=[2.0, 3.0], train=config(keep="best"))
    made.train()
    run.append({**run.records()[-1], "epoch": 3, "val_mae": 1.0})
    run.append({"generation": 2, "epoch": 1, "losses": {"loss": 1.0}, "val_mae": 0.5})
    longer = config(epochs=4, keep="best")
    made, watch = watched(run, errors=[4.0, 1.5], train=longer)
    made.train()
    assert [(r["generation"], r["epoch"]) for r in run.records()] == [
        (1, 1), (1, 2), (2, 1), (1, 3), (1, 4),
    ]  # fmt: skip
    assert (watch.best, watch.best_epoch) == (1.5, 4)
    assert "generation 1, from epoch 3" in run.log.read_text(encoding="utf-8")


def test_lost_weights_of_the_best_epoch_are_told_before_training(run: Run) -> None:
    made, _ = watched(run, errors=[2.0, 3.0], train=config(keep="best"))
    made.train()
    run.best(1, 1).unlink()
    model = Weight()
    made, _ = watched(run, model, errors=[4.0], train=config(epochs=3, keep="best"))
    with pytest.raises(ModelError, match=re.escape("best-1.pth cannot be read: it is missing")):
        made.train()
    assert not model.rates
