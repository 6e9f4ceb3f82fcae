from __future__ import annotations

import numpy as np
import pytest
from agekit_bench.report.build import gather, make_leaderboard
from agekit_bench.report.markdown import render_markdown
from agekit_testkit.results import draw_faces, write_made_result

FACES = draw_faces(300)
SIGNS = np.where(np.arange(300) % 2, 1, -1)


def off(years):
    """Estimates that are wrong by so many years, one way and the other."""
    return FACES.age + years * SIGNS


def board_of(folder, **options):
    remarks = []
    found = gather([folder], remarks=remarks)
    return make_leaderboard(found, folder, remarks=remarks, **options)


def test_printed_tables_are_filled_from_the_generation_meant(tmp_path):
    folder = tmp_path / "table5"
    for seed in (0, 1):
        write_made_result(
            folder,
            "CEN(ResNet18)",
            "cen-resnet18",
            FACES,
            [off(5 + seed), off(4)],
            suite="table5",
            protocol="morph:random-80-20",
            seed=seed,
        )
    (printed,) = board_of(folder, suite="table5").printed
    rows = {row.label: row for row in printed.rows}
    first, second = rows["CEN(ResNet18) t=1"], rows["CEN(ResNet18) t=2"]
    assert first.reported[0] == "2.220"
    assert first.reproduced[0].mean == pytest.approx(5.5)
    assert first.reproduced[0].n == 2
    assert first.reproduced[1:] == [None] * 3
    assert second.reproduced[0].mean == pytest.approx(4)
    assert rows["CEN(ResNet18) t=3"].reproduced[0] is None
    assert (first.parameters, first.counted) == (11.2e6, 1_240_000)
    assert "morph" in printed.waits_for
    assert printed.command.startswith("agekit bench run table5 --root morph=DIR")


def test_a_figure_of_a_printed_table_links_to_the_result_of_its_column(tmp_path):
    folder = tmp_path / "table1"
    for protocol, error in (("morph:random-80-20", 3), ("megaage-asian:official", 5)):
        write_made_result(
            folder, "Reg", "reg-resnet18", FACES, [off(error)], suite="table1", protocol=protocol
        )
    board = board_of(folder, suite="table1")
    row = {row.label: row for row in board.printed[0].rows}["Reg"]
    links = [link and link.partition("/")[0] for link in row.links]
    assert links[0] == "morph_random-80-20"
    assert set(links[1:]) == {"megaage-asian_official"}
    assert f"[3.000](<{row.links[0]}>)" in render_markdown(board)


def test_a_run_without_the_printed_figure_is_linked_and_does_not_wait(tmp_path):
    options = {"suite": "aging-table1", "protocol": "two-folder:as-it-lies"}
    write_made_result(tmp_path, "#1", "cyclegan-wiki", FACES, [off(4)], **options)
    board = board_of(tmp_path, suite="aging-table1")
    rows = {row.label: row for row in board.printed[0].rows}
    assert rows["#1"].reproduced == [None] * 5 and len(set(rows["#1"].links)) == 1
    assert f"| 31.2 | [no figure](<{rows['#1'].links[0]}>) |" in render_markdown(board)
    assert rows["#2"].links == [None] * 5


@pytest.mark.parametrize(
    ("suite", "ends"),
    [
        ("table2", " --root imdb-wiki=DIR"),
        ("table4", " --root imdb-wiki=DIR --init ms-celeb-1m=MODEL"),
        (
            "aging-table1",
            " --root two-folder=DIR --root cacd=DIR --init horse2zebra=MODEL"
            " --init summer2winter=MODEL --init monet2photo=MODEL --judge MODEL",
        ),
    ],
)
def test_the_command_that_fills_a_table_names_all_that_it_needs(suite, ends, tmp_path):
    (printed,) = make_leaderboard({}, tmp_path, suite=suite).printed
    assert printed.command.partition("\n")[0].endswith(ends)


@pytest.mark.slow
def test_printed_tables_mix_no_trainings(tmp_path):
    folder = tmp_path / "table6"
    common = {"suite": "table6", "protocol": "morph:random-80-20", "preset": "finetune"}
    for seed in (0, 1):
        write_made_result(folder, "defaults", "cen-resnet18", FACES, [off(4)], seed=seed, **common)
    short = ["train.epochs=1"]
    colder = ["evolver.offspring.0.tau=1", "train.epochs=1"]
    write_made_result(
        folder, "defaults", "cen-resnet18", FACES, [off(9)], overrides=short, **common
    )
    write_made_result(folder, "τ = 1", "cen-resnet18", FACES, [off(9)], overrides=colder, **common)
    (printed,) = board_of(folder, suite="table6").printed
    rows = {row.label: row for row in printed.rows}
    assert rows["τ = 2"].reproduced[0].mean == pytest.approx(4)
    assert rows["τ = 2"].reproduced[0].n == 2
    assert rows["τ = 2"].note == "τ 2, α 0.50, λ 4; here: preset finetune"
    assert rows["τ = 1"].note.endswith("; here: preset finetune, " + ", ".join(colder))
    assert rows["τ = 3"].note == "τ 3, α 0.50, λ 4"


def test_printed_tables_wait_where_there_is_nothing(tmp_path):
    board = make_leaderboard({}, tmp_path, suite="table2")
    (printed,) = board.printed
    assert board.standings == []
    assert [row.reproduced for row in printed.rows] == [[None]] * 13
    text = render_markdown(board)
    assert "| OR-CNN (Niu et al. 2016) | 3.34 | waiting |" in text
    assert "agekit bench run table2 --root morph=DIR" in text
