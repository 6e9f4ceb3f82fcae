from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.chalearn15 import ChaLearn15
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

COUNTS = {"Train": 24, "Validation": 8, "Test": 6}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


def release(root: Path, *splits: str) -> Path:
    """The challenge's layout: no header, semicolons, files numbered through all splits."""
    number = 0
    for split, n in COUNTS.items():
        lines = []
        for _ in range(n):
            number += 1
            if split in splits:
                write_face(root / split / f"image_{number}.jpg", 20 + number, seed=number)
                lines.append(f"image_{number}.jpg;{20 + number};{number / 4}\n")
        if lines:
            (root / f"{split}.csv").write_text("".join(lines))
    return root


def counts(root: Path, protocol: str | None = None) -> list[int]:
    codes = load_faces(ChaLearn15(), root, protocol).codes
    return [int((codes == k).sum()) for k in range(3)]


def test_train_and_validation_are_trained_and_tested_on(tmp_path: Path) -> None:
    faces = load_faces(ChaLearn15(), release(tmp_path / "LAP", "Train", "Validation"))
    assert faces.protocol == "chalearn15:train-val"
    assert faces.metrics == ("mae", "epsilon")
    assert np.bincount(faces.codes).tolist() == [24, 0, 8]
    table = faces.table
    first = int(faces.rows("test")[0])
    assert table.images.name(first) == "Validation/image_25.jpg"
    assert (table.age[first], table.sigma[first]) == (45, 6.25)
    assert faces.problems == ()


def test_the_challenges_own_split_where_the_test_is_answered(tmp_path: Path) -> None:
    root = release(tmp_path / "LAP", *COUNTS)
    assert counts(root) == [24, 0, 8]
    assert counts(root, "official") == [24, 8, 6]
    assert (load_faces(ChaLearn15(), root).codes == -1).sum() == 6


def test_headers_commas_and_other_names_will_do(tmp_path: Path) -> None:
    root = release(tmp_path / "LAP", "Train", "Validation")
    for old, new in (("Train", "Train15_gt"), ("Validation", "valid15_gt")):
        text = (root / f"{old}.csv").read_text().replace(";", ",")
        (root / f"{new}.csv").write_bytes(b"\xef\xbb\xbfimage,mean,stdv\r\n" + text.encode())
        (root / f"{old}.csv").unlink()
    (root / "Validation").rename(root / "valid")
    (root / "Train").rename(root / "TRAIN")
    assert counts(tmp_path) == [24, 0, 8]
    text = (root / "Train15_gt.csv").read_text(encoding="utf-8-sig")
    (root / "Train15_gt.csv").write_text(text.replace("image,mean,stdv", "Image Name,Age,SD"))
    assert counts(tmp_path) == [24, 0, 8]


def test_decimal_commas_and_missing_deviations(tmp_path: Path) -> None:
    root = release(tmp_path / "LAP", "Train", "Validation")
    lines = (root / "Train.csv").read_text().splitlines()
    lines[1] = "image_2.jpg;22,5;0,75"
    lines[2] = "image_3.jpg;23"
    (root / "Train.csv").write_text("\n".join(lines))
    table = ChaLearn15().read(root)
    row = {table.images.name(i): i for i in range(len(table))}
    assert table.age[row["Train/image_2.jpg"]] == 22.5
    assert table.sigma[row["Train/image_2.jpg"]] == 0.75
    assert np.isnan(table.sigma[row["Train/image_3.jpg"]])


@pytest.mark.parametrize("place", ["Reference.csv", "Validation/Reference.csv"])
def test_answers_in_reference_csv(tmp_path: Path, place: str) -> None:
    root = release(tmp_path / "LAP", "Train", "Validation")
    (root / "Validation.csv").rename(root / place)
    names = [f"image_{i}.jpg\n" for i in range(25, 33)]
    (root / "Validation.csv").write_text("".join(names))
    assert counts(root) == [24, 0, 8]
    assert "Validation.csv: names no ages, not used" in ChaLearn15().read(root).notes


def test_reference_of_images_in_a_folder_of_no_split(tmp_path: Path) -> None:
    root = release(tmp_path / "LAP", "Train", "Validation")
    (root / "Validation.csv").rename(root / "Reference.csv")
    for folder in ("Train", "Validation"):
        for path in (root / folder).iterdir():
            path.rename(root / path.name)
    assert counts(root) == [24, 0, 8]
    assert counts(root, "official") == [24, 8, 0]
    (note,) = ChaLearn15().read(root).notes
    assert note == "Reference.csv: of no split, taken for val where no folder says"


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    root = release(tmp_path / "LAP", "Train")
    with pytest.raises(DataError, match=r"expected Train/ and Validation/.*; found: image_1\.jpg"):
        ChaLearn15().read(root / "Train")
    (root / "Train.csv").write_text("image_1.jpg\nimage_2.jpg\n")
    with pytest.raises(DataError, match=r"expected .*; found: Train\.csv, Train/image_1\.jpg"):
        ChaLearn15().read(root)
    (root / "Train.csv").write_text("file_name,num_ratings,apparent_age_avg,x\nimage_1.jpg,9,5,5\n")
    with pytest.raises(DataError, match=r"Train\.csv: expected a column 'mean' .*num_ratings"):
        ChaLearn15().read(root)


@pytest.mark.slow
def test_it_trains(tmp_path: Path) -> None:
    root = release(tmp_path / "LAP", "Train", "Validation")
    answer = train_briefly("chalearn15", root)
    assert {"mae", "epsilon"} <= answer["metrics"]["test"].keys()
