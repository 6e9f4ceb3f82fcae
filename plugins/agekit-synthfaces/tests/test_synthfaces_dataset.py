from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from agekit_synthfaces.dataset import PHOTOS, ROWS, SynthFaces
from agekit_synthfaces.face import person

from agekit.data.pool import FacePool
from agekit.data.split import load_faces


def test_the_rows() -> None:
    table = SynthFaces().read()
    assert len(table) == ROWS == 6000
    assert table.problems == ()
    assert (np.bincount(table.identity) == PHOTOS).all()
    ages = table.age.reshape(-1, PHOTOS)
    assert (ages[:, 0] != ages[:, 1]).all()
    assert np.unique(table.images.digests(), axis=0).shape == (6000, 16)
    women = [1 - person(0, int(i)).gender for i in table.identity[:40]]
    assert table.gender[:40].tolist() == women
    assert len({table.images.name(i) for i in range(6000)}) == 6000


def test_people_are_in_one_split() -> None:
    faces = load_faces("synthfaces")
    assert faces.shared_identities == 0
    assert faces.subject_exclusive
    shares = np.bincount(faces.codes) / ROWS
    assert np.abs(shares - [0.8, 0.1, 0.1]).max() < 0.02
    tiny = load_faces("synthfaces", None, "tiny")
    assert tiny.rows("all").tolist() == list(range(480))
    assert (tiny.codes[:480] == faces.codes[:480]).all()


def test_drawings_are_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path))
    images = SynthFaces().read().images.take(np.array([3, 0, 1]))
    again = pickle.loads(pickle.dumps(images))
    pool = FacePool.open(32)
    slots = pool.slots(images)
    for i in range(3):
        assert (pool.images[slots[i]] == again.decode(i, 32)).all()
    assert images.name(0) == "person-00001-1"
    assert (pool.images[slots[1]] != pool.images[slots[2]]).any()
