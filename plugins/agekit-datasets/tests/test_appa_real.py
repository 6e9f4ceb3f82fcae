from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.appa_real import APPAREAL, APPARealAge
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

COUNTS = {"train": 24, "valid": 8, "test": 6}
TOTAL = sum(COUNTS.values())
HEADER = "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The release's layout: photos, crops, and what else lies beside them."""
    root = tmp_path / "appa-real-release"
    number = 0
    for split, n in COUNTS.items():
        lines = [HEADER]
        for _ in range(n):
            name = f"{number:06d}.jpg"
            write_face(root / split / name, 30, seed=number, size=32)
            write_face(root / split / f"{name}_face.jpg", 40, seed=number, size=32)
            (root / split / f"{name}_face.mat").write_bytes(b"MATLAB 5.0")
            lines.append(f"{name},38,{20 + number}.5,{1 + number / 8},{22 + number}")
            number += 1
        (root / f"gt_avg_{split}.csv").write_text("\n".join(lines))
        (root / f"gt_{split}.csv").write_text("file_name,age,age_range\n")
    return root


def test_apparent_ages_of_the_crops(root: Path) -> None:
    faces = load_faces(APPAREAL(), root)
    table = faces.table
    row = {table.images.name(i): i for i in range(TOTAL)}
    i = row["train/000003.jpg_face.jpg"]
    assert (table.age[i], table.sigma[i]) == (23.5, 1.375)
    assert np.bincount(faces.codes).tolist() == [24, 8, 6]
    assert table.images.name(int(faces.rows("val")[0])) == "valid/000024.jpg_face.jpg"
    assert faces.protocol == "appa-real:apparent"
    assert faces.metrics == ("mae", "epsilon")
    assert "apparent" in APPAREAL.protocols["apparent"].description
    assert faces.problems == ()


def test_real_ages_of_the_same_split(root: Path) -> None:
    faces = load_faces(APPARealAge(), root.parent)
    apparent = load_faces(APPAREAL(), root.parent)
    assert faces.protocol == "appa-real-age:real"
    assert faces.metrics == ("mae",)
    assert faces.table.age[3] == 25
    assert np.isnan(faces.table.sigma).all()
    assert (faces.codes == apparent.codes).all()
    assert faces.split_hash == apparent.split_hash


def test_a_photo_without_crop_is_used_whole_and_told(root: Path) -> None:
    (root / "test/000033.jpg_face.jpg").unlink()
    table = APPAREAL().read(root)
    assert len(table) == TOTAL
    assert "test/000033.jpg" in [table.images.name(i) for i in range(TOTAL)]
    (problem,) = table.problems
    assert (problem.kind, problem.name) == ("crop", "test/000033.jpg")
    for path in root.rglob("*_face.jpg"):
        path.unlink()
    table = APPAREAL().read(root)
    assert len(table) == TOTAL
    (problem,) = table.problems
    assert problem.detail == "no crop of any photo (X.jpg_face.jpg): used as a whole"


def test_a_missing_list_is_told(root: Path) -> None:
    (root / "gt_avg_valid.csv").unlink()
    (problem,) = APPAREAL().read(root).problems
    assert problem.name == "gt_avg_valid.csv"
    assert problem.detail == "no such file: no val split"


def test_gender_and_race_where_the_second_release_is_there(root: Path) -> None:
    folder = root.parent / "allcategories_trainvalidtest_split"
    folder.mkdir()
    (folder / "allcategories_train.csv").write_text(
        "file,gender,race,happiness,makeup\n"
        "000000.jpg,male,caucasian,happy,nomakeup\n"
        "000001.jpg,female,asian,neutral,makeup\n"
        "000002.jpg,both,afroamerican,other,nomakeup\n"
    )
    table = APPAREAL().read(root.parent)
    assert table.gender[:4].tolist() == [0, 1, -1, -1]
    assert table.group_names == ("afroamerican", "asian", "caucasian")
    assert table.group[:4].tolist() == [2, 1, 0, -1]
    (problem,) = table.problems
    assert (problem.kind, problem.name) == ("gender", "000002.jpg")


def test_another_layout_says_expected_and_found(root: Path) -> None:
    with pytest.raises(DataError, match=r"expected gt_avg_train\.csv, .*; found: 000024\.jpg"):
        APPAREAL().read(root / "valid")
    (root / "gt_avg_test.csv").write_text("file_name,age\n000032.jpg,3\n")
    with pytest.raises(DataError, match=r"gt_avg_test\.csv: expected a column 'apparent_age_"):
        APPAREAL().read(root)


@pytest.mark.slow
def test_it_trains_on_either_age(root: Path) -> None:
    answer = train_briefly("appa-real", root)
    assert {"mae", "epsilon"} <= answer["metrics"]["test"].keys()
    answer = train_briefly("appa-real-age", root)
    assert "epsilon" not in answer["metrics"]["test"]
