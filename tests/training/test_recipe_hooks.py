"""Hooks that a recipe names: checked before training, and early stopping that survives a kill."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from mmengine.hooks import EarlyStoppingHook
from torch import nn

from agekit.errors import AgekitError
from agekit.recipe import resolve
from agekit.training.faces import TrainingFaces
from agekit.training.optimize import build_hooks, try_training
from agekit.training.run import Run
from tests.training.conftest import Here
from tests.training.tiny import Weight, config, watched

EARLY = {"type": "EarlyStoppingHook", "monitor": "val/mae", "rule": "less", "patience": 2}
ERRORS = [5.0, 4.0, 4.5, 4.5, 4.5, 4.5]
"""They stop it after the fourth epoch."""


def test_early_stopping_ends_a_generation_and_says_so(tmp_path: Path) -> None:
    run = Run(tmp_path)
    made, _ = watched(run, errors=ERRORS, train=config(epochs=6, hooks=[EARLY]))
    made.train()
    assert [record["epoch"] for record in run.records()] == [1, 2, 3, 4]
    text = "generation 1: stopped after epoch 4 of 6 by EarlyStoppingHook"
    assert text in run.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("killed", [1, 2, 3, 4])
def test_a_killed_run_stops_where_one_does_that_was_not(tmp_path: Path, killed: int) -> None:
    run = Run(tmp_path)
    train = config(epochs=6, hooks=[EARLY])

    def kill(runner: Any) -> None:
        if runner.epoch == killed:
            raise KeyboardInterrupt

    made, _ = watched(run, errors=ERRORS, train=train, after=kill)
    with pytest.raises(KeyboardInterrupt):
        made.train()
    model = Weight()
    made, _ = watched(run, model, errors=ERRORS[killed:], train=train)
    made.train()
    assert [record["epoch"] for record in run.records()] == [1, 2, 3, 4]
    assert len(model.rates) == 2 * (4 - killed)


def test_a_stopped_generation_goes_on_where_more_epochs_are_asked(tmp_path: Path) -> None:
    run = Run(tmp_path)
    made, _ = watched(run, errors=ERRORS, train=config(epochs=6, hooks=[EARLY]))
    made.train()
    made, _ = watched(run, errors=[3.0, 2.0, 1.0], train=config(epochs=7, hooks=[EARLY]))
    made.train()
    assert [record["epoch"] for record in run.records()] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("hook", "told"),
    [
        ({"type": "EarlyStopingHook"}, "did you mean 'mmengine/earlystoppinghook'"),
        ({"type": "mmengine/NoHook"}, "NoHook"),
        ({"type": "EarlyStoppingHook"}, "needs the argument 'monitor'"),
        ({**EARLY, "patients": 3}, "has no argument 'patients'; did you mean 'patience'"),
        ({**EARLY, "patience": "x"}, "patience must be int"),
        ({"monitor": "val/mae"}, "train.hooks.0: must be a mapping with a type"),
    ],
)
def test_a_mistake_in_a_hook_is_one_of_the_recipe(hook: dict[str, Any], told: str) -> None:
    with pytest.raises(AgekitError) as caught:
        resolve("reg-resnet10-tiny", overrides=[f"train.hooks=[{hook}]".replace("'", "")])
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("hook", "watching", "told"),
    [
        ({**EARLY, "rule": None}, "val/mae", "Cannot infer the rule"),
        ({**EARLY, "monitor": "val/MAE"}, "val/mae", "give it monitor: val/mae"),
        (EARLY, None, "nothing is validated here"),
        ({"type": "CheckpointHook"}, "val/mae", "a run keeps its checkpoints itself"),
        ({"type": "EMAHook"}, "val/mae", "set train.ema"),
        ({"type": "LoggerHook"}, "val/mae", "--log tensorboard"),
        ({"type": "ParamSchedulerHook"}, "val/mae", "every training has it"),
    ],
)
def test_what_cannot_be_built_or_monitored_is_refused(
    hook: dict[str, Any], watching: str | None, told: str
) -> None:
    with pytest.raises(AgekitError) as caught:
        try_training(config(hooks=[hook]), nn.Linear(2, 1), watching)
    assert told in f"{caught.value} {caught.value.hint}"


def test_hooks_are_found_by_either_name() -> None:
    for name in ("EarlyStoppingHook", "mmengine/EarlyStoppingHook", "earlystoppinghook"):
        (hook,) = build_hooks(config(hooks=[{**EARLY, "type": name}]))
        assert isinstance(hook, EarlyStoppingHook)
    assert resolve("reg-resnet10-tiny", overrides=["train.hooks=[{type: EmptyCacheHook}]"])


@pytest.mark.slow
def test_a_generation_lets_its_loaders_go(
    here: Here, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the next one makes its own, and not when Python's collector comes by."""
    made: list[weakref.ref[Any]] = []
    left: list[int] = []
    plain = TrainingFaces._loader

    def loader(self: TrainingFaces, split: str, *args: Any, **options: Any) -> Any:
        if split == "train" and options:
            left.append(sum(one() is not None for one in made))
        out = plain(self, split, *args, **options)
        made.append(weakref.ref(out))
        return out

    monkeypatch.setattr(TrainingFaces, "_loader", loader)
    gc.disable()
    try:
        words = ("--epochs", "1", "--generations", "2", "--out", "run")
        code, _, err = here("train", "cen-resnet10-tiny", *small, *words)
    finally:
        gc.enable()
    assert code == 0, err
    assert left == [0, 0]


@pytest.mark.slow
def test_a_run_writes_for_tensorboard_and_goes_on_there(here: Here, small: Any) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    words = ("train", "reg-resnet10-tiny", *small, "--epochs", "1", "--out", "run")
    hooks = ("--set", f"train.hooks=[{EARLY}]".replace("'", ""))
    code, _, err = here(*words, *hooks, "--log", "tensorboard")
    assert code == 0, err
    code, _, err = here("train", "--resume", "run", "--epochs", "2", "--device", "cpu")
    assert code == 0, err
    events = EventAccumulator("run/tensorboard/generation-1")
    events.Reload()
    assert {"train/loss", "train/lr", "val/mae"} <= set(events.Tags()["scalars"])
    assert [scalar.step for scalar in events.Scalars("val/mae")] == [2, 4]
    assert [path.name for path in Path().iterdir()] == ["run"], "nothing is left beside the run"
