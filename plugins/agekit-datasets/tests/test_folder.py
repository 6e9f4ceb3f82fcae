from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from agekit_datasets.own.readers import Folder

from agekit.data.split import load_faces
from agekit.errors import DataError

WriteImage = Callable[..., Path]


def test_ages_from_a_csv(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "25" / "x.png")
    (tmp_path / "labels.csv").write_text("file,age\n25/x.png,31\n")
    (tmp_path / "other.csv").write_text("nothing\n")
    assert Folder().read(tmp_path).age.tolist() == [31]
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "other.csv").write_text("file,age\n25/x.png,32\n")
    assert Folder().read(tmp_path).age.tolist() == [32]


def test_ages_from_folders_and_file_names(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "25" / "x.png", seed=0)
    write_image(tmp_path / "7" / "111" / "y.jpg", seed=1)
    write_image(tmp_path / "more" / "30_z.PNG", seed=2)
    write_image(tmp_path / "more" / "w.png", seed=3)
    write_image(tmp_path / "300" / "v.png", seed=3)
    write_image(tmp_path / ".hidden" / "40_h.png", seed=3)
    (tmp_path / "readme.txt").write_text("hello")
    faces = load_faces("folder", tmp_path)
    rows = {faces.table.images.name(i): faces.table.age[i] for i in range(len(faces.table))}
    assert rows == {"25/x.png": 25, "7/111/y.jpg": 7, "more/30_z.PNG": 30}
    assert {(p.kind, p.name) for p in faces.problems} == {
        ("age", "more/w.png"),
        ("age", "300/v.png"),
        ("name", "readme.txt"),
    }


def write_all(root: Path, write_image: WriteImage, *names: str) -> None:
    for seed, name in enumerate(names):
        write_image(root / name, seed=seed)


@pytest.mark.parametrize(
    "folders",
    [
        ("train", "val", "test"),
        ("Training", "Validation", "Testing"),
        ("x/train", "x/dev", "x/test"),
        ("train_set", "valid", "test-images"),
        ("25/train", "25/val", "25/test"),
    ],
)
def test_folders_of_splits_are_the_split(
    tmp_path: Path, write_image: WriteImage, folders: tuple[str, ...]
) -> None:
    write_all(
        tmp_path, write_image, *(f"{folder}/30/{i}.png" for folder in folders for i in (1, 2))
    )
    faces = load_faces("folder", tmp_path)
    split = [folders.index(faces.table.images.name(i).rpartition("/30/")[0]) for i in range(6)]
    assert faces.codes.tolist() == split
    assert any("are taken for the split: train 2, val 2, test 2" in n for n in faces.table.notes)


def test_images_outside_the_splits_are_told(tmp_path: Path, write_image: WriteImage) -> None:
    write_all(tmp_path, write_image, "train/30/a.png", "test/40/b.png", "more/50/c.png")
    faces = load_faces("folder", tmp_path)
    assert faces.codes.tolist() == [-1, 2, 0]
    assert "1 image lies in no folder of a split and is not used" in faces.table.notes[-1]


def test_training_faces_alone_are_split(tmp_path: Path, write_image: WriteImage) -> None:
    write_all(tmp_path, write_image, *(f"train/{20 + i}/a.png" for i in range(30)))
    faces = load_faces("folder", tmp_path)
    assert set(faces.codes.tolist()) == {0, 1, 2}
    assert "split anew" in faces.table.notes[-1]
    (tmp_path / "train").rename(tmp_path / "test")
    assert set(load_faces("folder", tmp_path).codes.tolist()) == {2}


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("place", ["", "train/"])
def test_an_image_folder_of_the_hub(
    tmp_path: Path, write_image: WriteImage, ending: str, place: str
) -> None:
    write_all(tmp_path, write_image, "train/a.png", "test/b.png")
    rows = [{"file_name": "train/a.png", "age": 20}, {"file_name": "test/b.png", "age": 30}]
    tables = {"": rows}
    if place:
        tables = {
            f: [{**r, "file_name": r["file_name"][len(f) :]}]
            for f, r in zip(("train/", "test/"), rows, strict=True)
        }
    for folder, part in tables.items():
        path = tmp_path / folder / f"metadata.{ending}"
        if ending == "parquet":
            pq.write_table(pa.Table.from_pylist(part), path)
        elif ending == "csv":
            lines = ["file_name,age", *(f"{row['file_name']},{row['age']}" for row in part)]
            path.write_text("\n".join(lines))
        else:
            path.write_text("\n".join(json.dumps(row) for row in part))
    for dataset in ("folder", "csv"):
        faces = load_faces(dataset, tmp_path)
        rows_read = {faces.table.images.name(i): faces.table.age[i] for i in range(2)}
        assert rows_read == {"train/a.png": 20, "test/b.png": 30}
        assert sorted(faces.codes.tolist()) == [0, 2]


def test_a_snapshot_of_the_hub_is_read(tmp_path: Path, write_image: WriteImage) -> None:
    cache = tmp_path / "datasets--org--faces"
    root = cache / "snapshots" / "abc"
    (root / "data").mkdir(parents=True)
    for i in range(4):
        write_image(cache / "blobs" / f"{i}.png", seed=i).rename(cache / "blobs" / f"{i:040x}")
        (root / "data" / f"{20 + i}_{i:03d}.png").symlink_to(f"../../../blobs/{i:040x}")
    write_image(root / "30_030.png", seed=9)
    faces = load_faces("folder", root)
    assert sorted(faces.table.age.tolist()) == [20, 21, 22, 23, 30]
    assert faces.table.images.digests().shape == (5, 16)
    assert "4 files are links" in faces.table.notes[0]


def test_links_to_folders_are_told(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "other" / "a.png")
    write_image(tmp_path / "set" / "25_a.png")
    (tmp_path / "set" / "30").symlink_to(tmp_path / "other")
    table = Folder().read(tmp_path / "set")
    assert len(table) == 1
    assert "1 link to a folder is not followed: 30 -> " in table.notes[0]


def test_links_to_folders_are_followed_where_all_is_in_them(
    tmp_path: Path, write_image: WriteImage
) -> None:
    write_all(tmp_path / "other", write_image, "1/25/a.png", "1/30/b.png", "2/40/c.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train").symlink_to(tmp_path / "other" / "1")
    (tmp_path / "set" / "test").symlink_to(tmp_path / "other" / "2")
    (tmp_path / "set" / "up").symlink_to(tmp_path)
    faces = load_faces("folder", tmp_path / "set")
    assert faces.codes.tolist() == [2, 0, 0]
    assert faces.table.images.digests().shape == (3, 16)
    assert "3 links to folders are followed: test -> " in faces.table.notes[0]


def test_several_tables_are_told(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "25_x.png")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("path,age\n25_x.png,31\n")
    table = Folder().read(tmp_path)
    assert table.age.tolist() == [25]
    assert any("not used: a.csv, b.csv" in note for note in table.notes)


def test_nothing_that_says_an_age_is_an_error(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "faces" / "anna.png")
    with pytest.raises(DataError, match=r"how old the faces are; found: faces/anna\.png") as caught:
        Folder().read(tmp_path)
    assert "25/x.jpg" in caught.value.hint


def test_links_to_nothing_are_told(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "25" / "a.png")
    (tmp_path / "25" / "b.png").symlink_to("nothing.png")
    (tmp_path / "25" / "c.png").symlink_to("c.png")
    table = Folder().read(tmp_path)
    assert len(table) == 1
    assert [(p.kind, p.name) for p in table.problems] == [
        ("missing", "25/b.png"),
        ("missing", "25/c.png"),
    ]
