"""Age checks by challenge ages, against counts by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from agekit_synthfaces import SynthFaces

from agekit.bootstrap import wilson
from agekit.cli import agekit
from agekit.data.table import FaceTable
from agekit.errors import ConfigError
from agekit.tasks.estimator.challenge import (
    challenge_rates,
    challenge_tables,
    check_ages,
    few_minors,
)
from agekit.tasks.evaluate import ResultTable

TRUE = [13.9, 14, 16, 17.9, 18, 24, 40, 40]
LOOKS = [30, 25, 24.9, 26, 24, 25, 20, 60]
MALE = [0, 0, 1, 1, 0, 1, 0, -1]


@pytest.fixture(scope="module")
def table() -> FaceTable:
    few = SynthFaces().read(None).take(np.arange(len(TRUE)))
    return replace(
        few,
        age=np.float32(TRUE),
        gender=np.int8(MALE),
        group=np.full(len(TRUE), -1, np.int16),
    )


def test_who_is_let_in_and_who_is_sent_away(table: FaceTable) -> None:
    rates = challenge_rates(25, np.float32(LOOKS), table)
    assert (rates["challenge"], rates["legal_age"]) == (25, 18)
    # of 14, 16 and 17.9 two look 25 or over; a child of 13.9 is not counted, nor is 18 a minor
    assert rates["false_positive"] == {"n": 3, "share": 2 / 3, "interval": wilson(2 / 3, 3)}
    # of 18, 24, 40 and 40 the first and the third look under 25
    assert rates["false_negative"] == {"n": 4, "share": 0.5, "interval": wilson(0.5, 4)}
    let_in = {row["ages"]: (row["let_in"]["n"], row["let_in"]["share"]) for row in rates["by_age"]}
    assert let_in == {
        "0-13": (1, 1),
        "14-15": (1, 1),
        "16-17": (2, 0.5),
        "18-20": (1, 0),
        "21-24": (1, 1),
        "30 and over": (2, 0.5),
    }


def test_rates_by_gender_leave_out_what_is_unknown(table: FaceTable) -> None:
    rates = challenge_rates(25, np.float32(LOOKS), table)
    assert set(rates["by_gender"]) == {"male", "female"}
    assert rates["by_gender"]["male"]["false_positive"]["n"] == 1
    assert rates["by_gender"]["male"]["false_negative"]["share"] == 1
    assert rates["by_gender"]["female"]["false_negative"] == {
        "n": 1,
        "share": 0,
        "interval": wilson(0, 1),
    }
    assert "by_group" not in rates and "by_dataset" not in rates


def test_faces_that_are_not_there_have_no_share(table: FaceTable) -> None:
    old = table.take(np.array([6, 7]))
    rates = challenge_rates(30, np.float32([20, 60]), old)
    assert rates["false_positive"] == {"n": 0, "share": None, "interval": None}
    assert (few_minors(rates) or "").startswith("0 faces of 14 to 17 years")
    assert few_minors({"false_positive": {"n": 100}}) is None
    tables = [one for one in challenge_tables([rates]) if isinstance(one, ResultTable)]
    assert tables[1].rows[0] == ["all", "0", "-", "-", "2", "50.0%", "9.5% to 90.5%"]
    assert all(len(row) == len(one.columns) for one in tables for row in one.rows)


@pytest.mark.parametrize(
    ("ages", "says"),
    [
        ([17], "below the legal age"),
        ([25, 17], "below the legal age"),
        ([25, 71], "from 20 to 70"),
        ([20], "from 20 to 70"),
    ],
)
def test_ages_that_say_nothing_are_refused(ages: list[int], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_ages(ages, (20, 70), "mine")
    check_ages([21, 70], (20, 70), "mine")


@pytest.mark.parametrize("value", ["", "25,", "x", "25;30", "24.5", "0", "-3"])
def test_what_is_no_list_of_ages_is_wrong_usage(value: str) -> None:
    with pytest.raises(Exception) as caught:
        agekit.main(
            ["evaluate", "nothing", "synthfaces", "--challenge", value], standalone_mode=False
        )
    assert getattr(caught.value, "exit_code", None) == 2
