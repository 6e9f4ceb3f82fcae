from __future__ import annotations

import numpy as np
import pytest
from agekit_synthfaces.growth import (
    ADULT_STRAIN,
    ORIGIN,
    cardioidal_strain,
    grow,
    rise,
    smoothstep,
    strain_at,
)


def test_strain_by_hand():
    # theta = 90 degrees, R = 2, k = 0.1: R' = 2 (1 + 0.1 (1 - 0)) = 2.2
    # theta = 180 degrees, R = 1: R' = 1 + 0.1 * 2 = 1.2; theta = 0: unmoved
    # (3, 4) lies down and right: R = 5, cos theta = -0.8, R' = 5 * 1.18 = 5.9 -> (3.54, 4.72)
    points = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, -1.0], [3.0, 4.0], [0.0, 0.0]])
    grown = cardioidal_strain(points, 0.1, origin=(0.0, 0.0))
    expected = [[2.2, 0.0], [0.0, 1.2], [0.0, -1.0], [3.54, 4.72], [0.0, 0.0]]
    np.testing.assert_allclose(grown, expected, atol=1e-12)


def test_grown_head_is_the_strained_newborn():
    adult = np.random.default_rng(0).uniform(-0.8, 0.8, (50, 2))
    np.testing.assert_allclose(grow(adult, ADULT_STRAIN), adult, atol=1e-12)
    newborn = grow(adult, 0.0)
    np.testing.assert_allclose(cardioidal_strain(newborn, 0.07), grow(adult, 0.07), atol=1e-12)
    np.testing.assert_allclose(cardioidal_strain(newborn, ADULT_STRAIN), adult, atol=1e-12)


def test_growth_lowers_the_chin_and_leaves_the_crown():
    crown, chin = np.array([[0.0, -0.8]]), np.array([[0.0, 0.735]])
    np.testing.assert_allclose(grow(crown, 0.0), crown, atol=1e-12)
    reach = (chin[0, 1] - ORIGIN[1]) / (1 + 2 * ADULT_STRAIN)
    assert grow(chin, 0.0)[0, 1] == pytest.approx(ORIGIN[1] + reach)


@pytest.mark.parametrize("female", [True, False])
def test_strain_grows_until_adulthood(female: bool):
    ages = np.linspace(0, 110, 441)
    k = np.array([strain_at(float(age), female) for age in ages])
    assert k[0] == 0
    assert np.all(np.diff(k) >= 0)
    assert k[-1] == pytest.approx(ADULT_STRAIN)
    assert k[ages == 21][0] == pytest.approx(ADULT_STRAIN, rel=1e-3)


def test_ramps():
    assert smoothstep(1.0, 2.0, 4.0) == 0
    assert smoothstep(3.0, 2.0, 4.0) == 0.5
    assert smoothstep(9.0, 2.0, 4.0) == 1
    assert rise(20.0, 30.0, 10.0) == 0
    assert rise(40.0, 30.0, 10.0) == pytest.approx(1 - np.exp(-1))
