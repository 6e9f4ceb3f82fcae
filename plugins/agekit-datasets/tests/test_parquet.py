from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from agekit_datasets.packs.pack import pack
from agekit_synthfaces import draw, person, write_face
from agekit_testkit import train_briefly
from PIL import Image

from agekit.data.split import load_faces
from agekit.errors import DataError, UnknownNameError
from agekit.registry import DATASETS


def face(seed: int, age: float) -> bytes:
    file = io.BytesIO()
    Image.fromarray(draw(person(0, seed), age, 32)).save(file, "png")
    return file.getvalue()


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A dataset as people put it on the Hub: a file a split, in the folder data."""
    (tmp_path / "hub" / "data").mkdir(parents=True)
    start = 0
    for split, n in (("train", 16), ("validation", 8), ("test", 8)):
        rows = [
            {
                "image": {"bytes": face(i, 15 + 2 * i), "path": None},
                "age": 15 + 2 * i,
                "label": i % 3,
            }
            for i in range(start, start + n)
        ]
        start += n
        path = tmp_path / "hub" / "data" / f"{split}-00000-of-00001-0a1b2c.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path)
    return tmp_path / "hub"


def test_it_is_registered() -> None:
    reader = DATASETS.get("parquet")()
    assert (reader.name, reader.default_protocol, reader.file_allowed) == ("parquet", "auto", True)
    assert list(reader.protocols) == ["auto", "column", "seeded-80-10-10"]


@pytest.mark.slow
def test_it_trains_on_a_dataset_of_the_hub(hub: Path) -> None:
    faces = load_faces("parquet", hub)
    assert [len(faces.rows(split)) for split in ("train", "val", "test")] == [16, 8, 8]  # type: ignore[arg-type]
    answer = train_briefly("parquet", hub)
    assert answer["metrics"]["test"]["mae"] > 0


def test_a_file_alone_is_split_by_its_content(hub: Path) -> None:
    (hub / "data" / "train-00000-of-00001-0a1b2c.parquet").rename(hub / "faces.parquet")
    faces = load_faces("parquet", hub / "faces.parquet")
    assert faces.protocol == "parquet:auto"
    assert (faces.codes >= 0).all() and len(set(faces.codes.tolist())) > 1


def test_any_pack_can_be_read(tmp_path: Path) -> None:
    for i in range(8):
        write_face(tmp_path / "set" / f"{20 + i}_x.png", age=20 + i, seed=i)
    packed = pack("folder", tmp_path / "x.parquet", root=tmp_path / "set")
    faces = load_faces("parquet", packed.files[0])
    assert faces.table.age.tolist() == list(range(20, 28))
    with pytest.raises(DataError, match="was made from folder, not from csv"):
        load_faces("csv", packed.files[0])


def test_a_pack_that_nothing_installed_reads_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_face(tmp_path / "set" / "20_x.png", age=20)
    (path,) = pack("folder", tmp_path / "x.parquet", root=tmp_path / "set").files
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "agekit-datasets")
    with pytest.raises(
        UnknownNameError, match=r"nothing here reads .*x\.parquet: no dataset named"
    ):
        load_faces("synthfaces", path)


def test_a_pack_that_was_changed_is_no_pack_any_more(tmp_path: Path) -> None:
    for i in range(8):
        write_face(tmp_path / "set" / f"{20 + i}_x.png", age=20 + i, seed=i)
    (path,) = pack("folder", tmp_path / "x.parquet", root=tmp_path / "set").files
    table = pq.read_table(path)
    said = pq.read_metadata(path).metadata[b"agekit"]
    metadata = {**table.schema.metadata, b"agekit": said}
    pq.write_table(table.slice(0, 5).replace_schema_metadata(metadata), path)
    assert len(load_faces("parquet", path).table) == 5
    with pytest.raises(DataError, match="does not say which dataset it was made from"):
        load_faces("folder", path)


def test_two_packs_in_one_folder_are_not_mixed(tmp_path: Path) -> None:
    for i in range(8):
        write_face(tmp_path / "set" / f"{20 + i}_x.png", age=20 + i, seed=i)
    for name in ("a", "b"):
        pack("folder", tmp_path / "packs" / f"{name}.parquet", root=tmp_path / "set")
    with pytest.raises(DataError, match=r"shards of two packs: a\.parquet, b\.parquet"):
        load_faces("parquet", tmp_path / "packs")
    assert len(load_faces("parquet", tmp_path / "packs" / "a.parquet").table) == 8


def test_another_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.txt").touch()
    with pytest.raises(DataError, match=r"expected a \.parquet file"):
        load_faces("parquet", tmp_path)
