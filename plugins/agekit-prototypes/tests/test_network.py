"""The ager, on noise and on faces of known statistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agekit_prototypes.bands import mouth, oval, split, to_ycc
from agekit_prototypes.network import NODES, PrototypeAger, interpolation, moved_by
from agekit_testkit import check_generator

from agekit.errors import ConfigError

SIZE = 48


def years(*ages):
    return torch.tensor(ages, dtype=torch.float32)


@pytest.mark.parametrize(
    ("age", "at"),
    [
        (0, {0: 1}),
        (7, {1: 0.6, 2: 0.4}),
        (12.5, {2: 0.5, 3: 0.5}),
        (85, {17: 1}),
        (110, {17: 1}),
        (-3, {0: 1}),
    ],
)
def test_ages_lie_between_the_nodes_and_stop_at_the_ends(age, at):
    [weights] = interpolation(years(age), NODES).tolist()
    assert weights == pytest.approx([at.get(k, 0) for k in range(len(NODES))], abs=1e-5)


@pytest.mark.parametrize("age", [0, 3, 30, 61.5, 99])
def test_the_own_age_gives_the_photo_back(ager, age, noise):
    x = noise(2)
    made = ager(x, years(age, age), years(age, age))
    assert (made - x).abs().max() < 1 / 127.5


def test_nothing_changes_outside_of_the_face(ager, noise):
    x = noise(2)
    change = (ager(x, years(20, 70), years(80, 20)) - x).abs().amax((0, 1))
    assert change[:, :2].max() == 0 and change[:, -2:].max() == 0 and change[0].max() == 0
    assert change[24, 24] > 0.005


def test_hair_in_the_mean_foreheads_darkens_no_other():
    made = PrototypeAger(side=24)
    made.energies.fill_(-6)
    made.means[:, :6, 0, :6] = -0.4
    x = torch.full((1, 3, SIZE, SIZE), 0.2)
    change = made(x, years(70), years(20)) - x
    assert change[..., :8, :].abs().max() < 0.01
    made.means[:, :6, 0, 14:18] = -0.4
    assert (made(x, years(70), years(20)) - x)[..., 28:36, 20:28].mean() < -0.02


def test_more_years_are_more_change_and_the_other_way_the_opposite(ager, noise):
    x = noise(1) * 0.2
    here = np.s_[0, :, 32:36, 20:28]
    ages = [20, 30, 45, 60, 75]
    detail = [float(ager(x, years(20), years(to))[here].std()) for to in ages]
    assert detail == sorted(detail)
    assert float(ager(x, years(60), years(20))[here].std()) < float(x[here].std())


@pytest.fixture
def longer():
    """Of men alike of all ages whose mouths lie a twentieth of the side lower at 85 than at 0."""
    made = PrototypeAger(side=32)
    made.energies.fill_(-6)
    made.strength.fill_(1)
    for k, age in enumerate(NODES):
        made.shape[:, k, 1, 4:7] = 0.05 * age / 85
    return made


def test_places_move_by_the_difference_of_the_shapes(longer):
    x = torch.full((1, 3, SIZE, SIZE), -0.2)
    x[..., 35, 18:30] = 0.2
    made, moved = longer.changed(x, years(0), years(85))
    assert int((made - x)[0, 0, :, 24].argmax()) == 37
    assert float(moved[0, 1, 34, 24]) == pytest.approx(-0.05, abs=0.005)
    assert moved[0, 0].abs().max() < 1e-6
    back, _ = longer.changed(x, years(85), years(0))
    assert int((back - x)[0, 0, :, 24].argmax()) == 33
    half, _ = longer.changed(x, years(0), years(42.5))
    assert int((half - x)[0, 0, :, 24].argmax()) == 36


@pytest.mark.parametrize(("age", "to"), [(40, 40), (85, 110), (-3, 0)])
def test_nothing_moves_between_ages_of_one_shape(longer, age, to, noise):
    _, moved = longer.changed(noise(1), years(age), years(to))
    assert moved.abs().max() == 0


def test_no_strength_draws_lines_of_the_means_as_black_as_it_is_strong(noise):
    made = PrototypeAger(side=24)
    made.energies.fill_(-4)
    made.means[:, 0, 0, 9:11] = -1
    x = noise(1) * 0.5
    change = [
        float((made.changed(x, years(60), years(0), years(s))[0] - x)[..., 18:22, 20:28].mean())
        for s in (0.5, 1.0, 3.0)
    ]
    assert 0 > change[0] > change[1] > change[2] > 1.6 * change[1]


def test_eyes_take_no_more_of_the_light_however_strong():
    made = PrototypeAger(side=24)
    made.energies.fill_(-4)
    made.means[:, 0, 0, 10:13] = -0.3
    x = torch.zeros(1, 3, SIZE, SIZE)
    change = [
        (made.changed(x, years(60), years(0), years(s))[0] - x)[0, 0, 20:24] for s in (0.5, 3.0)
    ]
    eye, bridge = (torch.stack([c[:, at].mean() for c in change]) for at in (17, 24))
    assert eye[1] == pytest.approx(float(eye[0]), rel=0.1) and eye[0] < 0
    assert bridge[1] < 1.5 * bridge[0] < 0


def test_nothing_moves_outside_of_the_face(longer, noise):
    longer.shape.fill_(0)
    longer.shape[:, -1] = 0.05
    x = noise(2)
    made, moved = longer.changed(x, years(0, 0), years(85, 85))
    assert moved[:, 1, 24, 24].abs().min() > 0.04
    for edge in (np.s_[..., :2], np.s_[..., -2:], np.s_[..., 0, :]):
        assert (made[edge] == x[edge]).all()
        assert moved[edge].abs().max() == 0


def test_what_moves_by_whole_pixels_is_as_sharp_as_it_was(noise):
    x = noise(1)
    moved = torch.zeros(1, 2, SIZE, SIZE)
    moved[:, 0, 10:20, 10:20] = 3 / SIZE
    moved[:, 1, 10:20, 10:20] = -2 / SIZE
    made = moved_by(x, moved)
    torch.testing.assert_close(made[..., 10:20, 10:20], x[..., 8:18, 13:23], atol=2e-4, rtol=0)
    assert (made[..., 20:, :] == x[..., 20:, :]).all()


def test_a_model_made_before_shapes_were_known_moves_nothing(ager, noise):
    old = ager.state_dict()
    del old["shape"]
    made = PrototypeAger(side=24)
    made.shape.fill_(1)
    made.load_state_dict(old)
    _, moved = made.changed(noise(1), years(20), years(70))
    assert moved.abs().max() == 0


@pytest.mark.parametrize("cast", [(0, 0, 0), (0.1, 0, -0.1)])
def test_a_grey_or_brown_photo_gets_no_other_colour(cast, noise):
    made = PrototypeAger(side=24)
    made.energies.fill_(-6)
    made.means[:, -1, 1, 14:20] = 0.05
    grey = noise(1).mean(1, keepdim=True) * 0.5
    x = grey.expand(1, 3, SIZE, SIZE) + torch.tensor(cast)[:, None, None]
    change = made(x, years(20), years(85)) - x
    assert (change.amax(1) - change.amin(1)).max() < 1e-4
    coloured = x + 0.1 * noise(1, 3)
    made.means[:, :, 1] += 0.01
    change = made(coloured, years(20), years(85)) - coloured
    assert (change.amax(1) - change.amin(1)).max() > 0.02


def test_exposure_and_tint_stay(ager, noise):
    x = noise(1) * 0.3
    made = ager(x, years(20), years(70))
    middle = np.s_[0, :, 12:36, 14:34]
    assert (made[middle].mean((1, 2)) - x[middle].mean((1, 2))).abs().max() < 0.03


def test_strong_detail_such_as_glasses_is_not_doubled(ager, noise):
    x = torch.zeros(1, 3, SIZE, SIZE)
    x[..., 22, 12:36] = -0.9
    faint = x * 0.02 + noise(1) * 0.02
    before, after = (ager(faces, years(20), years(80)) - faces for faces in (x, faint))
    share = [
        float(c[..., 22, 14:34].abs().mean() / f[..., 22, 14:34].abs().mean())
        for c, f in ((before, x), (after, faint))
    ]
    assert share[0] < 0.25 < share[1]


def test_a_flat_face_gets_no_detail_that_its_photo_cannot_have(ager):
    x = torch.full((1, 3, SIZE, SIZE), 0.1)
    made = ager(x, years(20), years(80))
    fine = split(to_ycc(made - x), ager.eyes * SIZE)[0]
    assert fine.abs().max() < 0.004


def test_a_mouth_gets_less_detail_as_it_ages_and_loses_as_much_as_it_grows_young(
    ager, noise, monkeypatch
):
    x, lips = noise(1), mouth(ager.points, SIZE) > 0
    made = [ager(x, years(20), years(80)), ager(x, years(80), years(20))]
    monkeypatch.setattr("agekit_prototypes.network.MOUTH", 0.0)
    plain = [ager(x, years(20), years(80)), ager(x, years(80), years(20))]
    assert torch.equal(made[1], plain[1])
    assert torch.equal(made[0][..., ~lips], plain[0][..., ~lips])
    change = [float((one[0] - x)[..., lips].abs().mean()) for one in (made, plain)]
    assert change[0] < 0.8 * change[1]


def test_an_unknown_gender_is_both(ager, noise):
    x = noise(1)
    assert float(ager.women(to_ycc(x), oval(ager.points, SIZE))) == 0.5
    with torch.no_grad():
        means, _ = ager._at(years(80), torch.tensor([0.5]), SIZE)
        men, _ = ager._at(years(80), torch.tensor([0.0]), SIZE)
    assert means.abs().max() < 1e-3 and float(men.max()) == pytest.approx(0.2, abs=1e-3)


def test_the_contract_of_generators():
    check_generator("prototypes", size=32, arguments={"side": 16})
    with pytest.raises(ConfigError, match=r"generator\.side: must be a multiple of 8"):
        PrototypeAger(side=20)
