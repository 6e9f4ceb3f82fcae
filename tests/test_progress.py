"""Progress, where there is a terminal and where there is none."""

from io import StringIO

import pytest
from rich.console import Console

from agekit import progress
from agekit.progress import ProgressBar, decoding


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)


@pytest.fixture
def screen():
    return Console(file=StringIO(), width=200)


def test_lines_tell_how_many_how_fast_and_how_long(often, screen):
    with ProgressBar(screen, "chips", 3) as bar:
        bar.step()
        bar.step(failed=1)
        bar.step()
    first, second = screen.file.getvalue().splitlines()
    assert first == "1 of 3 chips", "how long the first step took says nothing of the next"
    assert second.startswith("2 of 3 chips, ")
    assert second.endswith(" left, 1 failed")


def test_few_are_not_shown_and_none_shows_nothing(often, screen):
    for console in (screen, None):
        with ProgressBar(console, "images", 5, few=5) as bar:
            bar.step(4)
    assert screen.file.getvalue() == ""


def test_the_first_step_does_not_count_for_the_rate(monkeypatch, screen):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with ProgressBar(None, "chips", 9) as bar:
        for now[0] in (100.0, 102.0):
            bar.step(4)
        assert bar.rate == 2


def test_a_terminal_gets_a_bar_that_vanishes(screen):
    screen = Console(file=StringIO(), width=200, force_terminal=True)
    with ProgressBar(screen, "faces aged", 3) as bar:
        bar.step(2)
    assert "faces aged" in screen.file.getvalue()
    assert "\n" not in screen.file.getvalue().rstrip("\n").rpartition("\r")[2]


def test_decoding_says_what_is_decoded_and_nothing_else(screen):
    with decoding(screen, 64):
        pass
    assert screen.file.getvalue() == ""
    with decoding(screen, 64) as tell:
        tell(2, 3)
        tell(3, 3)
    first, last = screen.file.getvalue().splitlines()
    assert first == "decoding 3 images into the cache at 64 px"
    assert last.startswith("decoded 3 images, ")
