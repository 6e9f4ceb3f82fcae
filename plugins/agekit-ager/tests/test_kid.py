from __future__ import annotations

import itertools

import numpy as np
import pytest
from agekit_ager.kid import kid, mmd2


def direct(x: np.ndarray, y: np.ndarray) -> float:
    """The formula, term by term."""

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    m, n = len(x), len(y)
    xx = sum(k(a, b) for a, b in itertools.permutations(x, 2)) / (m * (m - 1))
    yy = sum(k(a, b) for a, b in itertools.permutations(y, 2)) / (n * (n - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


def test_mmd2_is_the_formula() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(7, 5)), random.normal(size=(4, 5)) + 0.5
    assert mmd2(x, y) == pytest.approx(direct(x, y), rel=1e-12)
    single = np.array([[1.0], [1.0]])
    assert mmd2(single, 0 * single) == pytest.approx(2**3 + 1 - 2 * 1)


def test_kid_is_the_mean_over_halves_and_near_the_whole() -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(60, 8)), random.normal(size=(41, 8)) + 1
    found = kid(x, y, seed=2)
    assert found is not None
    assert (found.n, found.subset) == ((60, 41), (30, 20))
    assert found.value == pytest.approx(direct(x, y), rel=0.1)
    assert found.interval[0] < direct(x, y) < found.interval[1]
    assert kid(x, y, seed=2) == found != kid(x, y, seed=3)


def test_kid_of_one_kind_of_faces_is_about_nothing() -> None:
    random = np.random.default_rng(4)
    found = kid(random.normal(size=(80, 8)), random.normal(size=(80, 8)))
    assert found is not None
    assert found.interval[0] < 0 < found.interval[1]


@pytest.mark.slow
def test_large_sets_give_subsets_of_a_thousand_and_a_narrower_interval() -> None:
    random = np.random.default_rng(5)
    x, y = random.normal(size=(4000, 2)), random.normal(size=(400, 2)) + 1
    found = kid(x, y)
    assert found is not None
    assert found.subset == (1000, 100)
    fewer = kid(x[:2000], y)
    assert fewer is not None
    assert fewer.subset == (1000, 200)
    width = found.interval[1] - found.interval[0]
    assert width == pytest.approx(fewer.interval[1] - fewer.interval[0], rel=0.5)


def test_few_faces_have_no_kid() -> None:
    x = np.zeros((9, 3))
    assert kid(x, np.ones((50, 3))) is None
