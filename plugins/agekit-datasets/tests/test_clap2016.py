from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.clap2016 import CLAP2016
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

COUNTS = {"train": 24, "valid": 8, "test": 6}
TOTAL = sum(COUNTS.values())


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The release's layout; files are numbered through all splits."""
    root = tmp_path / "clap2016"
    number = 0
    for split, n in COUNTS.items():
        lines = ["image,mean,stdv"]
        for _ in range(n):
            name = f"{number:06d}.jpg"
            mean, deviation = 20 + number + 0.25, 1 + number / 8
            write_face(root / split / name, mean, seed=number)
            lines.append(f"{name},{mean},{deviation}")
            number += 1
        (root / f"{split}_gt.csv").write_text("\n".join(lines))
    return root


def test_means_deviations_and_the_official_split(root: Path) -> None:
    faces = load_faces(CLAP2016(), root)
    table = faces.table
    row = {table.images.name(i): i for i in range(TOTAL)}
    assert table.age[row["train/000003.jpg"]] == 23.25
    assert table.sigma[row["train/000003.jpg"]] == 1.375
    assert np.bincount(faces.codes).tolist() == [24, 8, 6]
    assert table.images.name(int(faces.rows("val")[0])) == "valid/000024.jpg"
    assert faces.metrics == ("mae", "epsilon")
    assert faces.problems == ()


def test_val_is_trained_on_under_the_other_protocol(root: Path) -> None:
    faces = load_faces(CLAP2016(), root, "trainval-test")
    assert np.bincount(faces.codes).tolist() == [32, 0, 6]


@pytest.mark.parametrize("layout", ["flat", "halves", "gt"])
def test_other_layouts(root: Path, layout: str) -> None:
    if layout == "flat":
        for split in COUNTS:
            for path in (root / split).iterdir():
                path.rename(root / path.name)
    elif layout == "halves":
        for i, path in enumerate(sorted((root / "train").iterdir())):
            half = root / f"images/train_{1 + i % 2}"
            half.mkdir(parents=True, exist_ok=True)
            path.rename(half / path.name)
    else:
        (root / "gt").mkdir()
        for path in root.glob("*.csv"):
            path.rename(root / "gt" / path.name)
    faces = load_faces(CLAP2016(), root.parent)
    assert np.bincount(faces.codes).tolist() == [24, 8, 6]
    assert faces.problems == ()


def test_an_image_in_the_folder_of_another_split_is_not_taken(root: Path) -> None:
    (root / "test/000032.jpg").rename(root / "train/000032.jpg")
    (problem,) = CLAP2016().read(root).problems
    assert (problem.kind, problem.name) == ("missing", "000032.jpg")
    assert problem.detail == "test_gt.csv line 2: no such file"


def test_a_missing_list_is_told(root: Path) -> None:
    (root / "valid_gt.csv").unlink()
    (problem,) = CLAP2016().read(root).problems
    assert problem.detail == "no such file: no val split"


def test_a_list_that_points_outside_is_refused(root: Path) -> None:
    write_face(root.parent / "000032.jpg")
    text = (root / "test_gt.csv").read_text()
    (root / "test_gt.csv").write_text(text.replace("000032", "../000032"))
    with pytest.raises(DataError, match=r"'\.\./000032\.jpg' leads out of the dataset's folder"):
        CLAP2016().read(root)


def test_other_columns_and_layouts_say_expected_and_found(root: Path) -> None:
    (root / "test_gt.csv").write_text("frame,one,two,three\n000032.jpg,1,2,3\n")
    with pytest.raises(DataError, match=r"test_gt\.csv: expected a column 'image'.*found: frame,"):
        CLAP2016().read(root)
    with pytest.raises(DataError, match=r"expected train_gt\.csv, .*; found: 000024\.jpg"):
        CLAP2016().read(root / "valid")


@pytest.mark.slow
def test_it_trains(root: Path) -> None:
    answer = train_briefly("clap2016", root)
    assert {"mae", "epsilon"} <= answer["metrics"]["test"].keys()
    assert {"mae", "epsilon"} <= answer["metrics"]["val"].keys()
