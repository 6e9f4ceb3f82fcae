from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from agekit_datasets.packs.shards import Shards, read_shards
from PIL import Image

from agekit.data.home import shard_files
from agekit.data.table import FaceTable
from agekit.errors import DataError

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(seed: int, size: int = 12) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def images(n: int, start: int = 0) -> pa.Array:
    rows = [{"bytes": png(i), "path": f"{i}.png"} for i in range(start, start + n)]
    return pa.array(rows, STRUCT)


def write(path: Path, columns: Mapping[str, Any], metadata: Any = None, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(dict(columns)).replace_schema_metadata(metadata)
    pq.write_table(table, path, **options)
    return path


def features(**given: Any) -> dict[str, str]:
    return {"huggingface": json.dumps({"info": {"features": given}})}


def classes(*names: str) -> dict[str, Any]:
    return {"names": names, "_type": "ClassLabel"}


def read(path: Path) -> FaceTable:
    return read_shards(path)


def details(table: FaceTable) -> list[tuple[str, str, str]]:
    return [(p.kind, p.name, p.detail) for p in table.problems]


def test_an_image_and_an_age_are_enough(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"image": images(3), "age": [20, 30, 40]})
    table = read_shards(path)
    manifest = table.manifest
    assert manifest is None
    assert table.age.tolist() == [20, 30, 40]
    assert np.isnan(table.sigma).all()
    assert (table.identity == -1).all() and (table.gender == -1).all()
    assert (table.group == -1).all() and (table.split == -1).all()
    assert table.origin is None
    assert [table.images.name(i) for i in range(3)] == ["0.png", "1.png", "2.png"]
    assert [d.tobytes() for d in table.images.digests()] == [digest(png(i)) for i in range(3)]
    assert (table.images.decode(1, 12) == np.asarray(Image.open(io.BytesIO(png(1))))).all()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_an_image_may_be_plain_bytes(tmp_path: Path, kind: pa.DataType) -> None:
    data = pa.array([png(0), png(1)], kind)
    path = write(tmp_path / "x.parquet", {"photo": data, "label": [7, 8], "age": [20.5, 30.0]})
    table = read(path)
    assert table.images.name(1) == "x.parquet#1"
    assert table.images.digests()[1].tobytes() == digest(png(1))
    assert table.age.tolist() == [20.5, 30]


def test_the_optional_columns(tmp_path: Path) -> None:
    columns = {
        "image": images(4),
        "Age": [20.0, 30.0, 40.0, 50.0],
        "std": [1.5, None, -1.0, float("nan")],
        "subject": ["anna", "bob", "anna", None],
        "gender": ["Female", "male", "?", None],
        "race": pa.array(["white", "asian", "white", None]).dictionary_encode(),
        "split": ["train", "validation", "Test", "holdout"],
        "origin": ["imdb", "wiki", "wiki", "imdb"],
    }
    table = read(write(tmp_path / "x.parquet", columns))
    assert np.nan_to_num(table.sigma, nan=-9).tolist() == [1.5, -9, -9, -9]
    assert table.identity[0] == table.identity[2] >= 0
    assert table.identity[1] not in (-1, table.identity[0]) and table.identity[3] == -1
    assert table.gender.tolist() == [1, 0, -1, -1]
    assert table.group_names == ("asian", "white")
    assert table.group.tolist() == [1, 0, 1, -1]
    assert table.split.tolist() == [0, 1, 2, -1]
    assert table.origin is None
    assert details(table) == [
        ("sigma", "2.png", "the standard deviation is unusable: left out"),
        ("gender", "2.png", "'?' taken as unknown"),
        ("split", "3.png", "'holdout' taken as unknown"),
    ]
    assert all(problem.kept for problem in table.problems)


def test_people_by_number(tmp_path: Path) -> None:
    for column in (pa.array([5, None, 7]), pa.array([5.0, float("nan"), 7.0])):
        columns = {"image": images(3), "age": [1, 2, 3], "identity": column}
        assert read(write(tmp_path / "x.parquet", columns)).identity.tolist() == [5, -1, 7]


def test_class_labels_are_read_by_their_names(tmp_path: Path) -> None:
    columns = {"image": images(3), "age": [0, 1, 1], "gender": [1, 0, -1], "race": [1, 0, 9]}
    metadata = features(
        image={"_type": "Image"},
        age=classes("30", "45"),
        gender=classes("Male", "Female"),
        race=classes("Asian", "Black"),
    )
    table = read(write(tmp_path / "x.parquet", columns, metadata))
    assert table.age.tolist() == [30, 45, 45]
    assert table.gender.tolist() == [1, 0, -1]
    assert [table.group_names[g] if g >= 0 else "" for g in table.group] == ["Black", "Asian", ""]


def test_ranges_of_ages_are_their_middle(tmp_path: Path) -> None:
    texts = ["0-2", "3-9", "0-2", "more than 70", "25", "?"]
    plain = {"image": images(6), "age": texts}
    coded = plain | {"age": [0, 1, 0, 2, 3, 4]}
    names = features(age=classes("0-2", "3-9", "more than 70", "25", "?"))
    for path in (
        write(tmp_path / "plain.parquet", plain),
        write(tmp_path / "coded.parquet", coded, names),
    ):
        table = read(path)
        assert table.age.tolist() == [1, 6, 1, 85, 25]
        widths = np.array([2, 6, 2, 30, np.nan])
        np.testing.assert_allclose(table.sigma, widths / 12**0.5, rtol=1e-6)
        assert [problem.kind for problem in table.problems] == ["age"]
        ranges, open_end = table.notes
        assert "4 ages are ranges" in ranges and "'0-2' as 1 with sigma 0.6" in ranges
        assert "1 of these ranges have no upper end" in open_end


def test_columns_of_other_names_are_named_by_the_user(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"pixels": images(1), "Label": [7], "colour": ["red"]})
    table = read_shards(path, {"age": "label", "path": "pixels"})
    assert table.age.tolist() == [7]
    assert table.notes == (f"{path}: 1 column is not used: colour",)


def test_rows_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    rows = [{"bytes": png(0), "path": None}, {"bytes": None, "path": "/etc/passwd"}, None]
    rows += [{"bytes": png(3), "path": ""}, {"bytes": png(4), "path": "old.png"}]
    columns = {"image": pa.array(rows, STRUCT), "age": [20, 30, 40, None, 130]}
    for options in ({}, {"write_statistics": False, "row_group_size": 2}):
        table = read(write(tmp_path / "x.parquet", columns, **options))
        assert table.age.tolist() == [20]
        assert table.images.name(0) == "x.parquet#0"
        assert details(table) == [
            ("image", "/etc/passwd", "only named, the image itself is not in the shard"),
            ("image", "x.parquet#2", "only named, the image itself is not in the shard"),
            ("age", "x.parquet#3", "no age"),
            ("age", "old.png", "age 130 is not from 0 to 120"),
        ]


def test_damaged_images_fail_one_by_one(tmp_path: Path) -> None:
    rows = [{"bytes": data, "path": f"{i}"} for i, data in enumerate((png(0)[:90], b"", b"xy"))]
    columns = {"image": pa.array(rows, STRUCT), "age": [20, 30, 40]}
    table = read(write(tmp_path / "x.parquet", columns))
    for i, text in enumerate(("0: truncated", "1: the file is empty", "2: not an image")):
        with pytest.raises(DataError, match=text):
            table.images.decode(i, 8)


def spread(folder: Path, sizes: Sequence[int], of: int | None = None, name: str = "train") -> Path:
    start = 0
    for k, n in enumerate(sizes):
        path = folder / f"{name}-{k:05}-of-{of or len(sizes):05}.parquet"
        columns = {"image": images(n, start), "age": pa.array(range(start, start + n), pa.int64())}
        write(path, columns, row_group_size=2)
        start += n
    return folder


def test_many_shards_and_row_groups(tmp_path: Path) -> None:
    images = read(spread(tmp_path, [5, 0, 3])).images
    expected = [png(i) for i in range(8)]
    assert [d.tobytes() for d in images.digests()] == [digest(data) for data in expected]
    assert isinstance(images, Shards)
    assert [images.read(i) for i in range(8)] == expected
    part = images.take(np.array([7, 2, 2]))
    assert [part.name(i) for i in range(3)] == ["7.png", "2.png", "2.png"]
    assert [part.read(i) for i in range(3)] == [expected[7], expected[2], expected[2]]
    assert [d.tobytes() for d in part.digests()] == [digest(expected[i]) for i in (7, 2, 2)]
    again = pickle.loads(pickle.dumps(part))
    assert [again.read(i) for i in range(3)] == [part.read(i) for i in range(3)]
    order = np.random.default_rng(0).integers(0, 8, 400).tolist()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(images.read, order)) == [expected[i] for i in order]


def test_the_files_names_are_the_split(tmp_path: Path) -> None:
    spread(tmp_path / "data", [2, 1], name="train")
    spread(tmp_path / "data", [1], name="validation")
    spread(tmp_path / "data", [1], name="test")
    assert shard_files(tmp_path)
    assert read(tmp_path).split.tolist() == [2, 0, 0, 0, 1]


def test_what_shard_files(tmp_path: Path) -> None:
    assert not shard_files(tmp_path)
    assert not shard_files(tmp_path / "gone")
    (tmp_path / ".hidden.parquet").touch()
    (tmp_path / "x.csv").touch()
    assert not shard_files(tmp_path) and not shard_files(tmp_path / "x.csv")
    with pytest.raises(DataError, match=r"expected a \.parquet file"):
        read_shards(tmp_path)
    path = write(tmp_path / "x.parquet", {"image": images(1), "age": [1]})
    assert shard_files(path) and shard_files(tmp_path)


def test_missing_shards_are_named(tmp_path: Path) -> None:
    spread(tmp_path, [1, 1], of=3)
    with pytest.raises(DataError, match="train: 1 of 3 shards are missing: 00002"):
        read_shards(tmp_path)
    with pytest.raises(DataError, match="2 of 3 shards are missing: 00001, 00002"):
        read_shards(tmp_path / "train-00000-of-00003.parquet")
    spread(tmp_path, [1])
    with pytest.raises(DataError, match=r"different sets: train-\.\.\.-of-00001 and -of-0"):
        read_shards(tmp_path)


def test_what_is_no_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    whole = write(tmp_path / "y.parquet", {"image": images(3), "age": [1, 2, 3]}).read_bytes()
    for data in (b"", b"no parquet at all", whole[:-30], whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"x\.parquet: not a Parquet file, or damaged"):
            read_shards(path)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    columns = {"image": images(3), "age": [1, 2, 3]}
    path = write(tmp_path / "x.parquet", columns, write_page_checksum=True, compression="none")
    data = bytearray(path.read_bytes())
    data[data.index(png(1)) + 50] ^= 1
    path.write_bytes(data)
    table = read(path)
    with pytest.raises(DataError, match=r"x\.parquet: not a Parquet file, or damaged"):
        table.images.digests()
    with pytest.raises(DataError, match="damaged"):
        table.images.decode(1, 8)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"age": [1]}, "expected a column 'image' of struct<.*; found: age: int64"),
        ({"image": ["x.png"], "age": [1]}, "found: image: string, age: int64"),
        ({"a": [b"x"], "b": [b"y"], "age": [1]}, "expected a column 'image'"),
        ({"image": [b"x"], "ages": [1]}, "expected a column 'age', in years; .*did you mean 'ages"),
        ({"image": [b"x"], "label": [1]}, "expected a column 'age'"),
        ({"image": [b"x"], "age": [[1]]}, "column 'age' cannot be used: expected numbers, found l"),
        ({"image": [b"x"], "age": [True]}, "expected numbers, found bool"),
        ({"image": [b"x"], "age": ["old"]}, "expected numbers, found 'old'"),
        ({"image": [b"x"], "age": [1], "split": [1.5]}, "column 'split' .* expected text"),
        ({"image": [b"x"], "age": [1], "identity": [1.5]}, "column 'identity' cannot be used"),
    ],
)
def test_other_layouts_are_told(tmp_path: Path, columns: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=text):
        read_shards(write(tmp_path / "x.parquet", columns))


def test_digests_are_remembered_until_the_file_changes(tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path / "x.parquet", {"image": images(2), "age": [1, 2]})
    settled = path.stat().st_mtime_ns - 100 * 10**9
    os.utime(path, ns=(settled, settled))
    first = read(path).images.digests()
    (memory,) = (cache / "digests").glob("shard-*.bin")
    fake = memory.read_bytes()[:-1] + b"\0"
    memory.write_bytes(fake)
    assert read(path).images.digests().tobytes() == fake[16:]
    memory.write_bytes(fake[:-5])
    assert (read(path).images.digests() == first).all()
    write(path, {"image": images(2, start=5), "age": [1, 2]})
    assert read(path).images.digests()[0].tobytes() == digest(png(5))


def test_a_file_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"image": images(2), "age": [1, 2]})
    table = read(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        table.images.decode(0, 8)
