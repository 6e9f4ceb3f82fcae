from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_ager.domains import domain_codes

from agekit.data.files import Files
from agekit.data.table import FaceTable
from agekit.errors import ConfigError, DataError


def table(**columns: object) -> FaceTable:
    age = [10, 20, 29, 30, 50, 60, 69, 70]
    images = Files(Path("/"), [f"{i}.png" for i in range(len(age))])
    return FaceTable.build(images, age, **columns)  # type: ignore[arg-type]


def test_ages_choose_the_domains_both_ends_included() -> None:
    codes = domain_codes(table(), ((20, 29), (50, 69)), {})
    assert codes.tolist() == [-1, 0, 0, -1, 1, 1, 1, -1]
    assert codes.dtype == np.int8


def test_groups_choose_them_where_no_ages_are_given() -> None:
    group = [0, 0, 1, 1, 2, 0, 1, -1]
    codes = domain_codes(table(group=group, group_names=("A", "B", "C")), None, {})
    assert codes.tolist() == [0, 0, 1, 1, -1, 0, 1, -1]
    with pytest.raises(ConfigError, match="does not say which faces are young") as caught:
        domain_codes(table(), None, {})
    assert "--domains" in caught.value.hint


def test_where_keeps_one_gender_or_group() -> None:
    gender = [0, 0, 1, 0, 1, 1, 1, 0]
    faces = table(gender=gender, group=[0, 1] * 4, group_names=("White", "Black"))
    domains = ((10.0, 55.0), (60.0, 80.0))
    assert domain_codes(faces, domains, {"gender": "Female"}).tolist() == [
        *(-1, -1, 0, -1, 0, 1, 1, -1),
    ]
    assert domain_codes(faces, domains, {"group": "black"}).tolist() == [
        *(-1, 0, -1, 0, -1, 1, -1, 1),
    ]


def test_too_few_faces_and_wrong_values_are_told() -> None:
    with pytest.raises(DataError, match=r"old domain \(ages 90-99\) has 0 faces"):
        domain_codes(table(), ((20, 29), (90, 99)), {})
    with pytest.raises(DataError, match=r"young domain \(ages 10-10\) has 1 face"):
        domain_codes(table(), ((10, 10), (50, 69)), {})
    with pytest.raises(ConfigError, match="share ages"):
        domain_codes(table(), ((20, 50), (50, 69)), {})
    with pytest.raises(ConfigError, match="no gender 'femal'; did you mean 'female'"):
        domain_codes(table(), ((20, 29), (50, 69)), {"gender": "femal"})
