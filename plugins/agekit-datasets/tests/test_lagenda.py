from __future__ import annotations

from pathlib import Path

import pytest
from agekit_datasets.lagenda import LAGENDA
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

HEADER = (
    "img_name,age,gender,face_x0,face_y0,face_x1,face_y1,person_x0,person_y0,person_x1,person_y1"
)
BODY = "10,10,500,900"
NO_BOX = "-1,-1,-1,-1"
SMALL, LARGE = "10,10,60,60", "100,10,200,150"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


def write_set(root: Path, faces: list[tuple[str, object, str, str]], labels: str = "") -> Path:
    """Writes the csv from (image, age, gender, face box) and a picture for every image."""
    lines = [f"lag_benchmark/{i}.jpg,{age},{gender},{box},{BODY}" for i, age, gender, box in faces]
    file = root / (labels or "lagenda_annotation.csv")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    for seed, image in enumerate(dict.fromkeys(i for i, *_ in faces)):
        write_face(root / "lag_benchmark" / f"{image}.jpg", 30, seed)
    return root


def test_labels_are_read_and_all_is_for_the_test(tmp_path: Path) -> None:
    faces = [("a", 30, "M", LARGE), ("b", 0, "F", SMALL), ("c", 95, "-1", SMALL)]
    loaded = load_faces(LAGENDA(), write_set(tmp_path / "set", faces))
    table = loaded.table
    assert loaded.protocol == "lagenda:test"
    assert loaded.codes.tolist() == [2, 2, 2]
    assert [table.images.name(i) for i in range(3)] == [
        "lag_benchmark/a.jpg",
        "lag_benchmark/b.jpg",
        "lag_benchmark/c.jpg",
    ]
    assert table.age.tolist() == [30, 0, 95]
    assert table.gender.tolist() == [0, 1, -1]
    assert table.problems == ()


def test_a_gender_that_is_not_understood_is_told(tmp_path: Path) -> None:
    table = LAGENDA().read(write_set(tmp_path / "set", [("a", 30, "?", LARGE)]))
    (problem,) = table.problems
    assert (table.gender.tolist(), problem.kind, problem.kept) == ([-1], "gender", True)
    assert problem.detail == "lagenda_annotation.csv line 2: '?' taken as unknown"


def test_a_photo_is_taken_if_its_largest_face_alone_has_an_age(tmp_path: Path) -> None:
    faces = [
        ("main", -1, "-1", SMALL),
        ("main", 41, "F", LARGE),
        ("main", -1, "-1", NO_BOX),
        ("two", 20, "F", LARGE),
        ("two", 25, "M", SMALL),
        ("two more", 20, "F", LARGE),
        ("two more", 25, "M", SMALL),
        ("aside", 50, "M", SMALL),
        ("aside", -1, "-1", LARGE),
        ("back", 50, "M", NO_BOX),
        ("crowd", -1, "-1", LARGE),
    ]
    table = LAGENDA().read(write_set(tmp_path / "set", faces))
    assert [table.images.name(i) for i in range(len(table))] == ["lag_benchmark/main.jpg"]
    assert table.age.tolist() == [41]
    assert [(p.kind, p.name, p.detail) for p in table.problems] == [
        (
            "faces",
            "lag_benchmark/two.jpg",
            "more than one face has an age; left out with 1 more images",
        ),
        (
            "faces",
            "lag_benchmark/aside.jpg",
            "another face is larger than the one with an age; left out with 0 more images",
        ),
        (
            "faces",
            "lag_benchmark/back.jpg",
            "the person with an age shows no face; left out with 0 more images",
        ),
        ("faces", "lag_benchmark/crowd.jpg", "no face has an age; left out with 0 more images"),
    ]


def test_odd_rows_and_missing_images_are_told(tmp_path: Path) -> None:
    faces = [("a", 30, "M", LARGE), ("b", "old", "F", LARGE), ("gone", 20, "F", LARGE)]
    root = write_set(tmp_path / "set", faces)
    (root / "lag_benchmark" / "gone.jpg").unlink()
    table = LAGENDA().read(root)
    assert len(table) == 1
    assert [(p.kind, p.name, p.detail) for p in table.problems] == [
        ("age", "lag_benchmark/b.jpg", "lagenda_annotation.csv line 3: the age is no number"),
        ("missing", "lag_benchmark/gone.jpg", "lagenda_annotation.csv line 4: no such file"),
    ]


@pytest.mark.parametrize("labels", ["annotations/lagenda_annotation.csv", "labels.csv"])
def test_the_csv_may_lie_elsewhere(tmp_path: Path, labels: str) -> None:
    root = write_set(tmp_path / "set", [("a", 30, "M", LARGE)], labels)
    assert LAGENDA().read(root).images.name(0) == "lag_benchmark/a.jpg"


def test_the_folder_above_and_an_images_folder_will_do(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set" / "LAGENDA", [("a", 30, "M", LARGE)])
    assert LAGENDA().read(root.parent).images.name(0) == "LAGENDA/lag_benchmark/a.jpg"
    (root / "images").mkdir()
    (root / "lag_benchmark").rename(root / "images" / "lag_benchmark")
    assert LAGENDA().read(root).images.name(0) == "images/lag_benchmark/a.jpg"


def test_a_path_that_leads_out_is_refused(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", [("a", 30, "M", LARGE), ("../../out", 31, "F", LARGE)])
    with pytest.raises(DataError, match="leads out of the dataset's folder"):
        LAGENDA().read(root)


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    write_face(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"expected lagenda_annotation\.csv, .*; found: a\.jpg"):
        LAGENDA().read(tmp_path)
    (tmp_path / "x.csv").write_text("path,age\na.jpg,30\n")
    with pytest.raises(DataError, match="expected a column 'img_name'; found: path, age"):
        LAGENDA().read(tmp_path)


@pytest.mark.slow
def test_it_trains_by_the_protocol_that_is_no_benchmark(tmp_path: Path) -> None:
    faces: list[tuple[str, object, str, str]] = [
        (str(i), 20 + i, "MF"[i % 2], LARGE) for i in range(40)
    ]
    root = write_set(tmp_path / "set", faces)
    answer = train_briefly("lagenda", root, "--protocol", "hash-80-10-10")
    assert "test" in answer["metrics"]
    with pytest.raises(DataError, match="lagenda:test has no train rows"):
        load_faces(LAGENDA(), root).rows("train")
