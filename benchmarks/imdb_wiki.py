"""What it takes to read IMDB-WIKI: seconds, memory and rows kept, from a .mat of the real size.

Run ``python benchmarks/imdb_wiki.py``. The labels are drawn with seed 0 in the real layout, the
images are links to a few small files, all in a temporary folder; ``--root DIR`` reads a real copy
instead. Exits with 1 if reading takes 30 seconds or 2 GB, or more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

ROWS = 523_051
SHARE_OF_IMDB = 460_723 / ROWS
SECONDS = 30.0
BYTES = 2 * 10**9
LINKS = 10_000
"""How many names one file gets; file systems allow 65,000 or fewer."""

INT8, INT32, UINT32, DOUBLE, MATRIX, COMPRESSED, UTF8 = 1, 5, 6, 9, 14, 15, 16
CELL, STRUCT, CHAR, DOUBLES = 1, 2, 4, 6
"""Types of data and classes of matrices in Matlab's format of version 5."""


def main() -> None:
    """Writes the data, reads it in a process of its own and tells what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="of both parts together")
    parser.add_argument("--root", type=Path, help="a real copy to read instead")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = options.root or generate(Path(folder), options.rows)
        command = [sys.executable, __file__, "--measure", str(root)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result = json.loads(told)
    if options.json:
        print(told, end="")
    else:
        print(f"python {platform.python_version()}, {os.cpu_count()} cores, seed 0")
        spent = f"{result['seconds']:.1f} s, {result['cpu_seconds']:.1f} s of them on a core"
        print(f"  {spent}, {result['bytes'] / 2**20:,.0f} MiB at most")
        print(f"  {result['kept']:,} rows kept: {result['splits']}")
        print("\n".join(f"  {line}" for line in result["problems"]))
    sys.exit(result["seconds"] >= SECONDS or result["bytes"] >= BYTES)


def measure(root: Path) -> dict[str, Any]:
    """Reads and splits the dataset: seconds, bytes of memory at most, and what came of it."""
    from agekit.data.split import load_faces
    from agekit.data.table import SPLITS

    start = time.perf_counter()
    busy = time.process_time()
    faces = load_faces("imdb-wiki", root)
    seconds = time.perf_counter() - start
    busy = time.process_time() - busy
    problems = [f"{p.kind}: {p.name}: {p.detail}" for p in faces.problems]
    return {
        "seconds": seconds,
        "cpu_seconds": busy,
        "bytes": peak(),
        "kept": len(faces.table),
        "splits": {split: int((faces.codes == i).sum()) for i, split in enumerate(SPLITS)},
        "shared_identities": faces.shared_identities,
        "problems": problems[:10],
    }


def peak() -> int:
    """The most bytes of memory this process has held."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


def generate(root: Path, rows: int) -> Path:
    """Writes both parts below `root`."""
    imdb = round(rows * SHARE_OF_IMDB)
    for part, count in (("imdb", imdb), ("wiki", rows - imdb)):
        write_part(root / f"{part}_crop", part, count)
    return root


def write_part(folder: Path, part: str, rows: int) -> None:
    """Writes one part: the .mat, and a file for every row."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    person = np.sort(rng.integers(0, max(rows // 20, 1), rows))
    born = rng.integers(690_000, 730_000, rows)
    taken = rng.integers(1960, 2016, rows)
    first, second = ("nm", "_rm") if part == "imdb" else ("", "_")
    paths = [
        f"{p % 100:02d}/{first}{p:07d}{second}{i:010d}_1968-01-01_{year}.jpg"
        for i, (p, year) in enumerate(zip(person.tolist(), taken.tolist(), strict=True))
    ]
    score = np.where(rng.random(rows) < 0.15, -np.inf, rng.uniform(0, 6, rows))
    fields = {
        "dob": doubles(born),
        "photo_taken": doubles(taken),
        "full_path": cells(paths),
        "gender": doubles(rng.choice([0, 1, np.nan], rows, p=[0.4, 0.58, 0.02])),
        "name": cells([f"Person {p:09d}" for p in person.tolist()]),
        "face_location": boxes(rng.uniform(0, 500, (rows, 4))),
        "face_score": doubles(score),
        "second_face_score": doubles(np.where(rng.random(rows) < 0.6, np.nan, score - 1)),
        "celeb_id": doubles(person + 1),
    }
    with open(folder / f"{part}.mat", "wb") as file:
        write_struct(file, part, fields)
    link(folder, paths)


def link(folder: Path, paths: list[str]) -> None:
    """Makes a file of every path, each a link to one of a few."""
    for below in sorted({path[:2] for path in paths}):
        (folder / below).mkdir()
    for start in range(0, len(paths), LINKS):
        first = folder / paths[start]
        first.write_bytes(b"no image")
        for path in paths[start + 1 : start + LINKS]:
            os.link(first, f"{folder}/{path}")


def write_struct(file: IO[bytes], name: str, fields: dict[str, bytes]) -> None:
    """Writes a Matlab file of version 5 with one compressed struct."""
    names = b"".join(field.encode().ljust(32, b"\0") for field in fields)
    body = b"".join(
        [
            tagged(UINT32, struct.pack("<II", STRUCT, 0)),
            tagged(INT32, struct.pack("<ii", 1, 1)),
            tagged(INT8, name.encode()),
            struct.pack("<HHi", INT32, 4, 32),
            tagged(INT8, names),
            *fields.values(),
        ]
    )
    packed = zlib.compress(tagged(MATRIX, body), level=1)
    file.write(b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM")
    file.write(struct.pack("<II", COMPRESSED, len(packed)) + packed)


def tagged(kind: int, data: bytes) -> bytes:
    """An element of the format: its type, its length, its bytes filled up to eight."""
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def doubles(values: NDArray[Any]) -> bytes:
    """A row of numbers."""
    return head(DOUBLES, (1, len(values)), tagged(DOUBLE, values.astype("<f8").tobytes()))


def cells(texts: list[str]) -> bytes:
    """A row of cells that hold texts of one length."""
    size = len(texts[0])
    held = head(CHAR, (1, size), tagged(UTF8, b"\0" * size))
    data = np.array(texts, f"S{size}").view(np.uint8).reshape(len(texts), size)
    return row_of(held, data, UTF8)


def boxes(values: NDArray[np.float64]) -> bytes:
    """A row of cells that hold (1, 4) numbers."""
    held = head(DOUBLES, (1, 4), tagged(DOUBLE, b"\0" * 32))
    return row_of(held, values.astype("<f8").view(np.uint8), DOUBLE)


def row_of(held: bytes, data: NDArray[np.uint8], kind: int) -> bytes:
    """A row of cells that are like `held` but for their data, (N, bytes)."""
    rows = np.tile(np.frombuffer(held, np.uint8), (len(data), 1))
    start = held.index(struct.pack("<II", kind, data.shape[1])) + 8
    rows[:, start : start + data.shape[1]] = data
    return head(CELL, (1, len(data)), rows.tobytes())


def head(kind: int, shape: tuple[int, int], data: bytes) -> bytes:
    """A matrix without a name."""
    flags = tagged(UINT32, struct.pack("<II", kind, 0))
    size = tagged(INT32, struct.pack("<ii", *shape))
    return tagged(MATRIX, flags + size + tagged(INT8, b"") + data)


if __name__ == "__main__":
    main()
