from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from agekit.data.alignment import Alignment
from agekit.data.files import Files
from agekit.data.manifest import COLUMNS, MANIFEST, TABLE, Manifest
from agekit.data.prepared import (
    FAILURES_FILE,
    append_failure,
    is_prepared,
    read_failures,
    read_prepared,
    write_failures,
    write_table,
)
from agekit.data.table import FaceTable, Problem
from agekit.errors import DataError

KEYS = np.arange(64, dtype=np.uint8).reshape(4, 16)
PATHS = ["a.png", "b/b.png", "c.png", "d.png"]


@pytest.fixture
def folder(tmp_path, write_image):
    for k, path in enumerate(PATHS):
        write_image(tmp_path / path, k)
    table = FaceTable.build(
        Files(tmp_path, PATHS),
        [30.1, 0, 7.25, 116],
        sigma=[1.1, np.nan, 0, 3],
        identity=[2**63 - 1, -1, 0, 5],
        gender=[0, 1, -1, 1],
        group=[1, -1, 0, 1],
        group_names=["un, due", "trois"],
        split=[0, 1, 2, -1],
        origin=KEYS,
    )
    face = Alignment(align="five-points", margin=0.25, points=((0, 1),) * 5)
    manifest = Manifest(
        dataset="csv", group_names=table.group_names, face=face, size=40, rows=4, made_by="a test"
    )
    write_table(tmp_path, table, PATHS, manifest)
    return tmp_path


def change(folder, row, **cells):
    """Writes other cells into a row of the table."""
    with open(folder / TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[row] |= cells
    with open(folder / TABLE, "w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, COLUMNS)
        sheet.writeheader()
        sheet.writerows(rows)


def test_what_is_written_is_read(folder):
    table = read_prepared(folder)
    manifest = table.manifest
    assert is_prepared(folder)
    assert [table.images.name(i) for i in range(4)] == PATHS
    assert np.array_equal(table.age, np.float32([30.1, 0, 7.25, 116]))
    assert np.array_equal(table.sigma, np.float32([1.1, np.nan, 0, 3]), equal_nan=True)
    assert table.identity.tolist() == [2**63 - 1, -1, 0, 5]
    assert table.gender.tolist() == [0, 1, -1, 1]
    assert table.group.tolist() == [1, -1, 0, 1]
    assert table.group_names == tuple(manifest.group_names) == ("un, due", "trois")
    assert table.split.tolist() == [0, 1, 2, -1]
    assert np.array_equal(table.content_keys(), KEYS)
    assert manifest.face.points == ((0, 1),) * 5
    assert table.problems == ()


def test_a_missing_chip_is_a_problem(folder):
    (folder / "b/b.png").unlink()
    table = read_prepared(folder)
    assert [(p.kind, p.name) for p in table.problems] == [("missing", "b/b.png")]
    assert np.array_equal(table.content_keys(), KEYS[[0, 2, 3]])


def test_odd_cells_are_told(folder):
    change(folder, 0, gender="x", split="y", group="z", identity="me")
    change(folder, 1, identity="9" * 5000, sigma="-1")
    change(folder, 2, age="old")
    change(folder, 3, origin="12")
    table = read_prepared(folder)
    kept = {p.kind: p.name for p in table.problems if p.kept}
    assert kept.keys() >= {"gender", "split", "group", "identity"}
    assert {p.kind: p.name for p in table.problems if not p.kept}.items() >= {
        ("age", "c.png"),
        ("origin", "d.png"),
    }
    assert [table.images.name(i) for i in range(len(table))] == ["a.png", "b/b.png"]
    assert table.identity.tolist() == [-1, -1]
    assert np.array_equal(table.content_keys(), KEYS[:2])


def test_paths_out_of_the_folder_are_refused(folder):
    change(folder, 1, path="../secret.png")
    with pytest.raises(DataError, match="leads out"):
        read_prepared(folder)


@pytest.mark.parametrize("text", ["", "{", '{"rows": 4}', "[]", "\0\0\0"])
def test_a_damaged_manifest_is_refused(folder, text):
    (folder / MANIFEST).write_text(text)
    with pytest.raises(DataError, match=r"faces\.json"):
        read_prepared(folder)


def test_a_damaged_table_is_refused(folder):
    lines = (folder / TABLE).read_text().splitlines(keepends=True)
    (folder / TABLE).write_text("".join(lines[:3]))
    with pytest.raises(DataError, match=r"has 2 rows, and faces\.json speaks of 4"):
        read_prepared(folder)
    (folder / TABLE).write_text("path,age\n")
    with pytest.raises(DataError, match="expected a column 'sigma'"):
        read_prepared(folder)
    (folder / TABLE).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        read_prepared(folder)


def test_other_folders_are_not_prepared(tmp_path, write_image):
    write_image(tmp_path / "a.png")
    assert not is_prepared(tmp_path)
    assert not is_prepared(tmp_path / "a.png")
    assert not is_prepared(tmp_path / "nowhere")


def test_failures_survive_a_torn_line_and_become_problems(folder):
    first = Problem("face", 'a "b", c.png', "no face\nfound")
    append_failure(folder, first)
    append_failure(folder, Problem("image", "d.png", "torn"))
    with open(folder / FAILURES_FILE, "ab") as file:
        file.write(b"e.png,ima")
    told = [replace(first, detail="no face found"), Problem("image", "d.png", "torn")]
    assert read_failures(folder) == told
    assert read_prepared(folder).problems == tuple(told)
    write_failures(folder, told[1:])
    assert (folder / FAILURES_FILE).read_text() == "name,kind,detail\nd.png,image,torn\n"
    write_failures(folder, [])
    assert not (folder / FAILURES_FILE).exists()
