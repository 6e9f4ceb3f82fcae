from __future__ import annotations

import numpy as np

from agekit.inference.draw import place_labels

BOUNDS = (300, 200)


def overlap(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)


def inside(label):
    return label[0] >= 0 and label[1] >= 0 and label[2] <= BOUNDS[0] and label[3] <= BOUNDS[1]


def test_a_label_goes_above_its_box_where_there_is_room():
    assert place_labels([(50, 60, 100, 120)], [(40, 10)], BOUNDS, gap=2) == (
        [(50, 48, 90, 58)],
        True,
    )
    assert place_labels([], [], BOUNDS, gap=2) == ([], True)


def test_at_every_border_the_label_stays_inside_and_off_its_box():
    for box in [(0, 0, 40, 50), (260, 0, 300, 50), (0, 150, 40, 200), (260, 150, 300, 200)]:
        (label,), clear = place_labels([box], [(80, 12)], BOUNDS, gap=2)
        assert inside(label)
        assert overlap(label, box) == 0
        assert clear


def test_a_box_as_large_as_the_picture_has_its_label_within():
    (label,), clear = place_labels([(0, 0, 300, 200)], [(80, 12)], BOUNDS, gap=2)
    assert inside(label)
    assert clear
    (label,), _ = place_labels([(0, 0, 300, 200)], [(400, 12)], BOUNDS, gap=2)
    assert label[0] == 0


def test_neighbours_keep_out_of_each_others_way():
    boxes = [(20 + 50 * k, 80, 60 + 50 * k, 130) for k in range(5)]
    labels, clear = place_labels(boxes, [(75, 12)] * 5, BOUNDS, gap=2)
    assert clear
    for k, label in enumerate(labels):
        assert inside(label)
        assert not any(overlap(label, other) for other in labels[:k] + boxes)


def test_where_there_is_no_room_it_says_so():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 150, (60, 2))
    boxes = [(x, y, x + 50, y + 50) for x, y in corners]
    labels, clear = place_labels(boxes, [(80, 20)] * 60, BOUNDS, gap=2)
    assert not clear
    assert all(map(inside, labels))
