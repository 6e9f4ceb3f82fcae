"""Logs for others: where they lie, and what is told when one cannot be written to."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from agekit.errors import ConfigError
from agekit.training.display import Display
from agekit.training.reporting import LogHook, report_hooks
from agekit.training.run import Run


class Backend:
    """One of mmengine's, whose service refuses what it is asked to do."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.done: list[Any] = []

    def add_config(self, config: Any) -> None:
        self._do("config", dict(config))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self._do(name, value)

    def close(self) -> None:
        self._do("close", None)

    def _do(self, name: str, value: Any) -> None:
        if name == self.refuses:
            raise RuntimeError("the server\nsays no")
        self.done.append((name, value))


@pytest.fixture
def course(tmp_path: Path) -> Any:
    run = Run(tmp_path / "a run")
    run.folder.mkdir()
    run.recipe.write_text("kind: estimator\ntrain: {epochs: 2}\n")
    watched = SimpleNamespace(key="mae")
    return SimpleNamespace(
        run=run,
        number=1,
        checkpoint=run.checkpoint(1),
        watched=watched,
        record={"lr": 0.1, "images_per_second": 5.0},
        logs=("mlflow",),
    )


RUNNER: Any = SimpleNamespace(train_dataloader=[1, 2], epoch=1, max_epochs=1)


def test_it_begins_with_the_recipe_and_ends(course: Any) -> None:
    backend = Backend()
    hook = LogHook(course, "tensorboard", backend)
    hook.before_train(RUNNER)
    hook.close(RUNNER, 1, 4.5)
    hook.after_train(RUNNER)
    (name, recipe), *scalars, last = backend.done
    assert (name, recipe["train"]) == ("config", {"epochs": 2})
    assert dict(scalars) == {"train/lr": 0.1, "train/images_per_second": 5.0, "val/mae": 4.5}
    assert last == ("close", None)


@pytest.mark.parametrize("what", ["config", "val/mae", "close"])
def test_what_cannot_be_written_to_is_named(course: Any, what: str) -> None:
    hook = LogHook(course, "mlflow", Backend(what))
    with pytest.raises(ConfigError, match="--log mlflow cannot be written to: the server says no"):
        hook.before_train(RUNNER)
        hook.close(RUNNER, 1, 4.5)
        hook.after_train(RUNNER)


def test_mlflow_writes_to_the_run_or_to_the_server_that_is_named(
    course: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    own = report_hooks(course)[1].backend  # type: ignore[attr-defined]
    folder = course.run.folder.resolve() / "mlflow"
    assert own._tracking_uri == f"sqlite:///{folder}/mlflow.db"
    assert own._artifact_location == (folder / "artifacts").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    theirs = report_hooks(course)[1].backend  # type: ignore[attr-defined]
    assert theirs._tracking_uri == "http://127.0.0.1:5000"
    assert theirs._artifact_location is None


@pytest.mark.parametrize(("seconds", "lines"), [(0.0, 1), (60.0, 0)])
def test_a_long_epoch_is_told_of_in_a_log(
    monkeypatch: pytest.MonkeyPatch, seconds: float, lines: int
) -> None:
    """Where there is no terminal, a line a minute; the end of the epoch has its own."""
    monkeypatch.setattr("agekit.training.display._EVERY_SECONDS", seconds)
    display = Display(Console(file=StringIO(), width=200), None)
    display.start(1, epochs=2, steps=50, done=0)
    for step in (25, 50):
        display.step(1, step, step, 31.4, {"loss": 1.5, "l1": 1.5}, "MAE 4.00")
    first, *told = display.console.file.getvalue().splitlines()  # type: ignore[union-attr]
    assert first == "generation 1" and len(told) == lines
    for line in told:
        assert line.startswith("  epoch   1/2, step 25/50  31 img/s  eta 0:00:")
        assert line.endswith("loss 1.500  best MAE 4.00")
