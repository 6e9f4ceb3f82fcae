from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from agekit.data.dataset import Dataset
from agekit.data.files import Files
from agekit.data.protocols import Protocol, by_column, by_content, by_identity, restrict
from agekit.data.split import Faces, load_faces
from agekit.data.table import SPLITS, FaceTable
from agekit.errors import ConfigError, DataError, UnknownNameError


def table(root: Path, count: int = 1000, people: int = 0, **columns: object) -> FaceTable:
    root.mkdir(exist_ok=True)
    for i in range(count):
        (root / f"{i}.png").write_bytes(b"image %d" % i)
    identity = np.arange(count) % people if people else None
    files = Files(root, [f"{i}.png" for i in range(count)])
    return FaceTable.build(files, np.arange(count) % 90, identity=identity, **columns)  # type: ignore[arg-type]


def test_by_content_has_the_shares_and_follows_the_bytes(tmp_path: Path) -> None:
    rows = table(tmp_path / "a")
    codes = by_content(0.8, 0.1, "x")(rows)
    assert codes.dtype == np.int8
    assert np.abs(np.bincount(codes) / 1000 - [0.8, 0.1, 0.1]).max() < 0.03
    assert codes[:20].tolist() == [0, 0, 2, *[0] * 14, 1, 0, 0]
    order = np.random.default_rng(0).permutation(1000)
    assert (by_content(0.8, 0.1, "x")(rows.take(order)) == codes[order]).all()
    assert (by_content(0.8, 0.1, "y")(rows) != codes).any()


def test_identical_images_never_straddle(tmp_path: Path) -> None:
    rows = table(tmp_path / "a", 300)
    for i in range(150):
        (tmp_path / "a" / f"{i + 150}.png").write_bytes((tmp_path / "a" / f"{i}.png").read_bytes())
    codes = by_content(0.4, 0.3, "x")(rows)
    assert (codes[:150] == codes[150:]).all()
    assert set(codes.tolist()) == {0, 1, 2}


def test_by_identity_keeps_people_together(tmp_path: Path) -> None:
    rows = table(tmp_path / "a", 400, people=100)
    codes = by_identity(0.6, 0.2, "x")(rows)
    assert set(codes.tolist()) == {0, 1, 2}
    assert all(len(set(codes[rows.identity == p].tolist())) == 1 for p in range(100))
    assert Faces(rows, codes, "d", "d:p").shared_identities == 0
    leaky = Faces(rows, by_content(0.6, 0.2, "x")(rows), "d", "d:p")
    assert leaky.shared_identities > 50


def test_by_identity_without_identities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no row has an identity"):
        by_identity(0.8, 0.1, "x")(table(tmp_path / "a", 5))
    some = FaceTable.build(Files(tmp_path / "a", ["0.png", "1.png"]), [1, 2], identity=[-1, 7])
    assert (by_identity(0.8, 0.1, "x")(some) >= 0).all()


def test_by_column_is_the_datasets_own(tmp_path: Path) -> None:
    assert by_column()(table(tmp_path / "a", 4, split=[0, 2, -1, 1])).tolist() == [0, 2, -1, 1]
    with pytest.raises(DataError, match="own split"):
        by_column()(table(tmp_path / "a", 4))


def test_restrict_leaves_rows_out_and_nothing_else(tmp_path: Path) -> None:
    rows = table(tmp_path / "a", 200)
    whole = Protocol("p", "text", by_content(0.8, 0.1, "x"), ("mae", "cs5"), True)
    part = restrict(whole, ages=(21, 60), name="21-60")
    inside = (rows.age >= 21) & (rows.age <= 60)
    assert (part.assign(rows) == np.where(inside, whole.assign(rows), -1)).all()
    assert (part.name, part.metrics, part.subject_exclusive) == ("21-60", ("mae", "cs5"), True)
    assert "21 to 60" in part.description


def test_the_split_hash_is_of_digests_and_splits_alone(tmp_path: Path) -> None:
    rows = table(tmp_path / "a", 4)
    codes = np.array([0, 1, 2, -1], np.int8)
    faces = Faces(rows, codes, "d", "d:p")
    lines = [
        f"{hashlib.blake2b(b'image %d' % i, digest_size=16).hexdigest()} {SPLITS[i]}\n"
        for i in range(3)
    ]
    text = "".join(sorted(lines))
    assert faces.split_hash == hashlib.sha256(text.encode()).hexdigest()[:16]
    turned = Faces(rows.take(np.array([3, 2, 1, 0])), codes[::-1], "e", "e:q")
    assert turned.split_hash == faces.split_hash
    assert Faces(rows, np.roll(codes, 1), "d", "d:p").split_hash != faces.split_hash


def test_rows_of_a_split(tmp_path: Path) -> None:
    faces = Faces(table(tmp_path / "a", 4), np.array([0, 2, -1, 0], np.int8), "d", "d:p")
    assert faces.rows("train").tolist() == [0, 3]
    assert faces.rows("test").tolist() == [1]
    assert faces.rows("all").tolist() == [0, 1, 3]
    with pytest.raises(DataError, match=r"d:p has no val rows; .* train \(2\), test \(1\)"):
        faces.rows("val")
    with pytest.raises(ConfigError, match="no split 'valid'"):
        faces.rows("valid")  # type: ignore[arg-type]


class Tiny(Dataset):
    name = "tiny-set"
    protocols: ClassVar[Mapping[str, Protocol]] = {
        "content": Protocol("content", "", by_content(0.8, 0.1, "t"), ("mae", "cs5")),
        "column": Protocol("column", "", by_column()),
    }
    default_protocol = "content"

    def read(self, root: Path | None) -> FaceTable:
        assert root is not None
        return FaceTable.build(Files(root, sorted(p.name for p in root.iterdir())), [20, 30, 400])


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / "tiny-set").mkdir(exist_ok=True)
        (tmp_path / "tiny-set" / name).write_text(name)
    return tmp_path


def test_load_faces_reads_and_splits(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = load_faces(Tiny(), tiny / "tiny-set")
    assert (faces.dataset, faces.protocol) == ("tiny-set", "tiny-set:content")
    assert faces.metrics == ("mae", "cs5")
    assert len(faces.table) == len(faces.codes) == 2
    assert [p.name for p in faces.problems] == ["c"]
    monkeypatch.setenv("AGEKIT_DATA", str(tiny))
    same = load_faces(Tiny(), protocol="tiny-set:content")
    assert same.split_hash == faces.split_hash


def test_load_faces_says_what_is_wrong(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="no protocol 'colum'; did you mean 'column'") as caught:
        load_faces(Tiny(), tiny, "colum")
    assert "content, column" in caught.value.hint
    with pytest.raises(DataError, match="own split"):
        load_faces(Tiny(), tiny / "tiny-set", "column")
    with pytest.raises(DataError, match="where is the dataset"):
        load_faces(Tiny())
    with pytest.raises(UnknownNameError, match="did you mean 'folder'"):
        load_faces("foldr")


def test_load_faces_by_name(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    for i in range(3):
        write_image(tmp_path / "faces" / f"{i + 20}_x.png", seed=i)
    faces = load_faces("folder", tmp_path / "faces")
    assert faces.table.age.tolist() == [20, 21, 22]
    assert faces.protocol == "folder:auto"
