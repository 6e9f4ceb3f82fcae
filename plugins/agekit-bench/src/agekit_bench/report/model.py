"""The data of a leaderboard."""

from __future__ import annotations

from dataclasses import dataclass, field

from agekit.task import Ranking
from agekit_bench.report.papers import PaperTable
from agekit_bench.stats.comparison import Difference
from agekit_bench.stats.intervals import Interval, Spread
from agekit_bench.stats.subgroups import CheckScore, PartScore

__all__ = [
    "Answer",
    "Facts",
    "Failure",
    "Finding",
    "Leaderboard",
    "MachineSummary",
    "Row",
    "RunEntry",
    "SuiteReport",
    "Table",
]


@dataclass(frozen=True)
class Answer(Difference):
    """True if one row errs less than another, or several do on average, each than its own other.

    Attributes:
        of: what is compared, as far as the claim leaves it open.
    """

    of: str


@dataclass(frozen=True)
class Finding:
    """A claim, and what the figures say of it.

    Attributes:
        claim: one sentence without its full stop.
        answers: one for each pair of rows that it is about, and one for several together.
    """

    claim: str
    answers: list[Answer]


Facts = dict[str, str | int | float | bool | None]


@dataclass(frozen=True)
class RunEntry:
    """One seed of a row.

    Attributes:
        seed: of the training.
        href: of its result file, relative to the page.
        predictions: of its per-face estimates, likewise; None where there are none.
        metrics: of the generation and protocol of the row.
        train_seconds: wall clock of all generations; None of one that others followed.
        evaluate_seconds: wall clock.
        memory: peak bytes, of the GPU where one was used.
        energy: joules.
        machine: what it ran on, one line.
        commit: of agekit, ``+`` after it where something was changed since; empty if unknown.
        recipe_hash: of the resolved recipe.
    """

    seed: int
    href: str
    predictions: str | None
    metrics: dict[str, float]
    train_seconds: float | None
    evaluate_seconds: float | None
    memory: int | None
    energy: float | None
    machine: str
    commit: str
    recipe_hash: str


@dataclass(frozen=True)
class Row:
    """A row of a table: a recipe over its seeds.

    Attributes:
        anchor: unique on the page.
        label: as the suite calls it.
        detail: backbone, generation and overrides, as far as they tell it from others.
        recipe: its name.
        method: the recipe without its backbone.
        backbone: its registry name.
        generation: whose figures these are.
        rank: 1 the best; ties share one; None where there are no predictions to tell.
        rank_note: what is to be said with it: ``one seed`` or ``seeds disagree``; "" if nothing.
        metrics: figures over the seeds.
        interval: of the MAE, 95 %: over faces and seeds, or of one seed over faces alone.
        difference: by how many years its MAE is above the baseline's, and the paired interval.
        difference_seeds: trainings of each that the difference is over; 0 without one.
        difference_opposed: how many of these put the rows in the other order.
        is_baseline: whether it is the baseline, or one of them.
        parameters: of the model.
        train_seconds: wall clock of all generations; None of one that others followed.
        rate: faces in a second; see the table's `rate_of`. None where it was not measured.
        level: the share of faces that its intervals are meant to hold.
        facts: what a fair comparison pins.
        flags: what a reader has to know, one line each.
        command: what trains and scores it anew.
        runs: its seeds.
        parts: on all faces, and by age, gender and group.
        checks: in tests of age.
    """

    anchor: str
    label: str
    detail: str
    recipe: str
    method: str
    backbone: str
    generation: int
    rank: int | None
    rank_note: str
    metrics: dict[str, Spread]
    interval: Interval | None
    difference: tuple[float, Interval] | None
    difference_seeds: int
    difference_opposed: int
    is_baseline: bool
    parameters: int | None
    train_seconds: Spread | None
    rate: float | None
    level: float | None
    facts: Facts
    flags: list[str]
    runs: list[RunEntry]
    command: str = ""
    parts: list[PartScore] = field(default_factory=list)
    checks: list[CheckScore] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its label, with what tells it from others of that label."""
        return f"{self.label} ({self.detail})" if self.detail else self.label

    @property
    def is_best(self) -> bool:
        """True if it has rank 1, and nothing is to be said against it."""
        return self.rank == 1 and not self.rank_note

    @property
    def train_faces(self) -> int | None:
        """The number of faces it was trained on, where that is kept."""
        found = self.facts.get("train_faces")
        return found if isinstance(found, int) else None

    @property
    def memory(self) -> int | None:
        """Peak bytes of any seed."""
        return max((run.memory for run in self.runs if run.memory), default=None)

    @property
    def energy(self) -> float | None:
        """Joules, mean over the seeds that tell."""
        known = [run.energy for run in self.runs if run.energy is not None]
        return sum(known) / len(known) if known else None

    @property
    def to_baseline(self) -> Difference | None:
        """The difference and what it is over."""
        if self.difference is None:
            return None
        return Difference(*self.difference, self.difference_seeds, self.difference_opposed)


@dataclass(frozen=True)
class Table:
    """Rows that were trained on one split, and scored on the same faces.

    Attributes:
        anchor: unique on the page.
        trained_on: a protocol.
        scored_on: a protocol.
        split: which part of it.
        split_hash: of `scored_on`.
        n: faces scored, of the row with the most.
        common: faces that every ranked row scored.
        people: how many are named among those; 0 of data that names nobody.
        ranking: what the rows are ranked by; None where nothing says.
        baseline: what the rows are compared with: a row, or the first generation of each.
        facts: what all rows have in common of what a fair comparison pins.
        rate_of: what the rows' rates are of; empty where none were measured.
        rate_href: of the file that has them, relative to the page.
        flags: what a reader has to know, one line each.
        rows: the best first.
        findings: what the rows say of the suite's claims.
    """

    anchor: str
    trained_on: str
    scored_on: str
    split: str
    split_hash: str
    n: int
    common: int
    people: int
    ranking: Ranking | None
    baseline: str | None
    facts: Facts
    rate_of: str
    rate_href: str | None
    flags: list[str]
    rows: list[Row]
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Failure:
    """A cell that has no figures.

    Attributes:
        row: its label.
        recipe: its name.
        protocol: what it was to be trained on.
        seed: of it.
        kind: what happened.
        message: one line.
        href: of its result file.
    """

    row: str
    recipe: str
    protocol: str
    seed: int
    kind: str
    message: str
    href: str


@dataclass(frozen=True)
class SuiteReport:
    """The results of a suite.

    Attributes:
        name: the suite's.
        description: one line.
        source: the paper whose table it is.
        tables: by what was trained on and scored on.
        failures: the cells without figures.
    """

    name: str
    description: str
    source: str
    tables: list[Table]
    failures: list[Failure]


@dataclass(frozen=True)
class MachineSummary:
    """A machine that results come from.

    Attributes:
        name: one line.
        versions: of what it had installed, ``name version``.
        results: how many results come from it.
    """

    name: str
    versions: list[str]
    results: int


@dataclass(frozen=True)
class Leaderboard:
    """Everything on the page.

    Attributes:
        standings: by suite.
        printed: the papers' tables.
        makers: the machines.
        remarks: files that were left out, and why.
    """

    standings: list[SuiteReport]
    printed: list[PaperTable]
    makers: list[MachineSummary]
    remarks: list[str]
