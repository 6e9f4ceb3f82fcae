from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agekit.data.files import Files
from agekit.data.table import FaceTable, age_bins
from agekit.errors import DataError


def test_missing_columns_are_filled(tmp_path: Path) -> None:
    table = FaceTable.build(Files(tmp_path, ["a.png", "b.png"]), [20, 30.5])
    assert table.age.tolist() == [20, 30.5]
    assert np.isnan(table.sigma).all()
    assert table.identity.tolist() == table.gender.tolist() == table.split.tolist() == [-1, -1]
    types = (table.age, table.sigma, table.identity, table.gender, table.group, table.split)
    assert [c.dtype.name for c in types] == ["float32", "float32", "int64", "int8", "int16", "int8"]


def test_rows_without_a_usable_age_are_named_and_dropped(tmp_path: Path) -> None:
    files = Files(tmp_path, ["a", "b", "c", "d", "e", "f"])
    table = FaceTable.build(files, [0, np.nan, -1, 120, 120.5, np.inf], gender=[0, 0, 0, 1, 1, 1])
    assert table.age.tolist() == [0, 120]
    assert table.gender.tolist() == [0, 1]
    assert [table.images.name(i) for i in range(len(table))] == ["a", "d"]
    assert [(p.kind, p.name) for p in table.problems] == [("age", n) for n in "bcef"]
    assert "no age" in table.problems[0].detail
    assert "-1" in table.problems[1].detail


def test_nothing_left_is_an_error_that_shows_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of 2 rows") as caught:
        FaceTable.build(Files(tmp_path, ["a", "b"]), [300, -1])
    assert "a: age 300" in caught.value.hint
    with pytest.raises(DataError, match="no rows"):
        FaceTable.build(Files(tmp_path, []), [])


def test_a_column_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'gender' has shape \(1,\) for 2 images"):
        FaceTable.build(Files(tmp_path, ["a", "b"]), [1, 2], gender=[0])


def test_take_keeps_columns_together(tmp_path: Path) -> None:
    files = Files(tmp_path, ["a", "b", "c"])
    table = FaceTable.build(
        files, [1, 2, 3], identity=[7, 8, 9], group=[0, 1, -1], group_names=("x", "y")
    )
    part = table.take(np.array([2, 0]))
    assert part.age.tolist() == [3, 1]
    assert part.identity.tolist() == [9, 7]
    assert part.group.tolist() == [-1, 0]
    assert part.group_names == ("x", "y")
    assert part.images.name(0) == "c"


def test_ages_fall_into_bins_of_whole_years() -> None:
    bins = {ages: rows.tolist() for ages, rows in age_bins([9.9, 10, 35, 0, 19.99, 120]).items()}
    assert bins == {"0-9": [0, 3], "10-19": [1, 4], "30-39": [2], "120-129": [5]}
    assert [*age_bins([4, 5, 12], width=5)] == ["0-4", "5-9", "10-14"]
    assert age_bins([]) == {}
