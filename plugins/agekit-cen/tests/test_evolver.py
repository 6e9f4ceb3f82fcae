from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from agekit_cen.evolver import Coupled

from agekit.errors import ConfigError
from agekit.recipe import LossTerm, resolve
from agekit.training.evolver import build_evolver


@dataclass
class Log:
    """Stands where a Trainer does, and writes down what it is asked to train."""

    asked: list = field(default_factory=list)

    def generation(self, number, terms, *, ancestor=None, online=False, inherit=False):
        self.asked.append((number, [t.type for t in terms], ancestor, online, inherit))
        return f"network {number}"


def evolver(**arguments):
    overrides = [f"evolver.{name}={value}" for name, value in arguments.items()]
    return build_evolver(resolve("cen-resnet18", overrides=overrides).recipe.evolver)


def test_each_generation_learns_from_the_one_before():
    log = Log()
    assert evolver(generations=3).run(log) == "network 3"
    assert log.asked == [
        (1, ["cross-entropy", "l1"], None, False, False),
        (2, ["evolved-ldl", "slack-l1"], "network 1", False, False),
        (3, ["evolved-ldl", "slack-l1"], "network 2", False, False),
    ]


def test_options_reach_the_offspring_alone():
    log = Log()
    evolver(generations=2, outputs="online", start="ancestor").run(log)
    assert [asked[2:] for asked in log.asked] == [(None, False, False), ("network 1", True, True)]


def test_terms_are_parsed_with_their_weights():
    built = evolver()
    assert [(t.head, t.weight) for t in built.offspring] == [("ldl", 1.0), ("reg", 4.0)]


def test_no_generation_at_all_is_refused():
    term = LossTerm(type="l1", head="reg")
    with pytest.raises(ConfigError, match="generations: must be at least 1"):
        Coupled(ancestor=[term], offspring=[term], generations=0)
