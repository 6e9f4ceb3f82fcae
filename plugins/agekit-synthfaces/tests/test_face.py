from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from itertools import pairwise

import cv2
import numpy as np
import pytest
from agekit_synthfaces import draw, person

from agekit.errors import DataError

_HASHES = """
import hashlib
from agekit_synthfaces import draw, person
for index in (5, 2, 0):
    for size, variation in ((64, 0), (128, None), (160, 3)):
        picture = draw(person(9, index), 11.0 * index + 3, size, variation)
        print(index, size, hashlib.sha256(picture.tobytes()).hexdigest())
"""


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())


def test_same_bytes_in_every_process_and_order(monkeypatch: pytest.MonkeyPatch):
    outputs = []
    for threads in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", threads)
        monkeypatch.setenv("OPENCV_FOR_THREADS_NUM", threads)
        done = subprocess.run(
            [sys.executable, "-c", _HASHES], capture_output=True, text=True, check=True
        )
        outputs.append(done.stdout.split())
    here = []
    for index in (0, 2, 5):
        for size, variation in ((64, 0), (128, None), (160, 3)):
            picture = draw(person(9, index), 11.0 * index + 3, size, variation)
            here.append((index, size, hashlib.sha256(picture.tobytes()).hexdigest()))
    rows = [tuple(outputs[0][at : at + 3]) for at in range(0, 27, 3)]
    assert outputs[0] == outputs[1]
    assert sorted(rows) == sorted((str(i), str(size), digest) for i, size, digest in here)


def test_the_package_is_light():
    code = "import sys, agekit_synthfaces; print({'numpy', 'cv2', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_threads_of_opencv_do_not_matter():
    threads = cv2.getNumThreads()
    try:
        pictures = []
        for number in (1, 3):
            cv2.setNumThreads(number)
            pictures.append(draw(person(1, 4), 66, 384, 2))
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(*pictures)


@pytest.mark.parametrize("size", [16, 64, 100, 128, 224, 301])
def test_shape_and_type(size: int):
    for age, variation in ((0, None), (37.5, 1), (110, 12)):
        picture = draw(person(0, size), age, size, variation)
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous
        assert picture.std() > 15


@pytest.mark.parametrize(
    ("age", "size", "variation"),
    [(-0.1, 64, 0), (110.5, 64, 0), (float("nan"), 64, 0), (30, 8, 0), (30, 4096, 0), (30, 64, -1)],
)
def test_out_of_range(age: float, size: int, variation: int):
    with pytest.raises(DataError, match="synthfaces"):
        draw(person(0, 0), age, size, variation)


@pytest.mark.slow
@pytest.mark.parametrize("index", [3, 5])
def test_age_changes_the_picture_smoothly(index: int):
    who = person(2, index)
    last = draw(who, 0, 64, None)
    steps = []
    for age in np.arange(0.25, 100, 0.25):
        now = draw(who, float(age), 64, None)
        steps.append(_difference(now, last))
        last = now
    assert max(steps) < 2.8
    assert max(steps[64:]) < 1.0
    assert all(abs(b - a) < 0.9 for a, b in pairwise(steps))
    decades = [draw(who, age, 64, None) for age in range(0, 100, 10)]
    assert all(_difference(a, b) > 0.3 for a, b in pairwise(decades))


def test_a_person_stays_the_person():
    for index in range(6):
        for age in (3, 25, 70):
            base = draw(person(4, index), age, 64, None)
            older = draw(person(4, index), age + 1, 64, None)
            other = draw(person(4, index + 1), age, 64, None)
            assert 2 * _difference(base, older) < _difference(base, other)


def test_variations_differ():
    pictures = [draw(person(0, 8), 40, 64, variation) for variation in (None, 0, 1, 2)]
    for at, first in enumerate(pictures):
        assert all(_difference(first, second) > 3 for second in pictures[at + 1 :])


def test_fast_enough():
    people = [person(11, index) for index in range(70)]
    for who in people[:10]:
        draw(who, 50)
    start = time.process_time()
    for at, who in enumerate(people[10:]):
        draw(who, 1.4 * at)
    assert 60 / (time.process_time() - start) > 60
