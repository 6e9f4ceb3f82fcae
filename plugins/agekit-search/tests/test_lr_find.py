"""The range test of the learning rate: its curve, what is read from it, and the command."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from agekit_search.picture import draw_curve
from agekit_search.range_test import Curve, RangeTest

from agekit.cli import main
from agekit.errors import ConfigError, TrainingError

RATES = np.geomspace(1e-6, 1, 100).tolist()


def bowl(fall: float, rise: float, steps: int = 100) -> Curve:
    """Flat, then falling around one rate, then rising steeply from another."""
    x = np.log10(RATES[:steps])
    losses = 3 - 2 / (1 + np.exp(-4 * (x - fall))) + np.exp(6 * (x - rise))
    return Curve(RATES[:steps], losses.tolist())


@pytest.mark.parametrize(("fall", "rise"), [(-3, -1), (-4, -2), (-2, -0.5)])
def test_the_rate_is_where_the_loss_falls_and_below_its_least(fall: float, rise: float) -> None:
    begin, least = bowl(fall, rise).best()
    assert abs(math.log10(begin) - fall) < 1
    assert begin < least < 10 ** (rise + 0.5)


def test_a_fall_from_a_spike_near_the_end_is_not_begun_with() -> None:
    curve = bowl(-3, -1)
    at = curve.rates.index(curve.best()[1]) - 8
    curve.losses[at] += 20
    begin, least = curve.best()
    assert begin <= least / 10


@pytest.mark.parametrize("losses", [[2.0] * 100, list(range(1, 101)), [1.0], []])
def test_a_loss_that_never_falls_is_told(losses: list[float]) -> None:
    with pytest.raises(TrainingError, match="falls at no learning rate"):
        Curve(RATES[: max(1, len(losses))], losses).best()


@pytest.mark.parametrize("last", [math.nan, math.inf, 1e9])
def test_a_loss_that_breaks_ends_the_test_and_not_the_curve(last: float, tmp_path) -> None:
    curve = bowl(-3, -1, 80)
    assert not curve.has_diverged
    told = curve.best()
    curve.rates.append(RATES[80])
    curve.losses.append(last)
    assert curve.has_diverged and curve.best() == told
    draw_curve(tmp_path / "curve.png", curve, *told)
    assert (tmp_path / "curve.png").stat().st_size > 5000


@pytest.mark.parametrize(
    "wrong", [{"low": 0.0}, {"low": 1.0}, {"high": math.inf}, {"low": math.nan}, {"steps": 2}]
)
def test_what_is_no_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        RangeTest(**wrong)


@pytest.mark.slow
def test_the_command_tells_a_rate_and_keeps_nothing(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = ["lr-find", "sord-resnet10-tiny", "synthfaces", "--protocol", "tiny", "--steps", "24"]
    words += ["--preset", "quick", "--set", "data.size=32", "--set", "train.batch_size=16"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--high", "0.1", "--plot", "rates.png", "--json"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert 1e-7 <= told["lr"] <= told["least"] / 10 <= 0.01
    rates = [step["lr"] for step in told["steps"]]
    assert len(rates) <= 24 and rates[0] == pytest.approx(1e-6)
    assert np.allclose(np.diff(np.log(rates)), np.log(1e5) / 23)
    assert (tmp_path / "rates.png").is_file() and not [*tmp_path.glob("agekit-*")]


def test_a_range_upside_down_is_wrong_usage(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(("lr-find", "reg-resnet18", "synthfaces", "--low", "1", "--high", "0.1"))
    assert left.value.code == 2 and "--low is to be below" in capsys.readouterr().err
