from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from agekit_bench.catalog import count_cells, find_suites, list_suites, load_suite, shipped
from agekit_bench.cells import cells

from agekit.errors import ConfigError

ROW = "  - {label: a, recipe: reg}\n"


def test_own_suites_come_before_those_that_are_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "methods.yaml").write_text(f"name: {folder}")
    (tmp_path / "two" / "own.yml").write_text("")
    monkeypatch.setenv("AGEKIT_SUITES", f"{tmp_path / 'one'}:{tmp_path / 'two'}:{tmp_path / 'no'}")
    found = find_suites()
    assert found["methods"] == tmp_path / "one" / "methods.yaml"
    assert found["own"] == tmp_path / "two" / "own.yml"
    assert found["table1"] == shipped() / "table1.yaml"
    assert list(found) == sorted(found)


def test_suites_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a": "name: [", "b": "- 1", "c": "rows: 3", "d": "description: 2024-99-99"}
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("AGEKIT_SUITES", str(tmp_path))
    remarks: list[str] = []
    listed = {suite.name: suite for suite in list_suites(remarks)}
    assert listed["table1-utkface"].cells == 9 and "a" not in listed
    assert remarks[0].startswith(f"{tmp_path / 'a.yaml'} cannot be read: while parsing")
    assert remarks[1:3] == [f"{tmp_path / name}.yaml is not a suite" for name in "bc"]
    assert "d.yaml cannot be read: '2024-99-99' cannot be used as a date" in remarks[3]


def test_unknown_suites_are_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'methods'"):
        load_suite("method")
    with pytest.raises(ConfigError, match=r"cannot read the suite .*nothing\.yaml"):
        load_suite("nothing.yaml")
    with pytest.raises(ConfigError, match="home folder ~nobody-of-that-name is not known"):
        load_suite("~nobody-of-that-name/x.yaml")


def test_every_mistake_in_a_suite_is_told(write_suite: Callable[..., Path]) -> None:
    path = write_suite("  - {label: a, recipe: reg, epoch: 3}\n  - {label: b}\n")
    with pytest.raises(ConfigError) as caught:
        load_suite(path)
    assert len(caught.value.mistakes) == 2
    assert "rows.0.epoch: there is no such key; did you mean 'epochs'?" in str(caught.value)
    assert "rows.1.recipe: is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (ROW + ROW, "two rows are called 'a'"),
        (
            ROW + "claims: [{text: t, row: a, beats: [b]}]\n",
            "the claim 't': 'b' is no row",
        ),
        (ROW + "claims: [{text: t, row: a}]\n", "a claim has a row and those it beats"),
        (ROW + "claims: [{text: t, generation: 2}]\n", "has a generation and the one it beats"),
        (ROW + "baseline: b\n", "the baseline 'b' is no row"),
        (
            "  - {label: a, recipe: reg, init: b}\n  - {label: b, recipe: reg, init: a}\n",
            "the row 'a' starts from itself",
        ),
        ("  - [1, 2\n", "cannot read the suite"),
        (ROW + "source: 2024-99-99\n", "'2024-99-99' cannot be used as a date in line"),
        (ROW + "source: " + "[" * 5000, "it is nested more than 50 deep"),
        (ROW + "seeds: [1]\n", "the key 'seeds' is there twice in line"),
        ("  - {label: a, recipe: reg, seeds: [3, 3]}\n", "the row 'a': the seed 3 is there twice"),
        ("  - {label: a, recipe: reg, epochs: 1000000000000000}\n", "less than or equal to"),
    ],
)
def test_suites_that_make_no_sense_are_refused(
    rows: str, what: str, write_suite: Callable[..., Path]
) -> None:
    with pytest.raises(ConfigError, match=what):
        load_suite(write_suite(rows))


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("seeds", "[0, 1, 0]", "the seed 0 is there twice"),
        ("backbones", "[resnet18, resnet18]", "the backbone resnet18 is there twice"),
        (
            "protocols",
            "[{dataset: morph}, {dataset: a, protocol: b}, {protocol: b, dataset: a}]",
            "the protocol a:b is there twice",
        ),
        ("name", "runs", "a suite cannot be called 'runs'"),
    ],
)
def test_heads_that_make_no_sense_are_refused(
    key: str, value: str, what: str, write_suite: Callable[..., Path]
) -> None:
    head = {"name": "small", "description": "x", "protocols": "[{dataset: synthfaces}]"}
    lines = "".join(f"{k}: {v}\n" for k, v in (head | {key: value}).items())
    with pytest.raises(ConfigError, match=what):
        load_suite(write_suite(ROW, lines))


def test_rows_may_merge_what_others_are(write_suite: Callable[..., Path]) -> None:
    rows = "  - &first {label: a, recipe: reg, epochs: 1}\n  - {<<: *first, label: b, epochs: 2}\n"
    assert [(row.label, row.epochs) for row in load_suite(write_suite(rows)).rows] == [
        ("a", 1),
        ("b", 2),
    ]


@pytest.mark.parametrize("path", sorted(shipped().glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_suites_are_whole(path: Path) -> None:
    suite = load_suite(path)
    assert suite.name == path.stem
    found = cells(suite)
    assert len({cell.name for cell in found}) == len(found) == count_cells(suite.model_dump())
    assert {cell.row for cell in found} == {row.label for row in suite.rows}
