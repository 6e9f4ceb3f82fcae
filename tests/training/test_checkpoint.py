"""A generation's state: saved whole, gone on with exactly, and told when it cannot be read."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import torch

from agekit.errors import ModelError
from agekit.recipe import TrainConfig
from agekit.training.checkpoint import load_checkpoint, save_checkpoint
from agekit.training.run import Run
from agekit.training.runner import QuietRunner
from tests.training.tiny import STEPS, Weight, config, runner, watched

ADAM = {"type": "AdamW", "lr": 0.1, "weight_decay": 0.01}
SCHEDULES = [
    {"type": "constant"},
    {"type": "step", "every": 2, "factor": 0.1},
    {"type": "cosine"},
    {"type": "one-cycle", "warmup": 0.25},
    {"type": "linear", "decay": 0.5},
]


class Noisy(Weight):
    """Draws from torch's random state in every step."""

    noisy = True


def trained(run: Run, train: TrainConfig, epochs: int | None = None) -> Noisy:
    """Trains, or goes on, and ends after some epochs as a kill would end it."""
    model = Noisy()

    def stop(runner: QuietRunner) -> None:
        if runner.epoch + 1 == epochs:
            raise KeyboardInterrupt

    made, _ = watched(run, model, train=train, after=stop)
    if epochs is not None:
        with pytest.raises(KeyboardInterrupt):
            made.train()
    else:
        made.train()
    return model


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s["type"])
def test_a_killed_generation_goes_on_to_the_same_weights_and_rates(tmp_path, schedule) -> None:
    train = config(epochs=5, optimizer=ADAM, schedule=schedule)
    whole, parts = Run(tmp_path / "whole"), Run(tmp_path / "parts")
    straight = trained(whole, train)
    first = trained(parts, train, epochs=3)
    second = trained(parts, train)
    assert second.w.equal(straight.w)
    assert first.rates + second.rates == pytest.approx(straight.rates, abs=1e-12)
    files = [run.checkpoint(1) for run in (whole, parts)]
    ends = [load_checkpoint(file) for file in files]
    assert ends[0] is not None and ends[1] is not None
    assert ends[0]["random"].equal(ends[1]["random"])
    assert [end["epoch"] for end in ends] == [5, 5]
    assert [end["step"] for end in ends] == [5 * STEPS] * 2
    told = [[{k: v for k, v in r.items() if k in ("epoch", "losses", "lr")} for r in run.records()]
            for run in (whole, parts)]  # fmt: skip
    assert told[0] == told[1]


def test_of_more_epochs_the_rates_are_those_of_the_longer_plan(tmp_path) -> None:
    run = Run(tmp_path)
    trained(run, config(epochs=2, schedule={"type": "cosine"}))
    longer = config(epochs=4, schedule={"type": "cosine"})
    model = trained(run, longer)
    plan = Noisy()
    runner(tmp_path / "plan", plan, train=longer).train()
    assert model.rates == pytest.approx(plan.rates[2 * STEPS :])


def test_what_is_saved(tmp_path) -> None:
    run = Run(tmp_path)
    trained(run, config(optimizer={"type": "SGD", "lr": 0.1, "momentum": 0.5}))
    saved = load_checkpoint(run.checkpoint(1))
    assert saved is not None
    assert {"epoch", "step", "state_dict", "optimizer", "random"} <= saved.keys()
    assert set(saved["state_dict"]) == {"w", "frozen"}
    assert run.check() == [], "its hash is listed"
    assert not [path for path in run.generation(1).iterdir() if path.suffix != ".pth"]


def test_where_there_is_none_training_begins_anew(tmp_path) -> None:
    assert load_checkpoint(tmp_path / "checkpoint.pth") is None


def test_the_best_weights_are_written_beside_and_before(tmp_path) -> None:
    run = Run(tmp_path)
    made = runner(run.generation(1))
    made.train()
    best = run.best(1, 2)
    save_checkpoint(run, run.checkpoint(1), made, 2, 4, best)
    kept, saved = (load_checkpoint(path) for path in (best, run.checkpoint(1)))
    assert kept is not None and saved is not None
    assert set(kept) == {"epoch", "state_dict"}
    assert kept["state_dict"]["w"].equal(saved["state_dict"]["w"])
    assert os.stat(best).st_mtime_ns <= os.stat(run.checkpoint(1)).st_mtime_ns


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch taken",)


@pytest.mark.parametrize(
    "damage",
    ["", "PK\x03\x04", "cut", "not a checkpoint", "no epoch", "no number", "a list", "evil"],
)
def test_what_is_no_checkpoint_is_refused_and_nothing_in_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "checkpoint.pth"
    torch.save({"epoch": 1, "state_dict": {}}, path)
    contents = {"no epoch": {"a": 1}, "no number": {"epoch": "x"}, "a list": [1], "evil": Evil()}
    if damage in contents:
        torch.save(contents[damage], path)
    else:
        path.write_bytes(path.read_bytes()[:200] if damage == "cut" else damage.encode("latin-1"))
    with pytest.raises(ModelError, match=re.escape(f"{path} cannot be read")) as caught:
        load_checkpoint(path)
    assert caught.value.hint == "delete it to train this generation anew"
    assert not (tmp_path / "taken").exists()


@pytest.mark.parametrize("wrong", ["state_dict", "optimizer", "random", "step", "shape", "network"])
def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path, wrong: str) -> None:
    run = Run(tmp_path / "run")
    trained(run, config())
    saved = load_checkpoint(run.checkpoint(1))
    assert saved is not None
    if wrong == "shape":
        saved["state_dict"]["w"] = torch.ones(2)
    elif wrong == "network":
        saved["state_dict"]["other"] = saved["state_dict"].pop("w")
    else:
        del saved[wrong]
    torch.save(saved, run.checkpoint(1))
    model = Noisy()
    made, _ = watched(run, model, train=config(epochs=3))
    with pytest.raises(ModelError, match="is not of this training") as caught:
        made.train()
    assert caught.value.hint == "delete it to train this generation anew"
    assert not model.rates
