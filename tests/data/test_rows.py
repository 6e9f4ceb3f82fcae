from __future__ import annotations

from pathlib import Path

import pytest

from agekit.data.rows import Rows


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    for name in "abcdefg":
        (tmp_path / f"{name}.jpg").touch()
    return Rows(tmp_path)


def problems(rows: Rows) -> list[tuple[str, str, str, bool]]:
    return [(p.kind, p.name, p.detail, p.kept) for p in rows.problems]


def test_a_row_says_whether_it_was_added(rows: Rows) -> None:
    assert rows.add("a.jpg", 30)
    assert not rows.add("a.jpg", 31, where="line 3")
    assert not rows.add("z.jpg", 30)
    assert not rows.add("", 30, where="line 5")
    assert not rows.add("b.jpg", None)
    assert not rows.add("c.jpg", "it is a date", where="line 7")
    assert len(rows) == 1
    assert problems(rows) == [
        ("duplicate", "a.jpg", "line 3: named before; the first row counts", False),
        ("missing", "z.jpg", "no such file", False),
        ("path", "line 5", "no path", False),
        ("age", "b.jpg", "the age is no number", False),
        ("age", "c.jpg", "line 7: it is a date", False),
    ]


def test_texts_are_read_and_odd_ones_told_once_the_row_is_in(rows: Rows) -> None:
    assert rows.add("a.jpg", 30, gender=" Female ", split="validation")
    assert rows.add("b.jpg", 30, gender=0, split="")
    assert rows.add("c.jpg", 30, gender="?", split="holdout", sigma=-1.0, where="line 4")
    assert not rows.add("z.jpg", 30, gender="?")
    table = rows.build()
    assert table.gender.tolist() == [1, 0, -1]
    assert table.split.tolist() == [1, -1, -1]
    assert [p for p in problems(rows) if p[1] == "c.jpg"] == [
        ("sigma", "c.jpg", "line 4: the standard deviation is unusable: left out", True),
        ("gender", "c.jpg", "line 4: '?' taken as unknown", True),
        ("split", "c.jpg", "line 4: 'holdout' taken as none", True),
    ]


def test_the_images_are_told_from_the_other_files(rows: Rows, tmp_path: Path) -> None:
    for name in ("notes.txt", "more.txt", "photo.heix"):
        (tmp_path / name).write_text("no image")
    rows = Rows(tmp_path)
    assert rows.images() == [f"{name}.jpg" for name in "abcdefg"]
    assert [(p.kind, p.name) for p in rows.problems] == [
        ("name", "more.txt"), ("name", "notes.txt"), ("name", "photo.heix")
    ]  # fmt: skip
    assert rows.notes == ["left out, not read as images: 2 .txt, 1 .heix"]
