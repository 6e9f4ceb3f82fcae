"""The mathematics of prototypes, by numbers computed by hand and on faces of known statistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agekit_prototypes.bands import blur, normalise, split, to_rgb, to_ycc
from agekit_prototypes.calibration import STRENGTHS, calibrate, filled, strength_for
from agekit_prototypes.network import DECADES, NODES, PrototypeAger, interpolation, moved_by
from agekit_prototypes.registration import SIDE, learn_shape, registered
from agekit_prototypes.selection import chosen, seen, sharper
from agekit_prototypes.statistics import Statistics, kernel, logistic, shares
from agekit_testkit import check_generator

from agekit.errors import ConfigError
from agekit.faces.framing import CutByPoints, Reframed
from agekit.plugin import Faces, FaceTable

SIZE = 48


def noise(count, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, SIZE, SIZE, generator=draws) * 1.2 - 0.6


def years(*ages):
    return torch.tensor(ages, dtype=torch.float32)


@pytest.fixture(scope="module")
def ager():
    """Of women darker and of men lighter about the mouth as they grow old, with more detail."""
    made = PrototypeAger(side=24)
    for k, age in enumerate(NODES):
        made.means[0, k, 0, 14:20] = age / 400
        made.means[1, k, 0, 14:20] = -age / 400
        made.energies[:, k] = -8 + age / 40
    return made


def test_colours_come_back():
    ycc = to_ycc(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1))
    assert ycc.flatten().tolist() == pytest.approx([0.299, -0.168736, 0.5])
    x = noise(2)
    torch.testing.assert_close(to_rgb(to_ycc(x)), x)


def test_bands_add_up_to_the_picture_and_a_flat_one_has_none():
    x = noise(1)
    bands = split(x, 14.0)
    assert len(bands) == 5
    torch.testing.assert_close(sum(bands), x)
    for band in split(torch.full((1, 1, 9, 9), 0.4), 14.0)[:-1]:
        assert band.abs().max() < 1e-6


def test_a_blur_spreads_a_point_by_its_deviation():
    x = torch.zeros(1, 1, 41, 41)
    x[..., 20, 20] = 1
    rows = blur(x, 3.0)[0, 0].sum(0)
    ticks = torch.arange(41) - 20.0
    assert float((rows * ticks**2).sum()) == pytest.approx(9.0, rel=0.03)


def test_exposure_and_contrast_are_taken_and_told():
    x = to_ycc(noise(1) * 0.5 + 0.5)
    plain, scale = normalise(x, torch.ones(1, 1, SIZE, SIZE))
    brighter, _ = normalise(
        x * torch.tensor([1.3, 1, 1])[:, None, None] + 0.1, torch.ones(1, 1, SIZE, SIZE)
    )
    torch.testing.assert_close(plain, brighter, atol=1e-5, rtol=1e-4)
    assert plain.mean((2, 3)).abs().max() < 1e-6
    assert float(plain[:, 0].std()) == pytest.approx(0.15, rel=1e-3)
    assert scale[0, 1:].flatten().tolist() == [1, 1]


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
def test_the_own_age_gives_the_photo_back(ager, age):
    x = noise(2)
    made = ager(x, years(age, age), years(age, age))
    assert (made - x).abs().max() < 1 / 127.5


def test_nothing_changes_outside_of_the_face(ager):
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


def test_more_years_are_more_change_and_the_other_way_the_opposite(ager):
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
def test_nothing_moves_between_ages_of_one_shape(longer, age, to):
    _, moved = longer.changed(noise(1), years(age), years(to))
    assert moved.abs().max() == 0


def test_no_strength_draws_lines_of_the_means_as_black_as_it_is_strong():
    made = PrototypeAger(side=24)
    made.energies.fill_(-4)
    made.means[:, 0, 0, 9:11] = -1
    x = noise(1) * 0.5
    change = [
        float((made.changed(x, years(60), years(0), years(s))[0] - x)[..., 18:22, 20:28].mean())
        for s in (0.5, 1.0, 3.0)
    ]
    assert 0 > change[0] > change[1] > change[2] > 1.6 * change[1]


def test_nothing_moves_outside_of_the_face(longer):
    longer.shape.fill_(0)
    longer.shape[:, -1] = 0.05
    x = noise(2)
    made, moved = longer.changed(x, years(0, 0), years(85, 85))
    assert moved[:, 1, 24, 24].abs().min() > 0.04
    for edge in (np.s_[..., :2], np.s_[..., -2:], np.s_[..., 0, :]):
        assert (made[edge] == x[edge]).all()
        assert moved[edge].abs().max() == 0


def test_what_moves_by_whole_pixels_is_as_sharp_as_it_was():
    x = noise(1)
    moved = torch.zeros(1, 2, SIZE, SIZE)
    moved[:, 0, 10:20, 10:20] = 3 / SIZE
    moved[:, 1, 10:20, 10:20] = -2 / SIZE
    made = moved_by(x, moved)
    torch.testing.assert_close(made[..., 10:20, 10:20], x[..., 8:18, 13:23], atol=2e-4, rtol=0)
    assert (made[..., 20:, :] == x[..., 20:, :]).all()


def test_a_model_made_before_shapes_were_known_moves_nothing(ager):
    old = ager.state_dict()
    del old["shape"]
    made = PrototypeAger(side=24)
    made.shape.fill_(1)
    made.load_state_dict(old)
    _, moved = made.changed(noise(1), years(20), years(70))
    assert moved.abs().max() == 0


@pytest.mark.parametrize("cast", [(0, 0, 0), (0.1, 0, -0.1)])
def test_a_grey_or_brown_photo_gets_no_other_colour(cast):
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


def _squares(count, offsets):
    """Faces of two eyes and a mouth that lies some pixels lower."""
    faces = np.full((count, SIDE, SIDE, 3), 150, np.uint8)
    for face, down in zip(faces, offsets, strict=True):
        for y, x in ((41, 29), (41, 57)):
            face[y : y + 7, x : x + 10] = 60
        face[72 + down : 80 + down, 36:60] = 60
    return faces


def test_registration_finds_what_lies_lower():
    down = np.array([-3, 0, 3, 0] * 6)
    flow = registered(PrototypeAger(), _squares(24, down), np.ones((24, 48, 48), bool))
    mouth = flow[:, 74:78, 40:56, 1].mean((1, 2))
    assert np.corrcoef(mouth, down)[0, 1] > 0.95
    assert mouth[down > 0].mean() - mouth[down < 0].mean() > 2.5
    assert np.abs(flow[:, 42:46, 30:38]).mean() < 0.5
    assert np.abs(flow[..., :4, :]).max() == 0


def test_the_shape_of_each_age_is_the_mean_of_its_faces():
    ages, down = np.repeat([10.0, 60.0], 16), np.repeat([0, 4], 16)
    gender = np.arange(32) % 2
    made = PrototypeAger()
    share = shares(ages, gender, np.zeros(32, int))
    learn_shape(made, _squares(32, down), np.ones((32, 48, 48), bool), share)
    lower = (made.shape[:, 12] - made.shape[:, 2]).float()[:, 1, 19, -3:]
    assert lower.mean() * SIDE > 1.5
    assert made.shape.isfinite().all() and made.shape[:, 17].abs().max() == 0


def test_exposure_and_tint_stay(ager):
    x = noise(1) * 0.3
    made = ager(x, years(20), years(70))
    middle = np.s_[0, :, 12:36, 14:34]
    assert (made[middle].mean((1, 2)) - x[middle].mean((1, 2))).abs().max() < 0.03


def test_strong_detail_such_as_glasses_is_not_doubled(ager):
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


def test_an_unknown_gender_is_both(ager):
    x = noise(1)
    assert float(ager.women(to_ycc(x))) == 0.5
    with torch.no_grad():
        means, _ = ager._at(years(80), torch.tensor([0.5]), SIZE)
        men, _ = ager._at(years(80), torch.tensor([0.0]), SIZE)
    assert means.abs().max() < 1e-3 and float(men.max()) == pytest.approx(0.2, abs=1e-3)


def test_the_contract_of_generators():
    check_generator("prototypes", size=32, arguments={"side": 16})
    with pytest.raises(ConfigError, match=r"generator\.side: must be a multiple of 8"):
        PrototypeAger(side=20)


def test_faces_count_by_their_distance_in_years():
    [near] = kernel(np.array([30.0]))
    assert (
        near[6] == 1
        and near[5] == pytest.approx(np.exp(-0.5))
        and near[4] == pytest.approx(np.exp(-2))
    )
    assert near[3] == 0


def test_all_groups_count_alike_and_an_unknown_gender_half():
    ages = np.full(100, 30.0)
    groups = np.repeat([0, 1], [80, 20])
    share = shares(ages, np.zeros(100, int), groups)[0, 6]
    assert share[:80].sum() == pytest.approx(1) and share[80:].sum() == pytest.approx(1)
    few = shares(ages[:3], np.zeros(3, int), groups[:3])[0, 6]
    assert few.sum() == pytest.approx(3 / 12)
    both = shares(ages[:24], np.full(24, -1), groups[:24])[:, 6].sum(1)
    assert both == pytest.approx([1, 1])


def test_statistics_find_the_means_and_what_is_not_seen_does_not_count():
    draws = np.random.default_rng(0)
    faces = draws.integers(60, 200, (40, SIZE, SIZE, 3)).astype(np.uint8)
    faces[:, 30:36, 12:36] = 30
    wrong = faces.copy()
    wrong[20:, :8] = 255
    there = np.ones((40, 48, 48), bool)
    there[20:, :14] = False
    gender, ages = np.arange(40) % 2, np.full(40, 40.0)
    found = []
    for given in (faces, wrong):
        made = PrototypeAger(side=24)
        sums = Statistics(made, SIZE)
        for at in (slice(0, 24), slice(24, 40)):
            share = shares(ages, gender, np.zeros(40, int))[..., at]
            sums.add(given[at], there[at], share, gender[at])
        sums.finish()
        found.append(made)
    rows = found[0].means[0, 8, 0, :, 6:].float().mean(1)
    assert rows[16] < rows[11] - 0.1
    torch.testing.assert_close(found[0].means, found[1].means, atol=0.02, rtol=0)
    assert found[0].energies[:, 8].isfinite().all()


def test_genders_are_told_where_both_are_known():
    draws = torch.Generator().manual_seed(1)
    x = torch.randn(300, 4, generator=draws, dtype=torch.float64)
    y = (x[:, 0] + 0.3 * torch.randn(300, generator=draws, dtype=torch.float64) > 0).double()
    slope, bias = logistic(x, y)
    assert ((x @ slope + bias > 0) == (y > 0)).double().mean() > 0.85
    assert slope[0] > 5 * slope[1:].abs().max()


@pytest.mark.parametrize(
    ("shifts", "wanted", "strength"),
    [
        ((10, 20, 30, 40), 20, 1.5),
        ((10, 20, 30, 40), 15, 1.125),
        ((5, 9, 11, 12), 40, 3.0),
        ((-10, -20, -30, -40), -30, 2.25),
        ((10, 20, 30, 40), 1, 0.75),
        ((10, 20, 19, 18), 20, 1.5),
        ((-1, -2, -2, -3), 10, 3.0),
    ],
)
def test_the_strength_is_the_least_that_reaches_the_age(shifts, wanted, strength):
    assert strength_for(np.array(shifts, float), wanted) == pytest.approx(strength)


def test_what_was_not_tried_lies_between_its_neighbours():
    table = np.full((3, 5), np.nan)
    table[0, [0, 4]], table[2, [0, 4]] = (1, 3), (2, 2)
    assert filled(table).tolist() == [[1, 1.5, 2, 2.5, 3], [1.5, 1.75, 2, 2.25, 2.5], [2] * 5]
    assert (filled(np.full((2, 2), np.nan)) == 1.6).all()


def test_the_guide_sets_the_strength(ager):
    faces = np.random.default_rng(0).integers(60, 200, (6, SIZE, SIZE, 3)).astype(np.uint8)

    usual = faces[:4].astype(float).std((1, 2, 3))

    def guide(chips):
        return 30 + 400 * (chips.astype(float).std((1, 2, 3)) / usual - 1)

    made = PrototypeAger(side=24)
    made.load_state_dict(ager.state_dict())
    calibrate(made, faces, np.full(6, 30.0), guide, 4)
    assert made.strength.isfinite().all()
    assert STRENGTHS[0] <= made.strength.min() and made.strength.max() <= STRENGTHS[-1]
    assert made.calibrated(years(30), years(60)).item() == pytest.approx(made.strength[3, 6].item())
    assert len(DECADES) == made.strength.shape[0]


class Shown:
    """Images of one size, all alike."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def name(self, i):
        return str(i)

    def digests(self):
        return np.random.default_rng(0).integers(0, 256, (self.count, 16)).astype(np.uint8)

    def decode(self, i, size):
        return np.zeros((size or 100, size or 80, 3), np.uint8)

    def take(self, index):
        return Shown(len(index))


def test_as_many_faces_of_each_age_and_gender_are_chosen():
    ages = np.repeat([25.0, 65.0], [300, 60]).astype(np.float32)
    table = FaceTable.build(Shown(360), age=ages, gender=np.arange(360) % 2)
    faces = Faces(
        table, np.where(np.arange(360) % 6 == 5, 1, 0).astype(np.int8), "shown", "shown:all"
    )
    few = chosen(faces, 20)
    for code, most in ((0, 20), (1, 2)):
        assert ((few.codes == code) & (ages < 30) & (table.gender == 1)).sum() == most
        assert ((few.codes == code) & (ages > 30) & (table.gender == 1)).sum() <= most
    assert "of 360 faces, as many of each age" in few.drawn
    assert (
        chosen(faces, 1000).codes.tolist() == faces.codes.tolist() and not chosen(faces, 1000).drawn
    )


def test_a_photo_ends_where_its_face_was_cut():
    whole = np.array([[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.42, 0.6], [0.58, 0.6]])
    tight = (whole - 0.5) * 2 + 0.5
    inside = seen(Reframed(Shown(1), tight, whole), 0)
    assert inside.mean() == pytest.approx(0.25, abs=0.03) and inside[24, 24] and not inside[2].any()
    photo = (whole - 0.5) * 40 + [40, 50]
    inside = seen(CutByPoints(Shown(1), photo[None].astype(np.float32), whole), 0)
    assert inside.all()
    assert seen(Shown(1), 0).all()


def test_the_sharper_half_of_each_cell_is_kept():
    draws = np.random.default_rng(0)
    faces = [
        np.clip(128 + s * draws.standard_normal((64, 64, 3)), 0, 255).astype(np.uint8)
        for s in (1, 9, 20, 30)
    ]
    assert sharper(faces, np.array([0, 0, 1, 1])).tolist() == [False, True, False, True]
