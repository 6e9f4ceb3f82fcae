"""``--resume`` beyond the end of a run, and what else goes with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click
import pytest
import torch
from safetensors.torch import load_file

from agekit.cli.train import train
from agekit.training.resume import lengthen, longer
from agekit.training.run import Run
from tests.training.conftest import Here

pytestmark = pytest.mark.slow

GOES_WITH = {"resumed", "epochs", "generations", "device", "as_json"}
VALUES = {
    "domains": "20-29,50-69",
    "where": "gender=male",
    "settings": "train.epochs=3",
    "seed": "0",
    "columns": "path=x",
    "logs": "tensorboard",
}
REG = ("train", "reg-resnet10-tiny")
Small = tuple[object, ...]


def options() -> list[click.Option]:
    every = [p for p in train.params if isinstance(p, click.Option)]
    return [option for option in every if option.name not in GOES_WITH]


@pytest.mark.parametrize("option", options(), ids=lambda option: option.opts[0])
def test_every_other_option_beside_resume_is_wrong_usage(here: Here, option: click.Option) -> None:
    value = [] if option.is_flag else [VALUES.get(option.name or "", "x")]
    code, _, err = here("train", "--resume", "run", "--epochs", 9, option.opts[0], *value)
    assert code == 2
    assert f"--resume RUN takes no {option.opts[0]}:" in err


def records(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model/model.safetensors")


def test_a_finished_run_goes_on_as_if_it_had_been_longer(
    here: Here, small: Small, tmp_path: Path
) -> None:
    """Bit for bit where the schedule does not know its end."""
    constant = ("--set", "train.schedule.type=constant")
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert here(*REG, *small, *constant, "--epochs", 2, "--out", whole)[0] == 0
    assert here(*REG, *small, *constant, "--epochs", 1, "--out", run)[0] == 0
    before = weights(run)
    code, _, err = here("train", "--resume", run, "--epochs", 1)
    assert code == 0, err
    assert all(torch.equal(weights(run)[key], value) for key, value in before.items())

    code, out, err = here("train", "--resume", run, "--epochs", 2)
    assert code == 0, err
    assert "from 1 to 2 epochs: from here on the learning rate follows" in out
    assert all(torch.equal(weights(run)[key], value) for key, value in weights(whole).items())
    assert "epochs: 2" in (run / "recipe.yaml").read_text()
    config = json.loads((run / "model/config.json").read_text())
    assert config["trained"]["lengthened"] == [{"generation": 1, "epoch": 1, "epochs": 2}]
    assert "lengthened to 2 epochs after its epoch 1" in (run / "model/README.md").read_text()

    code, _, err = here("train", "--resume", run, "--epochs", 1)
    assert code == 1 and "1 is less than the 2 of the run" in err
    code, _, err = here("train", "--resume", run, "--generations", 2)
    assert code == 1 and "'single' has no argument 'generations'" in err
    (run / "generation-1/end.pt").unlink()
    code, _, err = here("train", "--resume", run, "--epochs", 3)
    assert code == 1 and "state of its optimizer was not kept" in err and "--init" in err
    assert "epochs: 2" in (run / "recipe.yaml").read_text()


def test_the_schedule_is_that_of_the_longer_run(here: Here, small: Small, tmp_path: Path) -> None:
    """A cosine that had come to its end goes on where the longer one is."""
    run = tmp_path / "run"
    cosine = ("--set", "train.schedule.type=cosine", "--set", "train.ema=0.9")
    assert here(*REG, *small, *cosine, "--epochs", 1, "--out", run)[0] == 0
    assert here("train", "--resume", run, "--epochs", 2, "--json")[0] == 0
    first, second = records(run)
    assert second["lr"] == pytest.approx(first["lr"] / 2)


def test_a_run_of_one_step_has_a_schedule_when_it_is_longer(
    here: Here, small: Small, tmp_path: Path
) -> None:
    """One step has no cycle, so that its optimizer knows no least and no largest rate."""
    run = tmp_path / "run"
    cycle = ("--set", "train.schedule.type=one-cycle", "--set", "train.batch_size=4096")
    assert here(*REG, *small, *cycle, "--epochs", 1, "--out", run)[0] == 0
    code, _, err = here("train", "--resume", run, "--epochs", 3)
    assert code == 0, err
    assert records(run)[2]["lr"] < records(run)[1]["lr"]


def test_more_generations_and_longer_ones(here: Here, small: Small, tmp_path: Path) -> None:
    """The last one begun goes on; those that others learnt from stay, and that is told."""
    run = tmp_path / "run"
    cen = ("train", "cen-resnet10-tiny", *small, "--epochs", 1)
    assert here(*cen, "--generations", 1, "--out", run)[0] == 0
    ancestor = load_file(run / "generation-1/model.safetensors")
    code, out, _ = here("train", "--resume", run, "--generations", 2, "--json")
    assert code == 0
    assert [g["generation"] for g in json.loads(out)["generations"]] == [1, 2]
    assert not (run / "generation-1/end.pt").exists()

    code, out, _ = here("train", "--resume", run, "--epochs", 2, "--generations", 3)
    assert code == 0
    assert "; generation 1 stays as trained for 1" in out
    assert "from 2 to 3 generations" in out
    epochs = [(r["generation"], r["epoch"]) for r in records(run)]
    assert epochs == [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2)]
    kept = load_file(run / "generation-1/model.safetensors")
    assert all(torch.equal(kept[key], value) for key, value in ancestor.items())
    code, _, err = here("train", "--resume", run, "--generations", 2)
    assert code == 1 and "2 is less than the 3 of the run" in err


def test_lengthening_may_stop_anywhere(here: Here, small: Small, tmp_path: Path) -> None:
    """Before each file it changes: done again, it comes to the same."""
    run = tmp_path / "run"
    assert here(*REG, *small, "--epochs", 1, "--out", run)[0] == 0
    info = json.loads((run / "run.json").read_text())
    for stop in ("nothing", "renamed", "opened"):
        copy = Run(Path(shutil.copytree(run, tmp_path / stop)))
        folder = copy.generation(1)
        if stop != "nothing":
            (folder / "end.pt").rename(folder / "checkpoint.pth")
        if stop == "opened":
            (folder / "metrics.json").unlink()
        begun, after = longer(copy, info, 3, None)
        assert lengthen(copy, begun, after)
        assert copy.checkpoint(1).exists() and not copy.is_finished(1)
        assert longer(copy, info, None, None)[0].recipe.train.epochs == 3
