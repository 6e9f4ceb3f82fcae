from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from agekit_bench.catalog import count_cells, load_suite
from agekit_bench.cells import cells
from agekit_bench.result import row_slug

from agekit.errors import ConfigError

HEAD = """
name: small
description: for a test
preset: quick
seeds: [0, 1]
backbones: [resnet10-tiny, resnet18-tiny]
protocols: [{dataset: synthfaces}, {dataset: utkface, protocol: 21-60}]
"""


def test_open_recipes_are_crossed_with_the_backbones(write_suite: Callable[..., Path]) -> None:
    suite = load_suite(
        write_suite(
            "  - {label: open, recipe: reg, set: {train.optimizer.lr: 1.0e-3, data.size: 32}}\n"
            "  - {label: fixed, recipe: cen-resnet10, epochs: 3, generations: 2, preset: null}\n",
            HEAD,
        )
    )
    found = cells(suite)
    assert len(found) == count_cells(suite.model_dump()) == (2 + 1) * 2 * 2
    assert [cell.seed for cell in found] == [0] * 6 + [1] * 6
    first, fixed = found[0], next(cell for cell in found if cell.row == "fixed")
    assert (first.recipe_name, first.method, first.backbone) == (
        "reg-resnet10-tiny",
        "reg",
        "resnet10-tiny",
    )
    assert first.protocol == "synthfaces:default"
    assert first.overrides == ("train.optimizer.lr=0.001", "data.size=32")
    assert first.slug == row_slug("reg-resnet10-tiny", first.overrides)
    assert first.name == f"synthfaces_default/{first.slug}/seed-0"
    assert first.path(Path("out")) == Path(f"out/synthfaces_default/{first.slug}/seed-0.json")
    assert first.resolved.recipe.train.optimizer.lr == 0.001
    assert fixed.overrides == ("train.epochs=3", "evolver.generations=2", "preset=none")
    assert fixed.resolved.recipe.train.epochs == 3
    assert fixed.resolved.recipe.evolver.arguments["generations"] == 2


@pytest.mark.slow
def test_cells_are_chosen_and_changed(write_suite: Callable[..., Path]) -> None:
    rows = "  - {label: one, recipe: reg}\n  - {label: two, recipe: ldl}\n"
    suite = load_suite(write_suite(rows, HEAD))
    assert {cell.row for cell in cells(suite, only=["ld*"])} == {"two"}
    assert {cell.backbone for cell in cells(suite, only=["resnet18*"])} == {"resnet18-tiny"}
    assert len(cells(suite, only=["*/reg-resnet10-tiny/seed-1"])) == 2
    assert {cell.seed for cell in cells(suite, seeds=[7])} == {7}
    assert {cell.protocol for cell in cells(suite, protocols=["synthfaces:tiny"])} == {
        "synthfaces:tiny"
    }
    short = cells(suite, epochs=1, preset="finetune")[0]
    assert short.overrides == ("train.epochs=1", "preset=finetune")
    assert short.resolved.recipe.train.epochs == 1
    with pytest.raises(ConfigError, match="no cell matches 'x' or 'y'"):
        cells(suite, only=["x", "y"])


def test_every_mistake_of_every_row_is_told(write_suite: Callable[..., Path]) -> None:
    rows = (
        "  - {label: one, recipe: regg}\n"
        "  - {label: two, recipe: ldl, set: {train.epoch: 3}}\n"
        "  - {label: three, recipe: cen, preset: quik}\n"
    )
    head = HEAD.replace("utkface, protocol: 21-60", "utkfaces").replace(
        "synthfaces}", "afad, protocol: random}"
    )
    with pytest.raises(ConfigError) as caught:
        cells(load_suite(write_suite(rows, head)))
    text = str(caught.value)
    assert "one: no recipe is named 'regg'; did you mean 'reg'" in text
    assert "two: train.epoch: there is no such key; did you mean 'epochs'?" in text
    assert "three: the recipe 'cen-resnet10-tiny' has no preset 'quik'" in text
    assert "no dataset named 'utkfaces'; did you mean" in text
    assert "afad has no protocol 'random'; did you mean 'random-80-20'?" in text


def test_what_is_scored_besides_is_told_once(write_suite: Callable[..., Path]) -> None:
    rows = (
        "  - {label: a, recipe: reg}\n"
        "cross: [{dataset: synthfaces}, {dataset: synthfaces, protocol: default, split: all}]\n"
    )
    with pytest.raises(ConfigError, match="cross: synthfaces:default is there twice"):
        cells(load_suite(write_suite(rows)))


def test_what_is_trained_on_is_told_once(write_suite: Callable[..., Path]) -> None:
    rows = "  - {label: a, recipe: reg, protocols: [{dataset: synthfaces}, DEFAULT]}\n"
    rows = rows.replace("DEFAULT", "{dataset: synthfaces, protocol: default}")
    with pytest.raises(ConfigError, match="protocols: synthfaces:default is there twice"):
        cells(load_suite(write_suite(rows)))
    suite = load_suite(write_suite("  - {label: a, recipe: reg}\n"))
    asked = ["synthfaces", "synthfaces:tiny", "synthfaces:default", "synthfaces"]
    found = cells(suite, protocols=asked, seeds=[3, 3])
    assert [cell.protocol for cell in found] == ["synthfaces:default", "synthfaces:tiny"]


@pytest.mark.parametrize("text", ["[abc", "2024-99-99", "9" * 5000])
def test_what_is_set_and_is_no_yaml_stays_text(text: str, write_suite: Callable[..., Path]) -> None:
    rows = f"  - {{label: a, recipe: reg, set: {{train.epochs: '{text}'}}}}\n"
    with pytest.raises(ConfigError, match=r"a: (--set )?train\.epochs: (Input should|Out of)"):
        cells(load_suite(write_suite(rows)))


def test_a_recipe_whose_path_is_none_is_a_mistake(write_suite: Callable[..., Path]) -> None:
    path = write_suite('  - {label: a, recipe: "a\\0b.yaml"}\n')
    with pytest.raises(ConfigError, match=r"cannot read the recipe .*: embedded null byte"):
        cells(load_suite(path))


def test_rows_that_are_the_same_are_refused(write_suite: Callable[..., Path]) -> None:
    rows = "  - {label: one, recipe: reg}\n  - {label: two, recipe: reg}\n"
    with pytest.raises(ConfigError, match="'one' and 'two' are the same"):
        cells(load_suite(write_suite(rows)))


def test_cells_come_after_those_they_start_from(write_suite: Callable[..., Path]) -> None:
    rows = (
        "  - {label: fine, recipe: reg, init: base, epochs: 1}\n"
        "  - {label: given, recipe: reg, init: horse}\n"
        "  - {label: base, recipe: ldl-reg, seeds: [5], protocols: [{dataset: morph}]}\n"
    )
    found = cells(load_suite(write_suite(rows, HEAD)))
    assert [cell.row for cell in found[:2]] == ["given", "given"]
    for cell in found:
        if cell.row == "fine":
            assert cell.after == f"morph_random-80-20/ldl-reg-{cell.backbone}/seed-5"
            assert "init=base" in cell.overrides and cell.init is None
    places = {cell.name: at for at, cell in enumerate(found)}
    assert all(places[c.after] < places[c.name] for c in found if c.after is not None)
    assert {c.init for c in found if c.row == "given"} == {"horse"}
    only = cells(load_suite(write_suite(rows, HEAD)), only=["fine"], seeds=[0])
    assert {cell.row for cell in only} == {"fine", "base"}
    assert {(c.row, c.seed) for c in only} == {("fine", 0), ("base", 5)}

    rows = "  - {label: fine, recipe: reg, init: base}\n  - {label: base, recipe: reg-resnet10}\n"
    with pytest.raises(ConfigError, match="has no cell on 'resnet10-tiny'"):
        cells(load_suite(write_suite(rows, HEAD)))


def test_a_recipe_may_be_a_file_beside_the_suite(
    write_suite: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("extends: reg\nbackbone: {type: resnet10-tiny}\n")
    path = write_suite("  - {label: own, recipe: mine.yaml}\n")
    monkeypatch.chdir(tmp_path.parent)
    (cell,) = cells(load_suite(path))
    assert (cell.recipe_name, cell.method, cell.slug) == ("mine", "mine", "mine")
    assert cell.recipe == str(tmp_path / "mine.yaml")
