from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.megaage_asian import MegaAgeAsian
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

TRAIN, TEST = 24, 8


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The release's layout; the names of the two folders are the same."""
    root = tmp_path / "megaage_asian"
    (root / "list").mkdir(parents=True)
    for split, n in (("train", TRAIN), ("test", TEST)):
        names = [f"{i + 1}.jpg" for i in range(n)]
        ages = [(i * 7 + len(split)) % 71 for i in range(n)]
        for i, (name, age) in enumerate(zip(names, ages, strict=True)):
            write_face(root / split / name, age, seed=100 * n + i)
        (root / f"list/{split}_name.txt").write_text("".join(f"{name}\n" for name in names))
        (root / f"list/{split}_age.txt").write_text("".join(f"{age}\n" for age in ages))
    return root


def test_both_folders_are_read_by_their_lists(root: Path) -> None:
    faces = load_faces(MegaAgeAsian(), root)
    table = faces.table
    paths = [table.images.name(i) for i in range(len(table))]
    assert paths[0] == "train/1.jpg" and paths[TRAIN] == "test/1.jpg"
    assert table.age[[0, 1, TRAIN]].tolist() == [5, 12, 4]
    assert faces.codes.tolist() == [0] * TRAIN + [2] * TEST
    assert faces.protocol == "megaage-asian:official"
    assert faces.metrics == ("ca3", "ca5", "ca7", "mae")
    assert len(np.unique(table.images.digests(), axis=0)) == TRAIN + TEST
    assert faces.problems == ()


def test_the_folder_above_and_other_letters_case_will_do(root: Path) -> None:
    (root / "list").rename(root / "List")
    (root / "train").rename(root / "Train")
    table = MegaAgeAsian().read(root.parent)
    assert len(table) == TRAIN + TEST
    assert table.images.name(0) == "megaage_asian/Train/1.jpg"


def test_rows_without_an_age_or_a_file_are_told(root: Path) -> None:
    ages = (root / "list/train_age.txt").read_text().splitlines()
    ages[0], ages[1] = "-1", "?"
    (root / "list/train_age.txt").write_bytes("\r\n".join(ages).encode())
    (root / "test/3.jpg").unlink()
    table = MegaAgeAsian().read(root)
    assert len(table) == TRAIN + TEST - 3
    told = [(p.kind, p.name, p.detail) for p in table.problems]
    assert told == [
        ("age", "train/2.jpg", "train_name.txt line 2: the age is no number"),
        ("missing", "test/3.jpg", "test_name.txt line 3: no such file"),
        ("age", "train/1.jpg", "age -1 is not from 0 to 120"),
    ]


def test_a_list_that_points_outside_is_refused(root: Path) -> None:
    write_face(root.parent / "secret.jpg")
    names = (root / "list/test_name.txt").read_text().splitlines()
    names[0], names[1] = str(root.parent / "secret.jpg"), ""
    (root / "list/test_name.txt").write_text("\n".join(names))
    assert [p.kind for p in MegaAgeAsian().read(root).problems] == ["missing", "path"]
    names[0] = "../../secret.jpg"
    (root / "list/test_name.txt").write_text("\n".join(names))
    with pytest.raises(DataError, match=r"'test/\.\./\.\./secret\.jpg' leads out of the"):
        MegaAgeAsian().read(root)


def test_lists_of_different_lengths_name_both_counts(root: Path) -> None:
    with (root / "list/test_age.txt").open("a") as file:
        file.write("33\n34\n")
    with pytest.raises(
        DataError, match=rf"test_name\.txt has {TEST} lines and test_age\.txt {TEST + 2}"
    ):
        MegaAgeAsian().read(root)


def test_another_layout_says_expected_and_found(root: Path) -> None:
    (root / "list/test_age.txt").unlink()
    with pytest.raises(DataError, match=r"expected list/test_age\.txt beside .*found: list/test_n"):
        MegaAgeAsian().read(root)
    with pytest.raises(DataError, match=r"expected train/ and test/.*; found: 1\.jpg, 10\.jpg"):
        MegaAgeAsian().read(root / "train")


@pytest.mark.slow
def test_it_trains(root: Path) -> None:
    answer = train_briefly("megaage-asian", root)
    assert {"ca3", "ca5", "ca7", "mae"} <= answer["metrics"]["test"].keys()
