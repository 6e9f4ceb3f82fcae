"""The search over a recipe: its space, its trials, what survives a stop, and the command."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from agekit_search.asked import Asked
from agekit_search.space import Choice, Range, check_space, default_space, own_value, short_names
from agekit_search.trials import Search
from agekit_search.watch import WatchHook

from agekit.cli import main
from agekit.errors import ConfigError, DataError, TrainingError
from agekit.recipe import TrainConfig
from agekit.training.faces import TrainingFaces

RECIPE = "sord-resnet10-tiny"
OPTIONS = dict.fromkeys(("root", "protocol", "columns", "preset", "init", "generations"))
ASKED = Asked(RECIPE, "synthfaces", (), 4, {**OPTIONS, "as_chips": False, "seed": 0})
RATE = Range.parse("train.optimizer.lr=1e-4..1:log")


def test_a_range_is_drawn_in_its_bounds_and_short() -> None:
    drawn = RATE.draw(SimpleNamespace(suggest_float=lambda *a, **k: 0.00012345678))
    assert drawn == "0.000123"
    assert RATE.draw(SimpleNamespace(suggest_float=lambda *a, **k: 0.9999)) == "1"
    assert Range.parse("train.epochs=3..9").whole and not Range.parse("a=1.0..9").whole
    assert str(Range.parse("a.b=1..8:log")) == "a.b=1..8:log"


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "a", "a=", "=1..2", "a=1", "a=1..", "a=2..1", "a=1..1", "a=0..1:log", "a=1..2:lin"),
        *("a=x..y", "a=nan..1", "a=1..inf", "a..b=1..2"),
    ],
)
def test_what_is_no_range_is_refused(wrong: str, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(["search", RECIPE, "synthfaces", "--set-range", wrong])
    assert left.value.code == 2 and "--set-range" in capsys.readouterr().err


def test_choices_are_values_of_a_recipe() -> None:
    assert Choice.parse("a=64,1e-4,x,{type: cosine, end: 0},[1, 2]").values == (
        *("64", "0.0001", '"x"', '{"type": "cosine", "end": 0}', "[1, 2]"),
    )
    for wrong in ("a=1", "a=1,1", "a=[1,2", "a=1,1.0e0,1"):
        with pytest.raises(ValueError, match="a="):
            Choice.parse(wrong)


def test_every_mistake_of_a_space_is_told_before_any_work(capsys) -> None:
    words = ["--set-range", "train.optimizr.lr=1..2", "--choice", "data.size=64,a"]
    words += ["--set-range", "train.ema=0.9..1.5", "--set-range", "train.ema=0.9..1.5"]
    with pytest.raises(SystemExit) as left:
        main(["search", RECIPE, "synthfaces", *words])
    told = capsys.readouterr().err
    assert left.value.code == 1
    for text in ("--set-range train.optimizr.lr", "'optimizer'", "data.size", "1.5", "2 times"):
        assert text in told


def test_the_usual_space_is_around_the_recipe() -> None:
    own = ASKED.own()
    space = default_space(own)
    assert [str(one) for one in space] == [
        "train.optimizer.lr=0.001..0.1:log",
        "train.optimizer.weight_decay=1e-05..0.001:log",
        "data.augment.crop_scale.0=0.5..0.95",
    ]
    assert all(one.holds(own_value(own, one.key)) for one in space)
    assert [*check_space(space, ASKED.trial, own)] == space
    bare = {"train": {"optimizer": {"lr": 1.0, "weight_decay": 0.0}}, "data": {"augment": None}}
    rate, decay = default_space(bare)
    assert decay.holds(0.0) and rate.key == "train.optimizer.lr"


def test_names_in_the_table_are_the_shortest_that_differ() -> None:
    names = short_names(["a.lr", "b.c.0", "b.d.0", "e.f.lr"])
    assert [*names.values()] == ["a.lr", "c.0", "d.0", "f.lr"]


class Training:
    """In place of a training: an error that falls by the epoch, least at a rate of 0.01."""

    def __init__(self, stop_at: int = -1, fail: Exception | None = None) -> None:
        self.rates: list[float] = []
        self.stop_at, self.fail = stop_at, fail

    def __call__(self, resolved, settings, place: Path) -> None:
        train = resolved.recipe.train
        self.rates.append(train.optimizer.lr)
        place.mkdir()
        (place / "run.json").write_text("{}")
        (place / "log.txt").write_text("")
        if self.fail is not None and len(self.rates) > 1:
            raise self.fail
        hook, runner = WatchHook(), SimpleNamespace(val_loop=True)
        hook.before_train(runner)
        for epoch in range(train.epochs):
            if len(self.rates) == self.stop_at and epoch == 2:
                raise KeyboardInterrupt
            error = 5 + abs(math.log10(train.optimizer.lr) + 2) + 4 / (epoch + 1)
            hook.after_val_epoch(runner, {"val/mae": error})
        hook.after_train(runner)


def search(folder: Path, training: Training, **options) -> Search:
    folder.mkdir(exist_ok=True)
    return Search(folder, [RATE], ASKED.trial, training, ASKED.own(), **options)


def test_a_search_that_is_stopped_goes_on_to_the_same_trials(tmp_path) -> None:
    whole = search(tmp_path / "a", Training())
    assert len([*whole.run(9)]) == 9
    cut = search(tmp_path / "b", Training(stop_at=4))
    with pytest.raises(KeyboardInterrupt):
        list(cut.run(9))
    assert len(cut.outcomes()) == 3 and not (tmp_path / "b/trial").exists()
    with open(tmp_path / "b/trials.log", "a") as file:
        file.write('{"op_code":5,"wor')  # as a kill may leave it
    on = Training()
    assert len([*search(tmp_path / "b", on).run(9)]) == 6 and len(on.rates) == 6
    assert search(tmp_path / "b", on).outcomes() == whole.outcomes()
    assert not [*search(tmp_path / "b", on).run(9)]


def test_the_first_trial_is_the_recipe_and_bad_ones_end_early(tmp_path) -> None:
    made = search(tmp_path, Training())
    outcomes = [*made.run(12)]
    assert outcomes[0].values == {RATE.key: "0.01"} and made.best() == outcomes[0]
    pruned = [one for one in outcomes if one.state == "pruned"]
    assert pruned and all(one.epochs < 4 for one in pruned)
    assert all(one.epochs == 4 for one in outcomes if one.state == "done")


def test_a_trial_that_diverges_is_bad_and_no_end(tmp_path) -> None:
    made = search(tmp_path, Training(fail=TrainingError("the loss is not finite")))
    assert [one.state for one in made.run(5)] == ["done"] + ["diverged"] * 4
    assert made.outcomes()[1].why == "the loss is not finite" and made.best() is not None


def test_nothing_but_failures_and_unreadable_data_end_a_search(tmp_path) -> None:
    made = search(tmp_path / "a", Training(fail=ConfigError("no such part")))
    with pytest.raises(ConfigError, match="no such part"):
        list(made.run(9))
    assert [one.state for one in made.outcomes()] == ["done", "failed", "failed", "failed"]
    made = search(tmp_path / "b", Training(fail=DataError("gone")))
    with pytest.raises(DataError, match="gone"):
        list(made.run(9))
    assert len(made.outcomes()) == 1


@pytest.mark.parametrize(("keep", "least"), [("last", 1.0), ("best", 0.5)], ids=["last", "best"])
def test_the_error_is_of_the_weights_that_are_kept(keep: str, least: float, tmp_path) -> None:
    def training(resolved, settings, place: Path) -> None:
        place.mkdir()
        (place / "run.json").write_text("{}")
        (place / "log.txt").write_text("")
        hook, runner = WatchHook(), SimpleNamespace(val_loop=True)
        hook.before_train(runner)
        for error in (2.0, 0.5, 0.7, 1.0):
            hook.after_val_epoch(runner, {"val/mae": error})
        hook.after_train(runner)

    asked = Asked(RECIPE, "synthfaces", (f"train.keep={keep}",), 4, ASKED.options)
    made = Search(tmp_path, [RATE], asked.trial, training, asked.own())
    (one,) = made.run(1)
    assert one.error == least


def test_without_a_validation_split_it_is_refused(tmp_path) -> None:
    def training(resolved, settings, place: Path) -> None:
        WatchHook().before_train(SimpleNamespace(val_loop=None))

    with pytest.raises(DataError, match="validation split"):
        list(search(tmp_path, training).run(1))


def test_the_line_that_trains_the_best_names_all_that_was_said() -> None:
    options = {**ASKED.options, "root": {"a": "/x y"}, "protocol": "p", "columns": {"age": "years"}}
    options |= {"preset": "quick", "init": "m", "seed": 3, "as_chips": True, "generations": 2}
    asked = Asked("cen-resnet18", "a+b", ("data.size=32",), 2, options)
    assert asked.line(["train.optimizer.lr=0.1"]) == (
        "agekit train cen-resnet18 a+b --root 'a=/x y' --protocol p --columns age=years "
        "--as-chips --seed 3 --preset quick --init m --generations 2 --set data.size=32 "
        "--set train.optimizer.lr=0.1"
    )


@pytest.mark.slow
def test_the_command_finds_values_without_a_test_face(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    looked: list[bool] = []
    usual = TrainingFaces.require_splits

    def require(faces: TrainingFaces, config: TrainConfig) -> None:
        looked.append(faces.has("test"))
        usual(faces, config)

    monkeypatch.setattr(TrainingFaces, "require_splits", require)
    words = ["search", RECIPE, "synthfaces", "--protocol", "tiny", "--preset", "quick"]
    words += ["--set", "data.size=32", "--set", "train.batch_size=64", "--epochs", "1"]
    words += ["--set-range", "train.optimizer.lr=1e-3..1e-1:log", "--out", "found"]

    with pytest.raises(SystemExit) as left:
        main([*words, "--trials", "2", "--json"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    first, second = told["trials"]
    assert first["values"] == {"train.optimizer.lr": 0.006} and first["state"] == "done"
    best = told["best"]
    assert best["error"] == min(first["error"], second["error"])
    recipe = yaml.safe_load(Path(best["recipe"]).read_text())
    assert recipe["train"]["optimizer"]["lr"] == best["values"]["train.optimizer.lr"]
    assert recipe["train"]["epochs"] == 20 and recipe["train"]["hooks"] == []
    assert looked == [False, False]
    assert {path.name for path in Path("found").glob("[!.]*")} == {
        *("best.yaml", "search.json", "trials.log"),
    }
    with pytest.raises(SystemExit) as left:
        main([*words, "--seed", "1"])
    assert left.value.code == 1 and "seed is 0 there, and 1 here" in capsys.readouterr().err
