from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.two_folder import DOMAINS, TwoFolder
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

AGES = {"trainA": 22, "trainB": 58, "testA": 27, "testB": 51}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for k, (folder, age) in enumerate(AGES.items()):
        for i in range(4):
            write_face(tmp_path / "faces" / folder / f"{i}.jpg", age + i, 10 * k + i)
    return tmp_path / "faces"


def rows(root: Path) -> dict[str, tuple[float, str, int, int]]:
    table = TwoFolder().read(root)
    return {
        table.images.name(i): (
            float(table.age[i]),
            (*DOMAINS, "")[table.group[i]],
            int(table.split[i]),
            int(table.gender[i]),
        )
        for i in range(len(table))
    }


def test_folders_say_domain_and_split(root: Path) -> None:
    read = rows(root)
    assert len(read) == 16
    assert read["trainA/0.jpg"] == (25, "A", 0, -1)
    assert read["trainB/3.jpg"] == (55, "B", 0, -1)
    assert read["testA/0.jpg"] == (25, "A", 2, -1)
    assert read["testB/0.jpg"] == (55, "B", 2, -1)
    faces = load_faces("two-folder", root.parent)
    assert np.bincount(faces.codes).tolist() == [8, 0, 8]
    assert faces.table.group_names == ("A", "B")


def test_folders_inside_and_beside(root: Path) -> None:
    write_face(root / "valA" / "by-year" / "1990" / "x.png")
    write_face(root / "preview.png")
    (root / "trainA" / "readme.txt").write_text("x")
    assert rows(root)["valA/by-year/1990/x.png"] == (25, "A", 1, -1)
    assert "preview.png" not in rows(root)
    problems = TwoFolder().read(root).problems
    assert [(p.kind, p.name) for p in problems] == [("name", "trainA/readme.txt")]


def test_labels_give_real_ages(root: Path) -> None:
    (root / "labels.csv").write_text(
        "file,split,domain,age,gender\n"
        "trainA/0.jpg,train,young,22,men\n"
        "trainB/0.jpg,train,old,58,women\n"
        "trainB/1.jpg,,,59,\n"
        "testA/0.jpg,test,A,27,f\n"
        "testB/0.jpg,test,elderly,51,robot\n"
        "testB/1.jpg,test,old,,men\n"
        "testB/9.jpg,test,old,52,men\n"
    )
    assert rows(root) == {
        "trainA/0.jpg": (22, "A", 0, 0),
        "trainB/0.jpg": (58, "B", 0, 1),
        "trainB/1.jpg": (59, "B", 0, -1),
        "testA/0.jpg": (27, "A", 2, 1),
        "testB/0.jpg": (51, "B", 2, -1),
    }
    problems = TwoFolder().read(root.parent).problems
    told = [(p.kind, p.name) for p in problems if p.kind != "unlisted"]
    assert told == [
        ("domain", "faces/testB/0.jpg"),
        ("gender", "faces/testB/0.jpg"),
        ("missing", "faces/testB/9.jpg"),
        ("age", "faces/testB/1.jpg"),
    ]
    assert sum(p.kind == "unlisted" for p in problems) == 10


def test_labels_without_ages_leave_the_nominal_ones(root: Path) -> None:
    (root / "labels.csv").write_text("file;gender\ntrainA/0.jpg;m\ntestB\\0.jpg;f\n")
    assert rows(root) == {"trainA/0.jpg": (25, "A", 0, 0), "testB/0.jpg": (55, "B", 2, 1)}


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    write_face(tmp_path / "x" / "young" / "anna.jpg")
    with pytest.raises(DataError, match=r"expected trainA/ and .*; found: young/anna\.jpg"):
        TwoFolder().read(tmp_path / "x")


def test_labels_that_lead_out_are_refused(root: Path) -> None:
    write_face(root.parent / "secret.jpg")
    (root / "labels.csv").write_text("file,age\n../secret.jpg,30\n")
    with pytest.raises(DataError, match="leads out"):
        TwoFolder().read(root)


@pytest.mark.slow
def test_training(root: Path) -> None:
    answer = train_briefly("two-folder", root)
    assert answer["metrics"]["test"]["mae"] > 0
