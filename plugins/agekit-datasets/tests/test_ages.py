from __future__ import annotations

import math

import pytest
from agekit_datasets.own.ages import Ranges, parse_age, why_no_age

NUMBERS = {
    "25": 25,
    " 25.5 ": 25.5,
    "25 years": 25,
    "25 years old": 25,
    "25years": 25,
    "25 yrs": 25,
    "25yo": 25,
    "25 y/o": 25,
    "aged 25": 25,
    "Age 25": 25,
    "6 months": 0.5,
    "18 mo": 1.5,
    "'25'": 25,
    "20,5": 20.5,
    "25,05": 25.05,
    "-5": -5,
    "−5": -5,
    "25-25": 25,
}
RANGES = {
    "(25, 32)": (25, 32),
    "[25,32)": (25, 32),
    "(20.0, 29.0]": (20, 29),
    "(25;32)": (25, 32),
    "25-32": (25, 32),
    "25 - 32": (25, 32),
    "25–32": (25, 32),
    "25—32 years": (25, 32),
    "25-32y": (25, 32),
    "25~32": (25, 32),
    "25..32": (25, 32),
    "25 to 32": (25, 32),
    "between 25 and 32": (25, 32),
    "ages 25-32": (25, 32),
    "0-2": (0, 2),
    "(8, 23)": (8, 23),
    "20s": (20, 29),
    "60+": (60, 100),
    "60 +": (60, 100),
    "more than 70": (70, 100),
    "More Than 70": (70, 100),
    "over 70": (70, 100),
    ">70": (70, 100),
    "≥70": (70, 100),
    "70 and over": (70, 100),
    "70 or older": (70, 100),
    "80 plus": (80, 100),
    "(60, inf]": (60, 100),
    "[60, )": (60, 100),
    "100+": (100, 120),
    "<5": (0, 5),
    "under 5": (0, 5),
    "up to 5": (0, 5),
}
NEITHER = ["old", "32-25", "5-200", "25 32", "25/32", "25-", "1_0", "0x10", "25,32", "2019-05-03"]
NEITHER += ["03/05/2019", "3-Sep", "Sep-03", "child"]


@pytest.mark.parametrize(("text", "years"), NUMBERS.items())
def test_numbers(text: str, years: float) -> None:
    age = parse_age(text)
    assert age is not None and (age.years, age.is_range) == (years, False)


@pytest.mark.parametrize(("text", "ends"), RANGES.items())
def test_ranges_are_their_middle_and_the_deviation_of_an_even_spread(
    text: str, ends: tuple[float, float]
) -> None:
    age = parse_age(text)
    assert age is not None and age.years == sum(ends) / 2
    assert age.sigma == pytest.approx((ends[1] - ends[0]) / 12**0.5)
    assert age.is_open == (ends[1] in (100, 120))


@pytest.mark.parametrize("text", NEITHER)
def test_what_is_no_age(text: str) -> None:
    assert parse_age(text) is None


@pytest.mark.parametrize("text", ["", "NA", "n/a", "nan", "None", "NULL"])
def test_what_is_missing(text: str) -> None:
    age = parse_age(text)
    assert age is not None and math.isnan(age.years)


def test_a_comma_may_be_known_to_be_decimal() -> None:
    age = parse_age("25,32", decimal_comma=True)
    assert age is not None and age.years == 25.32


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2019-05-03", "is a date"),
        ("3-Sep", "is a date"),
        ("72 ans", "no number and no range"),
        ("25,32", "a number or a range"),
    ],
)
def test_it_says_why_not(text: str, why: str) -> None:
    assert why in why_no_age(text)


def test_ranges_are_told_once() -> None:
    ranges = Ranges()
    for text in ("25", "0-2", "0-2", "60+"):
        age = parse_age(text)
        assert age is not None
        ranges.add(text, age)
    counted, open_ends = ranges.notes()
    assert "3 ages are ranges" in counted and "'0-2' as 1 with sigma 0.6" in counted
    assert "1 of these" in open_ends and "'60+' as 80 with sigma 11.5" in open_ends
    assert not list(Ranges().notes())
