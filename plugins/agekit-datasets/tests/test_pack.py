from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from agekit_datasets.encode import Encoding
from agekit_datasets.own.labels import read_labels
from agekit_datasets.packs.pack import Packing, pack
from agekit_datasets.packs.shards import read_shards
from agekit_datasets.packs.writer import replacing
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly
from PIL import Image

from agekit.data.alignment import Alignment
from agekit.data.decode import decode
from agekit.data.manifest import Manifest
from agekit.data.prepared import write_table
from agekit.data.split import load_faces
from agekit.data.table import FaceTable
from agekit.errors import ConfigError, DataError

WEBP = Encoding(32, "webp", 82)
N = 12


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Faces with all columns, among them a broken one, one named twice and one without an age."""
    folder = tmp_path / "set"
    lines = ["path,age,sigma,identity,gender,group,split"]
    for i in range(N):
        name = f"{i:02}.jpg" if i % 2 else f"sub/{i:02}.png"
        write_face(folder / name, age=20 + i, seed=i % 5, size=48 + i)
        split = ("train", "train", "val", "test")[i % 4]
        cells = [name, 20 + i, 1.5 if i % 3 else "", i % 5, "fm"[i % 2], "ab"[i % 2], split]
        lines.append(",".join(map(str, cells if i else [*cells[:2], "", "", "", "", ""])))
    (folder / "bad.jpg").write_bytes((folder / "01.jpg").read_bytes()[:400])
    lines += ["bad.jpg,30", "01.jpg,50", "sub/00.png,", "gone.jpg,3"]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def assert_equal(packed: FaceTable, table: FaceTable) -> None:
    for name in ("age", "sigma", "identity", "gender", "split"):
        assert np.array_equal(getattr(packed, name), getattr(table, name), equal_nan=True), name
    groups = [[t.group_names[g] if g >= 0 else None for g in t.group] for t in (packed, table)]
    assert groups[0] == groups[1]
    assert packed.group_names == table.group_names
    assert (packed.content_keys() == table.content_keys()).all()


def good(table: FaceTable) -> FaceTable:
    names = [table.images.name(i) for i in range(len(table))]
    return table.take(np.array([i for i, name in enumerate(names) if name != "bad.jpg"]))


def test_as_they_are(root: Path, tmp_path: Path) -> None:
    packed = pack("folder", tmp_path / "out" / "faces.parquet", root=root)
    assert (packed.n, packed.dataset, packed.encoding) == (N, "folder", None)
    assert packed.files == (tmp_path / "out" / "faces.parquet",)
    assert packed.bytes == packed.files[0].stat().st_size
    assert [(p.kind, p.name) for p in packed.left_out] == [("image", "bad.jpg")]
    assert "truncated" in packed.left_out[0].detail
    assert sorted(p.kind for p in packed.problems) == ["duplicate", "duplicate", "missing"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["faces.parquet"]
    table = read_shards(packed.files[0])
    manifest = table.manifest
    original = good(load_faces("folder", root).table)
    assert_equal(table, original)
    assert (table.images.digests() == original.images.digests()).all()
    assert [table.images.name(i) for i in range(N)] == [original.images.name(i) for i in range(N)]
    assert table.problems == ()
    assert manifest is not None
    assert (manifest.dataset, manifest.rows, manifest.size) == ("folder", N, None)
    assert manifest.group_names == ["a", "b"]


def test_encoded_anew(root: Path, tmp_path: Path) -> None:
    original = good(load_faces("folder", root).table)
    out = tmp_path / "x.parquet"
    for encoding, suffix in ((WEBP, "webp"), (Encoding(32, "jpeg", 90), "jpeg")):
        pack("folder", out, root=root, packing=Packing(encoding), force=True)
        table = read_shards(out)
        manifest = table.manifest
        assert_equal(table, original)
        assert manifest is not None and manifest.size == 32
        assert table.images.name(0) == f"sub/00.{suffix}"
        for i in (0, 1):
            difference = table.images.decode(i, 32) - original.images.decode(i, 32).astype(float)
            assert np.abs(difference).mean() < 8
    pack("folder", out, root=root, packing=Packing(Encoding(32, "png", None)), force=True)
    table = read_shards(out)
    assert (table.images.decode(1, 32) == original.images.decode(1, 32)).all()


def test_a_format_alone_keeps_the_size(root: Path, tmp_path: Path) -> None:
    encoding = Encoding.choose(None, "png", None)
    pack("folder", tmp_path / "x.parquet", root=root, packing=Packing(encoding))
    images = read_shards(tmp_path / "x.parquet").images
    assert Image.open(io.BytesIO(images.read(3))).size == (51, 51)  # type: ignore[attr-defined]
    assert (images.decode(3, 51) == decode(root / "03.jpg", 51)).all()


def test_encodings() -> None:
    assert Encoding.choose(None, None, None) is None
    assert Encoding.choose(64, None, None) == Encoding(64, "webp", 82)
    assert Encoding.choose(None, "png", None) == Encoding(None, "png", None)
    for wrong in ((None, None, 80), (64, "png", 80)):
        with pytest.raises(ConfigError, match="quality"):
            Encoding.choose(*wrong)  # type: ignore[arg-type]


def test_the_same_bytes_whatever_the_number_of_threads(root: Path, tmp_path: Path) -> None:
    seen = set()
    for workers in (1, 2, 7):
        out = tmp_path / f"{workers}.parquet"
        pack("folder", out, root=root, packing=Packing(WEBP, threads=workers))
        seen.add(out.read_bytes())
    assert len(seen) == 1


def test_a_folder_of_shards(root: Path, tmp_path: Path) -> None:
    original = good(load_faces("folder", root).table)
    out = tmp_path / "shards"
    packed = pack("folder", out, root=root, packing=Packing(shard_bytes=10_000))
    n = len(packed.files)
    assert n > 2
    names = [f"folder-{k:05}-of-{n:05}.parquet" for k in range(n)]
    assert sorted(p.name for p in out.iterdir()) == names
    assert [p.name for p in packed.files] == names
    rows = [pq.read_metadata(path).num_rows for path in packed.files]
    assert sum(rows) == N and min(rows) > 0
    table = read_shards(out)
    manifest = table.manifest
    assert_equal(table, original)
    assert manifest is not None and manifest.rows == N
    again = pack("folder", tmp_path / "again.parquet", root=out)
    assert_equal(read_shards(again.files[0]), original)
    packed.files[1].unlink()
    with pytest.raises(DataError, match=f"1 of {n} shards are missing: 00001"):
        load_faces("folder", out)


def test_row_groups_are_small(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    for i in range(600):
        write_image(tmp_path / "set" / f"{i % 90}_{i}.png", seed=i, size=(4, 4))
    (packed,) = pack("folder", tmp_path / "x.parquet", root=tmp_path / "set").files
    meta = pq.read_metadata(packed)
    assert [meta.row_group(g).num_rows for g in range(meta.num_row_groups)] == [256, 256, 88]


@pytest.mark.parametrize("place", ["mine.parquet", "folder"])
def test_parquet_of_others_is_not_replaced(root: Path, tmp_path: Path, place: str) -> None:
    mine = tmp_path / place if place.endswith(".parquet") else tmp_path / place / "mine.parquet"
    mine.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"a": [1]}), mine)
    before = mine.read_bytes()
    with pytest.raises(DataError, match=r"mine\.parquet: is not one of agekit's shards"):
        pack("folder", tmp_path / place, root=root, force=True)
    assert mine.read_bytes() == before


def test_what_is_there_is_kept(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    pack("folder", out, root=root)
    before = out.read_bytes()
    with pytest.raises(DataError, match=r"x\.parquet: is already there"):
        pack("folder", out, root=root, packing=Packing(WEBP))
    assert out.read_bytes() == before
    pack("folder", out, root=root, packing=Packing(WEBP), force=True)
    assert out.read_bytes() != before
    folder = tmp_path / "shards"
    pack("folder", folder, root=root, packing=Packing(shard_bytes=10_000))
    with pytest.raises(DataError, match="is already there"):
        pack("folder", folder, root=root)
    pack("folder", folder, root=root, packing=Packing(WEBP), force=True)
    assert len(list(folder.iterdir())) == 1
    (folder / "photo.jpg").touch()
    with pytest.raises(DataError, match=r"holds other things than shards: photo\.jpg"):
        pack("folder", folder, root=root, force=True)
    assert len(list(folder.iterdir())) == 2
    (tmp_path / "y.parquet").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        pack("folder", tmp_path / "y.parquet", root=root)
    with pytest.raises(DataError, match="is a file"):
        pack("folder", root / "01.jpg", root=root)


def test_the_dataset_itself_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    for place in (root / "x.parquet", root / "sub" / "packs", tmp_path / "link" / "x.parquet"):
        with pytest.raises(DataError, match="lies in the dataset's own folder"):
            pack("folder", place, root=root)


def test_nothing_is_left_of_a_failure(root: Path, tmp_path: Path) -> None:
    for path in [*root.glob("*.jpg"), *root.glob("sub/*")]:
        path.write_bytes(b"\xff\xd8\xff broken")
    for out in (tmp_path / "out" / "x.parquet", tmp_path / "out" / "shards"):
        with pytest.raises(DataError, match="none of 13 images can be used"):
            pack("folder", out, root=root)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_drawn_images_need_a_size(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="synthfaces are not in files of their own"):
        pack("synthfaces", tmp_path / "x.parquet")
    assert list(tmp_path.glob("*.parquet")) == []


def test_progress(root: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    pack("folder", tmp_path / "x.parquet", root=root, progress=lambda *x: told.append(x))
    assert told == [(i + 1, N + 1) for i in range(N + 1)]


RUN = """
import resource, sys
if sys.argv[1] != "-":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from agekit.cli import main
main(sys.argv[2:])
"""


def command(limit: str, root: Path, out: Path) -> list[str]:
    arguments = ["data", "pack", "folder", "--root", str(root), "--out", str(out)]
    return [sys.executable, "-c", RUN, limit, *arguments]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.parquet", "shards"])
def test_a_full_disk_is_told_and_leaves_nothing(root: Path, tmp_path: Path, name: str) -> None:
    """The operating system itself refuses large files, as a full disk refuses them."""
    done = subprocess.run(
        command("20000", root, tmp_path / "out" / name), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert f"{name}: no room for it (File too large)" in done.stderr
    assert "hint: free some space" in done.stderr
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_a_killed_pack_starts_clean(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    root, out = tmp_path / "set", tmp_path / "out" / "shards"
    for i in range(600):
        write_image(root / f"{i % 90}_{i}.png", seed=i, size=(100, 100))
    process = subprocess.Popen([*command("-", root, out), "--format", "png", "--workers", "1"])
    deadline = time.monotonic() + 60
    while not list(out.parent.glob(".agekit-*.part/0*")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(out.parent.glob(".agekit-*.part")) and not out.exists()
    pack("folder", out, root=root, packing=Packing(Encoding(None, "png", None)))
    pack("folder", tmp_path / "clean", root=root, packing=Packing(Encoding(None, "png", None)))
    (one,), (other,) = out.iterdir(), (tmp_path / "clean").iterdir()
    assert one.read_bytes() == other.read_bytes()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["shards"]


def test_two_do_not_write_one_place(tmp_path: Path) -> None:
    out = tmp_path / "shards"
    begun, done = threading.Event(), threading.Event()

    def first() -> None:
        with replacing(out) as folder:
            (folder / "a.parquet").touch()
            begun.set()
            done.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait(10)
    with pytest.raises(DataError, match="another process is writing it"), replacing(out):
        pass
    done.set()
    thread.join()
    assert [p.name for p in tmp_path.iterdir()] == ["shards"]
    assert [p.name for p in out.iterdir()] == ["a.parquet"]


def test_a_kill_between_two_renames_is_mended(tmp_path: Path) -> None:
    out = tmp_path / "shards"
    old = tmp_path / ".shards.agekit-old"
    old.mkdir()
    (old / "a.parquet").touch()
    with pytest.raises(RuntimeError), replacing(out):
        raise RuntimeError
    assert [p.name for p in tmp_path.rglob("*")] == ["shards", "a.parquet"]


def chips(tmp_path: Path) -> Path:
    """A folder as `agekit data prepare` leaves it."""
    folder = tmp_path / "chips"
    lines = ["path,age,split"]
    for i in range(24):
        write_face(folder / f"{i}.png", age=15 + 2 * i, seed=i, size=40)
        lines.append(f"{i}.png,{15 + 2 * i},{('train', 'train', 'val', 'test')[i % 4]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    table = read_labels(folder / "labels.csv", folder)
    (folder / "labels.csv").unlink()
    points = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
    face = Alignment(align="five-points", margin=0.1, points=points)
    manifest = Manifest(dataset="csv", face=face, size=40, rows=24, made_by="a test")
    write_table(folder, table, [f"{i}.png" for i in range(24)], manifest)
    return folder


@pytest.mark.slow
def test_training_from_the_pack_is_training_from_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, one, many = chips(tmp_path), tmp_path / "chips.parquet", tmp_path / "shards"
    pack("csv", one, root=folder)
    assert len(pack("csv", many, root=one, packing=Packing(shard_bytes=30_000)).files) > 1
    expected = load_faces("csv", folder)
    for place in (one, many):
        faces = load_faces("csv", place)
        assert faces.split_hash == expected.split_hash
        assert faces.face == expected.face and faces.face.margin == 0.1
    answers = []
    for place in (folder, many):
        monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / f"cache-{place.name}"))
        answers.append(train_briefly("csv", place, "--seed", "3"))
    assert answers[0]["metrics"] == answers[1]["metrics"]
    assert answers[0]["metrics"]["test"]["mae"] > 0


@pytest.mark.slow
def test_the_datasets_library_opens_it(root: Path, tmp_path: Path) -> None:
    packed = pack("folder", tmp_path / "shards", root=root, packing=Packing(WEBP, 5_000))
    program = f"""
import json
from datasets import load_dataset
faces = load_dataset("parquet", data_files={[str(p) for p in packed.files]!r}, split="train")
image = faces[1]["image"]
kinds = {{name: str(getattr(kind, "dtype", "")) for name, kind in faces.features.items()}}
first = {{k: v for k, v in faces[1].items() if k != "image"}}
print(json.dumps([len(faces), type(image).__module__, image.size, image.mode, kinds, first]))
"""
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    n, module, size, mode, kinds, first = json.loads(done.stdout.splitlines()[-1])
    assert (n, size, mode) == (N, [32, 32], "RGB")
    assert module.startswith("PIL.")
    assert kinds["image"] == "PIL.Image.Image" and kinds["age"] == "float32"
    table = load_faces("folder", root).table
    assert first == {
        "age": 21.0,
        "sigma": 1.5,
        "identity": int(table.identity[1]),
        "gender": "male",
        "group": "b",
        "split": "train",
        "origin": table.content_keys()[1].tobytes().hex(),
    }
