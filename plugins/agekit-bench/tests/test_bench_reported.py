from __future__ import annotations

import pytest
from agekit_bench.catalog import find_suites, load_suite
from agekit_bench.report.reported import find_reported, load_reported

from agekit.errors import ConfigError


def test_every_table_of_the_papers_is_there():
    cen = [f"table{number}" for number in range(1, 7)]
    assert list(find_reported()) == [*cen, "aging-table1", "paplham-utkface"]


def test_every_row_that_the_methods_reproduce_is_one_of_theirs():
    labels = {row.label for row in load_suite("methods").rows}
    assert {row.row or row.label for row in load_reported("paplham-utkface").rows} <= labels


@pytest.mark.parametrize("name", list(find_reported()))
def test_each_is_valid_and_called_as_its_file(name):
    table = load_reported(name)
    assert table.name == name
    assert any(value is not None for row in table.rows for value in row.values)


def figures(name):
    return {row.label: row.values for row in load_reported(name).rows}


def test_figures_are_kept_as_printed():
    assert figures("table2")["OR-CNN"] == ["3.34"]
    assert figures("table4")["CEN(ResNet10-Tiny)"] == ["63.60", "82.36", "91.80"]
    assert figures("table3")["ARN"] == ["3.153", None]
    assert figures("aging-table1")["#4"] == [None] * 5


def test_the_differences_that_the_papers_text_names():
    # "LDL+Reg gains 0.335 of MAE on Morph compared with Reg"; "0.023 and 0.011"
    mae = {label: float(values[0]) for label, values in figures("table1").items()}
    assert mae["Reg"] - mae["LDL+Reg (ŷreg)"] == pytest.approx(0.335)
    assert mae["LDL+Reg (ŷreg)"] - mae["LDL+Reg (ŷ)"] == pytest.approx(0.023)
    assert mae["LDL+Reg (ŷldl)"] - mae["LDL+Reg (ŷ)"] == pytest.approx(0.011)
    # "0.22 %, 0.80 % and 1.18 % improvements compared with Posterior"
    rows = figures("table4")
    pairs = zip(rows["CEN(ResNet18-Tiny)"], rows["Posterior, MS-Celeb-1M"], strict=True)
    gains = [float(a) - float(b) for a, b in pairs]
    assert gains == pytest.approx([0.22, 0.80, 1.18])


def test_tables_that_print_the_same_figure_agree():
    evolution = figures("table5")
    assert figures("table1")["LDL+Reg (ŷ)"] == evolution["CEN(ResNet18) t=1"]
    assert figures("table2")["CEN(ResNet18)"] == evolution["CEN(ResNet18) t=3"][:1]
    assert figures("table2")["CEN(ResNet10-Tiny)"] == evolution["CEN(ResNet10-Tiny) t=4"][:1]
    assert figures("table4")["CEN(ResNet18)"] == evolution["CEN(ResNet18) t=4"][1:]
    assert figures("table6")["τ = 2"] == evolution["CEN(ResNet18) t=3"][:1]


def test_mistakes_are_told(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ntitle: t\nsource: s\nsuite: x\n"
        "columns: [{name: MAE, metric: mae, better: lower}]\n"
        'rows: [{label: a, values: "1.5 2.5"}]\n'
    )
    with pytest.raises(ConfigError, match="'a' has not one value a column"):
        load_reported(str(path))
    with pytest.raises(ConfigError, match="did you mean 'table1'"):
        load_reported("tabel1")


@pytest.mark.parametrize("name", [n for n in find_suites() if n in find_reported()])
def test_every_shown_row_of_a_papers_suite_fills_a_printed_row(name):
    suite, table = load_suite(name), load_reported(name)
    labels = {label for row in table.rows for label in (row.label, row.row) if label}
    recipes = {row.recipe for row in table.rows}
    for row in suite.rows:
        if not row.shown:
            continue
        backbones = row.backbones or suite.backbones
        made = {row.recipe, *(f"{row.recipe}-{backbone}" for backbone in backbones)}
        assert row.label in labels or made & recipes, row.label
