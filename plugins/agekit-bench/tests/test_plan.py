from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from agekit_bench.catalog import load_suite
from agekit_bench.cells import Cell, cells
from agekit_bench.cost import MEASURED, Rates, images, size_of, work
from agekit_bench.datasets import cross_specs, locate_datasets
from agekit_bench.plan import plan
from agekit_bench.result import CellError, Evaluation, Machine, Result
from agekit_bench.result_files import canonical_hash, write_result
from agekit_bench.runner import _Runner
from agekit_bench.spec import threads_for
from agekit_bench.workers import Options

from agekit.errors import ConfigError, DataError
from agekit.recipe import resolve

ROWS = (
    "  - {label: base, recipe: reg, seeds: [0], protocols: [{dataset: synthfaces}]}\n"
    "  - {label: fine, recipe: ldl, init: base}\n"
    "  - {label: given, recipe: cen, init: horse}\n"
    "  - {label: other, recipe: reg, protocols: [{dataset: morph}]}\n"
    "cross: [{dataset: synthfaces, split: all}, {dataset: afad}]\n"
)


def made(cell: Cell, **changes: object) -> Result:
    evaluation = Evaluation(protocol=cell.protocol, split_hash="", generation=1, n=1, metrics={})
    fields: dict[str, object] = {
        "suite": cell.suite,
        "row": cell.row,
        "recipe_name": cell.recipe_name,
        "method": cell.method,
        "backbone": cell.backbone,
        "preset": cell.preset,
        "protocol": cell.protocol,
        "seed": cell.seed,
        "status": "done",
        "evaluations": [evaluation],
        "started": "2026-01-01T00:00:00+00:00",
    }
    return Result.model_validate(fields | changes)


def test_cells_stand_where_their_files_say(
    write_suite: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AGEKIT_DATA", raising=False)
    suite, out = load_suite(write_suite(ROWS)), tmp_path / "out"
    found = cells(suite)
    places = locate_datasets(found, suite, {})
    assert places["morph"].lacking == "morph (--root morph=DIR)"
    assert [(c.dataset, c.split, c.root) for c in cross_specs(suite, places)] == [
        ("synthfaces", "all", None)
    ]
    stand = {p.cell.row: p for p in plan(found, out, places, {})}
    assert {row: p.state for row, p in stand.items()} == {
        "base": "new",
        "fine": "new",
        "given": "waiting",
        "other": "waiting",
    }
    assert stand["given"].why == "weights (--init horse=MODEL)"

    base = stand["base"].cell
    (base.folder(out)).mkdir(parents=True)
    (base.folder(out) / "cell.json").write_text("{}")
    assert plan(found, out, places, {"horse": "m"})[0].state == "begun"
    error = CellError(kind="diverged", message="not finite")
    write_result(base.path(out), made(base, status="failed", error=error, evaluations=[]))
    stand = {p.cell.row: p for p in plan(found, out, places, {"horse": "m"})}
    assert {row: p.state for row, p in stand.items()} == {
        "base": "failed",
        "fine": "blocked",
        "given": "new",
        "other": "waiting",
    }
    assert stand["base"].why == "not finite"
    assert stand["fine"].why == f"it starts from {base.name}, which failed"
    write_result(base.path(out), made(base))
    assert next(iter(plan(found, out, places, {}))).state == "done"


def test_a_result_that_is_another_suites_or_cannot_be_read_is_let_be(
    write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    suite, out = load_suite(write_suite("  - {label: a, recipe: reg}\n")), tmp_path / "out"
    found = cells(suite)
    places = locate_datasets(found, suite, {})
    path = found[0].path(out)
    for changes, what in (
        ({"suite": "large"}, "suite large, preset quick; not suite small, preset quick"),
        ({"preset": None}, "suite small, preset none; not suite small, preset quick"),
    ):
        write_result(path, made(found[0], **changes))
        with pytest.raises(ConfigError, match=what) as caught:
            plan(found, out, places, {})
        assert "--out" in str(caught.value.hint)
        path.unlink()
    newer = made(found[0]).model_dump(mode="json") | {"schema_version": 2}
    path.write_text(json.dumps(newer))
    with pytest.raises(DataError, match="schema_version"):
        plan(found, out, places, {})
    path.write_text("{")
    assert plan(found, out, places, {})[0].state == "new"


def test_a_result_of_what_a_recipe_file_held_before_is_not_the_cells(
    write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "own.yaml").write_text("extends: reg\nbackbone: {type: resnet10-tiny}\n")
    path, out = write_suite("  - {label: a, recipe: own.yaml}\n"), tmp_path / "out"
    (cell,) = cells(load_suite(path))
    places = locate_datasets([cell], load_suite(path), {})
    plain = json.loads(cell.resolved.recipe.model_dump_json())
    write_result(cell.path(out), made(cell, recipe=plain, recipe_hash=canonical_hash(plain)))
    assert plan([cell], out, places, {})[0].state == "done"
    with open(tmp_path / "own.yaml", "a") as file:
        file.write("estimate: {level: 0.5}\n")
    (edited,) = cells(load_suite(path))
    with pytest.raises(ConfigError, match=r"result of another recipe than .*own\.yaml is now"):
        plan([edited], out, places, {})


def test_a_cell_is_not_scored_besides_on_its_own_protocol(
    write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    rows = (
        "  - {label: a, recipe: reg}\n"
        "  - {label: b, recipe: reg, protocols: [{dataset: synthfaces}]}\n"
        "cross: [{dataset: synthfaces, split: all}]\n"
    )
    suite = load_suite(write_suite(rows))
    found = cells(suite)
    runner = _Runner(suite, found, tmp_path, locate_datasets(found, suite, {}), {}, Options(), None)
    besides = {cell.row: runner._spec(cell, 0).cross for cell in found}
    assert [(rule.dataset, rule.split) for rule in besides["a"]] == [("synthfaces", "all")]
    assert besides["b"] == []


def test_what_is_given_must_be_asked_for(
    write_suite: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = load_suite(write_suite(ROWS))
    found = cells(suite)
    with pytest.raises(ConfigError, match="no dataset 'morf'; did you mean 'morph'"):
        locate_datasets(found, suite, {"morf": tmp_path})
    with pytest.raises(DataError, match="no such folder"):
        locate_datasets(found, suite, {"morph": tmp_path / "nowhere"})
    places = locate_datasets(found, suite, {})
    with pytest.raises(ConfigError, match="no row starts from 'hors'; did you mean 'horse'"):
        plan(found, tmp_path, places, {"hors": "m"})
    (tmp_path / "data" / "morph").mkdir(parents=True)
    (tmp_path / "data" / "morph" / "a").touch()
    monkeypatch.setenv("AGEKIT_DATA", str(tmp_path / "data"))
    assert locate_datasets(found, suite, {})["morph"].root == tmp_path / "data" / "morph"


def test_costs_follow_work_and_measured_rates(write_suite: Callable[..., Path]) -> None:
    rows = "  - {label: a, recipe: reg, epochs: 2}\n  - {label: b, recipe: cen, generations: 2}\n"
    a, b = cells(load_suite(write_suite(rows)))
    sizes = [size_of(cell.resolved.recipe) for cell in (a, b)]
    assert sizes[0] == (1_230_497, 41_091_584)
    once, twice = (size.operations for size in sizes)
    assert work(a.resolved.recipe, 100) == once * 100 * 2
    assert work(b.resolved.recipe, 1) == twice * 20 * 2
    large = resolve("reg-resnet10-tiny", overrides=["data.size=128"]).recipe
    assert size_of(large).operations == pytest.approx(4 * once, rel=0.01)
    odd = resolve("or-cnn", overrides=["data.size=20"]).recipe
    with pytest.raises(ConfigError):
        size_of(odd)
    assert work(odd, 1) is None

    assert images("utkface") == round(0.8 * 23708)
    assert images("folder") is None
    fresh = Rates([])
    assert fresh.seconds(a, "cpu") == once * 4800 * 2 / MEASURED["cpu"]
    assert fresh.seconds(a, "cuda") is None

    machine = Machine(device="cuda", name="G", threads=1, versions={})
    common = {"recipe": a.resolved.recipe.model_dump(mode="json"), "machine": machine}
    known = [
        made(a, **common, facts={"train_faces": 400}, wall_seconds={"train": seconds})
        for seconds in (10.0, 20.0, 40.0)
    ]
    learnt = Rates(known)
    assert learnt.seconds(a, "cuda") == pytest.approx(20.0)
    assert learnt.images(a) == 400
    assert learnt.seconds(b, "cuda") == pytest.approx(20.0 * 20 * twice / once)
    strange = made(a, recipe={"x": 1}, machine=machine, wall_seconds={"train": 1.0})
    assert Rates([strange]).seconds(a, "cuda") is None


def test_cells_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_for(4) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    assert threads_for(1) >= threads_for(2) >= 1
    assert threads_for(1000) == 1
