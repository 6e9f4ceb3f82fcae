from __future__ import annotations

import random

import pytest
from agekit_datasets.own.names import ages_in_names

_DRAW = random.Random(0)
AGES = [_DRAW.randint(1, 84) for _ in range(30)]
"""Ages of 30 faces."""
PLAIN = {
    "25/7.jpg": [f"{a}/{i}.jpg" for i, a in enumerate(AGES)],
    "25/007_x.jpg": [f"{a}/{i:03d}_x.jpg" for i, a in enumerate(AGES)],
    "age_25/7.jpg": [f"age_{a}/{i}.jpg" for i, a in enumerate(AGES)],
    "25years/7.jpg": [f"{a}years/{i}.jpg" for i, a in enumerate(AGES)],
    "male/25/x.jpg": [f"male/{a}/{i}.jpg" for i, a in enumerate(AGES)],
    "25/2019/x.jpg": [f"{a}/2019/{i}.jpg" for i, a in enumerate(AGES)],
    "train/25/x.jpg": [f"train/{a}/{i}.jpg" for i, a in enumerate(AGES)],
    "007_25.jpg": [f"{i:03d}_{a}.jpg" for i, a in enumerate(AGES)],
    "007-25-F.jpg": [f"{i:03d}-{a}-{'MF'[i % 2]}.jpg" for i, a in enumerate(AGES)],
    "25_007.jpg": [f"{a}_{i:03d}.jpg" for i, a in enumerate(AGES)],
    "7_25.jpg": [f"{i}_{a}.jpg" for i, a in enumerate(AGES)],
    "25_7.jpg": [f"{a}_{i}.jpg" for i, a in enumerate(AGES)],
    "25 (7).jpg": [f"{a} ({i}).jpg" for i, a in enumerate(AGES)],
    "anna7_25.jpg": [f"anna{i}_{a}.jpg" for i, a in enumerate(AGES)],
    "UTKFace": [
        f"{a}_{i % 2}_{i % 5}_20170116174525{i:03d}.jpg.chip.jpg" for i, a in enumerate(AGES)
    ],
    "UTKFace in parts": [
        f"{i % 3 + 1}/{a}_1_0_20170116174525{i:03d}.jpg" for i, a in enumerate(AGES)
    ],
    "FG-NET": [f"{i // 5:03d}A{a:02d}{'ab'[i % 2]}.JPG" for i, a in enumerate(AGES)],
    "All-Age-Faces": [f"{i:05d}A{a:02d}.jpg" for i, a in enumerate(AGES)],
    "A25.jpg": [f"{i}/A{a}.jpg" for i, a in enumerate(AGES)],
    "MORPH": [f"{i:06d}_0M{a:02d}.JPG" for i, a in enumerate(AGES)],
    "CACD": [f"{a}_Robin_Williams_{i:04d}.jpg" for i, a in enumerate(AGES)],
    "AgeDB": [f"{1000 + i}_MariaCallas_{a}_f.jpg" for i, a in enumerate(AGES)],
    "age_25_x.jpg": [f"age_{a}_{i}.jpg" for i, a in enumerate(AGES)],
    "x-age25.jpg": [f"img{i}-age{a}.jpg" for i, a in enumerate(AGES)],
    "x_25yo.jpg": [f"img_{i}_{a}yo.jpg" for i, a in enumerate(AGES)],
    "2019-05-03_25.jpg": [f"2019-05-03_{a}.jpg" for a in AGES],
}
TOLD = {
    "several folders": [f"fold/{i % 5}/{a}/{i}.jpg" for i, a in enumerate(AGES)],
    "several folders ": [f"{a}/{111 + i % 2}/{i}.jpg" for i, a in enumerate(AGES)],
    "look like folds or people": [f"{i % 5}/{a}_x{i}.jpg" for i, a in enumerate(AGES)],
    "look like folds or people ": [f"{3 * i:03d}/{a}.jpg" for i, a in enumerate(AGES)],
    "not 1: put the ages": [f"{i // 3 + 1}_{a}.jpg" for i, a in enumerate(AGES)],
}


def years(paths: list[str]) -> list[float | None]:
    ages, _ = ages_in_names(paths)
    return [None if age is None else age.years for age in ages]


@pytest.mark.parametrize("kind", PLAIN)
def test_ages_that_are_plain(kind: str) -> None:
    ages, notes = ages_in_names(PLAIN[kind])
    assert [age and age.years for age in ages] == AGES
    assert notes == []


@pytest.mark.parametrize("note", TOLD)
def test_ages_that_are_chosen_are_told(note: str) -> None:
    ages, (told, *more) = ages_in_names(TOLD[note])
    assert [age and age.years for age in ages] == AGES
    assert note.strip() in told
    assert more == []


def test_dates_and_few_ages_are_doubtful() -> None:
    ages, notes = ages_in_names([f"date/2019/{5 + i % 2:02d}/{i}.jpg" for i in range(30)])
    assert {age.years for age in ages if age} == {5, 6}
    assert "look like dates" in notes[0]
    assert "only 2 different ages: 5, 6" in notes[1]


@pytest.mark.parametrize(
    "paths",
    [
        [f"{i}.jpg" for i in range(30)],
        [f"{i:04d}.jpg" for i in range(30)],
        [f"IMG_{1000 + i}.jpg" for i in range(30)],
        [f"IMG_20190503_1230{i:02d}.jpg" for i in range(30)],
        [f"2019-05-{i + 1:02d}_x.jpg" for i in range(30)],
        ["child/1.jpg", "adult/2.jpg"],
        ["3f25e2a2.jpg", "25e2a2b1.jpg"],
        ["300/x.jpg", "2019/x.jpg", "1e1/x.jpg", "inf/x.jpg", "-5/x.jpg"],
    ],
)
def test_numbers_that_are_no_ages(paths: list[str]) -> None:
    assert set(years(paths)) == {None}


def test_numbers_that_rather_count_the_files_are_doubted() -> None:
    ages, notes = ages_in_names([f"{i}_x.jpg" for i in range(30)])
    assert ages[7] is not None and ages[7].years == 7
    assert "look like running numbers" in notes[0]


def test_numbers_of_files_are_no_ages_beside_folders_of_ages() -> None:
    assert years(["0-2/1.jpg", "4-6/2.jpg", "unknown/3.jpg"]) == [1, 5, None]


def test_folders_of_ranges() -> None:
    ages, notes = ages_in_names(["0-2/a.jpg", "(25, 32)/b.jpg", "more_than_70/c.jpg", "25/d.jpg"])
    assert [age and age.years for age in ages] == [1, 28.5, 85, 25]
    assert [age and age.is_range for age in ages] == [True, True, True, False]
    assert "3 ages are ranges" in notes[0]
