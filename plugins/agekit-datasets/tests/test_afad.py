from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from agekit_datasets.afad import AFAD
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

FILES = {
    "15/111/1066-0.jpg": (15, 0),
    "15/112/1067-0.jpg": (15, 1),
    "18/111/1066-1.jpg": (18, 0),
    "72/112/109-3.JPG": (72, 1),
}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, (path, (age, _)) in enumerate(FILES.items()):
        write_face(tmp_path / "tarball" / "AFAD-Full" / path, age, seed)
    (tmp_path / "tarball" / "AFAD-Full" / "15" / "111" / "Thumbs.db").write_text("x")
    return tmp_path / "tarball"


@pytest.mark.parametrize("below", ["", "AFAD-Full"])
def test_labels_are_in_the_paths(root: Path, below: str) -> None:
    table = AFAD().read(root / below)
    read = {
        table.images.name(i).removeprefix("AFAD-Full/"): (int(table.age[i]), int(table.gender[i]))
        for i in range(len(table))
    }
    assert read == FILES
    first, other, again, last = table.identity.tolist()
    assert first == again
    assert len({first, other, last}) == 3
    assert table.problems == ()


def test_lite_alone_or_beside_full(root: Path) -> None:
    shutil.copytree(root / "AFAD-Full" / "18", root / "AFAD-Lite" / "18")
    assert AFAD().read(root / "AFAD-Lite").age.tolist() == [18]
    table = AFAD().read(root)
    assert len(table) == len(FILES)
    assert [(p.kind, p.name) for p in table.problems] == [
        ("duplicate", "AFAD-Lite/18/111/1066-1.jpg")
    ]


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    write_face(tmp_path / "x" / "15" / "113" / "1-0.jpg")
    with pytest.raises(DataError, match=r"expected AFAD-Full/.*; found: 15/113/1-0\.jpg"):
        AFAD().read(tmp_path / "x")


@pytest.mark.slow
def test_splits_by_person_and_at_random_and_training(tmp_path: Path) -> None:
    for k in range(90):
        person, age = k // 3, 18 + k % 22
        place = f"{age}/{111 + person % 2}/{person}-{k % 3}.jpg"
        write_face(tmp_path / "AFAD-Lite" / place, age, k)
    faces = load_faces("afad", tmp_path)
    assert set(faces.codes.tolist()) == {0, 1, 2}
    assert faces.shared_identities == 0
    random = load_faces("afad", tmp_path, "random-80-20")
    assert set(random.codes.tolist()) == {0, 2}
    assert random.shared_identities > 0
    assert not random.subject_exclusive
    assert train_briefly("afad", tmp_path)["metrics"]["test"]["mae"] > 0
