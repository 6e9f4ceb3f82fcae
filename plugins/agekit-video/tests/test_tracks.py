"""Tracks and their ages, without a model."""

from __future__ import annotations

import numpy as np
import pytest
from agekit_synthfaces import draw, person
from agekit_video.smoothing import SHARED, smoothed
from agekit_video.tracks import Tracker

from agekit.plugin import Chip, Face

SCENE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
OTHER_SCENE = np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def chips():
    return [draw(person(k, k), 20 + 10 * k, 64) for k in range(4)]


def follow(steps):
    """The numbers of the tracks of each frame: steps of (seconds, scene, [(chip, x, y)])."""
    tracker = Tracker(0.9)
    out = []
    for k, (seconds, scene, seen) in enumerate(steps):
        boxes = [(x, y, x + 40.0, y + 40.0) for _, x, y in seen]
        found = [Chip(chip, box) for (chip, *_), box in zip(seen, boxes, strict=True)]
        faces = [Face(30.0, (20.0, 40.0), box) for box in boxes]
        out.append([track.number for track in tracker.add(k, seconds, scene, found, faces)])
    return out


def test_two_that_cross_stay_who_they_are(chips):
    a, b, *_ = chips
    steps = [(k / 5, SCENE, [(a, 10.0 * k, 0), (b, 100 - 10.0 * k, 0)]) for k in range(11)]
    assert follow(steps) == [[1, 2]] * 11
    turned = [(s, p, seen[::-1] if k % 2 else seen) for k, (s, p, seen) in enumerate(steps)]
    assert follow(turned) == [[2, 1] if k % 2 else [1, 2] for k in range(11)]


def test_a_quick_move_is_followed_by_what_the_face_looks_like(chips):
    a, b, *_ = chips
    assert follow([(0, SCENE, [(a, 0, 0)]), (0.2, SCENE, [(a, 24, 0)])]) == [[1], [1]]
    assert follow([(0, SCENE, [(a, 0, 0)]), (0.2, SCENE, [(b, 24, 0)])]) == [[1], [2]]
    assert follow([(0, SCENE, [(a, 0, 0)]), (0.2, SCENE, [(a, 400, 0)])]) == [[1], [2]]


def test_out_of_sight_for_a_while(chips):
    a, *_ = chips
    for away, numbers in ((1.5, [[1], [], [1]]), (2.5, [[1], [], [2]])):
        steps = [(0, SCENE, [(a, 0, 0)]), (0.2, SCENE, []), (away, SCENE, [(a, 5, 0)])]
        assert follow(steps) == numbers


def test_another_in_the_same_place_after_a_cut(chips):
    for a in chips:
        for b in chips:
            steps = [(0, SCENE, [(a, 0, 0)]), (0.2, OTHER_SCENE, [(b, 0, 0)])]
            assert follow(steps) == [[1], [1 if a is b else 2]]


def test_the_interval_narrows_as_far_as_the_errors_are_each_frames_own():
    one = smoothed([0.0], [30.0], [(20.0, 45.0)], 0.9)
    assert one == (30.0, (20.0, 45.0)), "that of one frame is its own"
    rng = np.random.default_rng(0)
    halves = []
    for n in (2, 10, 50, 1000):
        ages = (30 + rng.normal(0, 1, n)).tolist()
        age, (low, high) = smoothed(list(range(n)), ages, [(a - 10, a + 15) for a in ages], 0.9)
        assert age == pytest.approx(30, abs=1)
        halves.append((age - low) / 10)
        assert (high - age) / 15 == pytest.approx(halves[-1])
    assert halves == sorted(halves, reverse=True)
    assert SHARED**0.5 <= halves[-1] < SHARED**0.5 + 0.01, "and never as the root of the frames"


def test_frames_of_one_moment_are_one_look():
    ages, ends = [28.0, 32.0] * 10, [(20.0, 40.0)] * 20
    quick = smoothed([k / 1000 for k in range(20)], ages, ends, 0.9)[1]
    slow = smoothed(list(range(20)), ages, ends, 0.9)[1]
    assert quick[1] - quick[0] > slow[1] - slow[0]


def test_frames_that_disagree_widen_it():
    ends = [(20.0, 40.0)] * 8
    calm = smoothed([0.1 * k for k in range(8)], [30.0] * 8, ends, 0.9)[1]
    wild = smoothed([0.1 * k for k in range(8)], [10.0, 50.0] * 4, ends, 0.9)[1]
    assert wild[1] - wild[0] > calm[1] - calm[0]
    assert smoothed([0, 1], [5, 5], [(5, 5), (5, 5)]) == (5, (5, 5)), "no interval, no division"
