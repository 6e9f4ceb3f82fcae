from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.utkface import RACES, UTKFace
from PIL import Image

from agekit.data.pool import FacePool
from agekit.data.split import load_faces
from agekit.errors import DataError

GOOD = {
    "1_0_2_20161219140530307.jpg.chip.jpg": (1, 0, 2),
    "26_1_3_20170104165125303.jpg": (26, 1, 3),
    "116_1_0_20170120134921760.jpg.chip.jpg": (116, 1, 0),
    "40_0_4_20170117154551120.jpg.chip.JPG": (40, 0, 4),
}
ODD = {
    "61_1_20170109142408075.jpg.chip.jpg": (61, -1, -1),
    "61_1_20170109150557335.jpg.chip.jpg": (61, -1, -1),
    "39_1_20170116174525125.jpg.chip.jpg": (39, -1, -1),
    "55_0_0_20170116232725357jpg.chip.jpg": (55, 0, 0),
    "24_0_1_20170116220224657 .jpg.chip.jpg": (24, 0, 1),
}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


def write(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).resize((200, 200)).save(path, "JPEG")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, name in enumerate(GOOD | ODD):
        write(tmp_path / "UTKFace" / name, seed)
    return tmp_path / "UTKFace"


def test_labels_are_read_from_good_and_malformed_names(root: Path) -> None:
    table = UTKFace().read(root)
    read = {
        table.images.name(i): (int(table.age[i]), int(table.gender[i]), int(table.group[i]))
        for i in range(len(table))
    }
    assert read == GOOD | ODD
    assert table.group_names == RACES
    told = {p.name: p.detail for p in table.problems if p.kind == "name"}
    assert told.keys() == ODD.keys()
    assert told["61_1_20170109142408075.jpg.chip.jpg"].startswith("malformed; gender and race")
    assert "labels are whole" in told["55_0_0_20170116232725357jpg.chip.jpg"]


def test_other_files_are_counted_and_copies_taken_once(root: Path) -> None:
    (root / "readme.txt").write_text("x")
    (root / "Thumbs.db").write_text("x")
    write(root / "portrait.jpg", 0)
    first = next(iter(GOOD))
    write(root / "copy" / first, 0)
    table = UTKFace().read(root)
    assert len(table) == len(GOOD) + len(ODD)
    kinds = sorted((p.kind, p.name) for p in table.problems)
    assert [kind for kind in kinds if kind[1] not in ODD] == [
        ("duplicate", f"copy/{first}"),
        ("name", "Thumbs.db"),
        ("name", "portrait.jpg"),
        ("name", "readme.txt"),
    ]


def test_the_folder_above_will_do(root: Path) -> None:
    table = UTKFace().read(root.parent)
    assert len(table) == len(GOOD) + len(ODD)
    assert table.images.name(0).startswith("UTKFace/")


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    write(tmp_path / "x" / "anna.jpg", 0)
    with pytest.raises(DataError, match=r"expected files \{age\}_.*; found: anna\.jpg") as caught:
        UTKFace().read(tmp_path / "x")
    assert "susanqq" in caught.value.hint


def test_identical_images_of_two_ages_share_a_split(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for i in range(60):
        write(root / f"{i + 1}_0_0_201701161436030{i:02d}.jpg.chip.jpg", i)
        write(root / f"{i + 31}_1_0_201701161436031{i:02d}.jpg.chip.jpg", i)
    faces = load_faces("utkface", root)
    assert faces.protocol == "utkface:hash-80-10-10"
    assert len(faces.table) == 120
    digests = [d.tobytes() for d in faces.table.images.digests()]
    splits: dict[bytes, set[int]] = {}
    for digest, code in zip(digests, faces.codes.tolist(), strict=True):
        splits.setdefault(digest, set()).add(code)
    assert len(splits) == 60
    assert all(len(codes) == 1 for codes in splits.values())
    pool = FacePool.open(32)
    assert len(set(pool.slots(faces.table.images).tolist())) == len(pool) == 60
    part = load_faces("utkface", root, "21-60")
    inside = (faces.table.age >= 21) & (faces.table.age <= 60)
    assert (part.codes == np.where(inside, faces.codes, -1)).all()
