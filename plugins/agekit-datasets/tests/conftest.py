"""A cache of each test's own, and photos whose faces a detector finds by their first pixels."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.chips.prepare import Workers, prepare
from agekit_datasets.encode import Encoding
from agekit_synthfaces import draw, person
from PIL import Image

from agekit.faces.align import standard

DETECTOR = '''
import os, time
from pathlib import Path
import numpy as np
from agekit.faces.align import frame
from agekit.faces.base import Detection, Detector

class Marked(Detector):
    """Faces at x, y, side, score (%), written as four pixels of red * 256 + green each."""

    def detect(self, images, *, min_face=None):
        print("looking")
        time.sleep(float(os.environ.get("MARKED_SECONDS", "0")))
        if os.environ.get("MARKED_FAILS"):
            raise RuntimeError("out of memory\\nand more")
        return [self._one(image) for image in images]

    def _one(self, image):
        row = image[0].astype(int)
        faces = []
        for k in range(row[0, 2]):
            x, y, side, score = row[1 + 4 * k : 5 + 4 * k, :2] @ [256, 1]
            box = np.array([x, y, x + side, y + side], np.float32)
            points = (frame(0.25) * side + [x, y]).astype(np.float32)
            faces.append(Detection(box, score / 100, points))
        return sorted(faces, key=lambda face: -face.area)
'''
Face = tuple[int, int, int, int]
WritePhoto = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "agekit-cache"
    monkeypatch.setenv("AGEKIT_CACHE", str(home))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)
    return home


@pytest.fixture
def marked(write_plugin) -> str:
    """The name of the detector, in this process, those it starts, and `run_agekit`."""
    write_plugin("marked", {"detector": {"marked": "marked:Marked"}}, {"marked.py": DETECTOR})
    return "marked"


@pytest.fixture
def write_photo() -> WritePhoto:
    return _write_photo


def _write_photo(path: Path, faces: Sequence[Face], seed: int = 0) -> Path:
    """A photo of 240 x 160 with drawn faces at x, y, side; in a format without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    photo = np.full((160, 240, 3), 90 + seed, np.uint8)
    photo[0] = 0
    photo[0, 0, 2] = len(faces)
    for k, face in enumerate(faces):
        x, y, side, _ = face
        photo[y : y + side, x : x + side] = draw(person(0, seed + k), 20 + seed, side)
        photo[0, 1 + 4 * k : 5 + 4 * k, :2] = [divmod(value, 256) for value in face]
    Image.fromarray(photo).save(path)
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    """A csv of eight photos: six with a face, one without, one that is no image."""
    root = tmp_path / "photos"
    rows = []
    for k in range(8):
        folder = "b" if k % 2 else "a"
        path = _write_photo(root / folder / f"p{k}.png", [(20 + 9 * k, 30, 96, 90)], k)
        if k == 3:
            _write_photo(path, [], k)
        if k == 5:
            path.write_bytes(path.read_bytes()[:200])
        group = ["tall", "short, small"][k % 2] if k else ""
        rows.append((f"{folder}/p{k}.png", 20 + k, k // 2 if k else "", "mf"[k % 2], group))
    with open(root / "labels.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "age", "identity", "gender", "race"), *rows])
    return root / "labels.csv"


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shared") / "ready"


@pytest.fixture
def ready(marked, photos, tmp_path, shared) -> Path:
    """The chips of `photos`, made once."""
    if not shared.exists():
        prepare(
            "csv",
            photos,
            shared,
            face=standard(0.25, marked),
            encoding=Encoding(64, "jpeg", 95),
            workers=Workers(1, "cpu"),
        )
    return shutil.copytree(shared, tmp_path / "ready")


@pytest.fixture
def contents() -> Callable[[Path], dict[str, str]]:
    """Every file of a prepared folder but the lock, and its hash."""

    def read(folder: Path) -> dict[str, str]:
        files = [p for p in folder.rglob("*") if p.is_file() and p.name != ".prepare.lock"]
        return {
            str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
        }

    return read
