"""Flags of unfair comparisons and doubtful figures, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agekit.task import Ranking
from agekit_bench.report.format import cut_in_words
from agekit_bench.report.rows import Group
from agekit_bench.result import Evaluation, Result
from agekit_bench.result_files import canonical_hash
from agekit_bench.stats.comparison import Comparison

__all__ = ["row_flags", "table_flags"]


_FEW = 30
"""Fewer people or pictures than this have bootstrap intervals that are clearly too narrow."""
_SAME_MARGIN = 0.05
"""Margins that are measured on some dozens of faces may differ by so much and be the same."""
_CUT = ("alignment", "margin")
"""The facts that say how faces were cut."""
_CONDITIONS = ("data", "train")
"""The sections of a recipe that are conditions of a comparison, not the method."""
_FOR_PEOPLE = ("description", "expected", "source")
"""The keys of a recipe that are for people: no training depends on them."""


def row_flags(
    group: Group,
    baseline: Result | None,
    failed: Sequence[Result],
    *,
    most_seeds: int,
    most_faces: int,
    unranked: str,
) -> list[str]:
    """The flags of a row.

    Args:
        group: its seeds.
        baseline: a result of the row that it is compared with.
        failed: its seeds that have no figures.
        most_seeds: of any row of its table.
        most_faces: that any row scored.
        unranked: why it has no rank; "" where it has one.
    """
    results, out = [entry.result for entry in group.entries], []
    if len(results) < most_seeds:
        alone = ": its interval and rank are over faces alone" if len(results) == 1 else ""
        out.append(f"{len(results)} of {most_seeds} seeds{alone}")
    for result in failed:
        out.append(f"seed {result.seed} failed: {result.error.kind if result.error else ''}")
    if unranked:
        told = (line for entry in group.entries for line in entry.evaluation.remarks)
        out += [unranked, *dict.fromkeys(told)]
    if (fewest := min(entry.evaluation.n for entry in group.entries)) < most_faces:
        out.append(f"scored on {fewest} faces of {most_faces}")
    if baseline is not None:
        out += _differences_from(results[0], baseline)
    if differing := sorted({k for r in results for k in _differing(r.facts, results[0].facts)}):
        out.append(f"its seeds differ in {', '.join(map(_spaced, differing))}")
    if len({_trained_by(result) for result in results}) > 1:
        out.append("its seeds were trained with recipes that differ")
    if any(result.code is not None and not result.code.clean for result in results):
        out.append("the code was changed since its commit")
    return out


def _differences_from(result: Result, baseline: Result) -> list[str]:
    """Differences from the baseline besides the method."""
    mine, its = ({"backbone": r.backbone, **r.facts} for r in (result, baseline))
    differing = _differing(mine, its)
    out = [
        f"{_spaced(name)} is {_word(mine.get(name))}, the baseline's {_word(its.get(name))}"
        for name in differing
        if name not in _CUT
    ]
    if any(name in _CUT for name in differing):
        own, base = (cut_in_words(*(facts.get(name) for name in _CUT)) for facts in (mine, its))
        out.append(f"{own}, the baseline's: {base}")
    if result.preset != baseline.preset:
        out.append(f"preset {_word(result.preset)}, the baseline's {_word(baseline.preset)}")
    others = [
        f"{section}.{name}"
        for section in _CONDITIONS
        for name in _differing(_section(result, section), _section(baseline, section))
        if name not in mine
    ]
    return out + ([f"trained otherwise than the baseline: {', '.join(others)}"] if others else [])


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """The keys under which two mappings have not the same."""
    return [name for name in dict.fromkeys([*other, *one]) if one.get(name) != other.get(name)]


def _trained_by(result: Result) -> str:
    """A hash of its recipe, without what is said to people only."""
    recipe = result.recipe or {}
    return canonical_hash({key: value for key, value in recipe.items() if key not in _FOR_PEOPLE})


def _section(result: Result, name: str) -> Mapping[str, object]:
    found = (result.recipe or {}).get(name)
    return found if isinstance(found, Mapping) else {}


def table_flags(
    results: Sequence[Result],
    evaluations: Sequence[Evaluation],
    comparison: Comparison | None,
    ranking: Ranking | None,
    *,
    several_splits: bool,
    most_seeds: int,
    has_baseline: bool,
) -> list[str]:
    """The flags of a table: leaks first.

    Args:
        results: one of each row.
        evaluations: theirs on the table's protocol.
        comparison: of the rows face by face.
        ranking: what rows are ranked by.
        several_splits: whether there are results on another split of the same name.
        most_seeds: of any row.
        has_baseline: whether all are compared with one row, and so flagged where they differ.
    """
    first, scored = results[0], evaluations[0]
    out = [] if ranking is None or ranking.of_faces else [_ranked_by(ranking)]
    out += _leaks(first, scored, evaluations, comparison)
    out += _cut_otherwise(first, scored)
    if scored.shown_alignment != scored.data_alignment or scored.protocol != first.protocol:
        out += scored.remarks
    if several_splits:
        out.append("there are results on another split of this name; tables do not compare")
    out += _doubts(comparison, most_seeds)
    presets = sorted({result.preset for result in results if result.preset})
    if presets:
        out.append(f"preset {', '.join(presets)}, in place of the recipes' own schedule")
    facts = [_spaced(name) for r in results for name in _differing(r.facts, first.facts)]
    if facts and not has_baseline:
        out.append(f"rows differ in {', '.join(dict.fromkeys(facts))}")
    return out


def _ranked_by(ranking: Ranking) -> str:
    better = "more" if ranking.higher else "less"
    return (
        f"ranked by {ranking.title}, {better} is better, over trainings and not over faces; "
        "claims and differences to the baseline are of estimated ages alone"
    )


def _leaks(
    result: Result,
    scored: Evaluation,
    evaluations: Sequence[Evaluation],
    comparison: Comparison | None,
) -> Iterator[str]:
    """Ways in which faces or people that were trained on may be among those scored."""
    is_own = scored.protocol == result.protocol
    same_data = _dataset(scored.protocol) == _dataset(result.protocol)
    exclusive = {evaluation.subject_exclusive for evaluation in evaluations}
    if False in exclusive and same_data:
        yield "subject overlap: there are people in more than one split, which flatters all"
    elif None in exclusive:
        yield "the data names nobody, so that people may be in more than one split" + (
            "" if comparison is None else "; the bootstrap draws pictures, not people"
        )
    if is_own and scored.split in ("train", "all"):
        yield "contamination: scored on faces that it was trained on"
    elif is_own and scored.split == "val":
        yield "scored on the validation split, by which intervals are calibrated"
    elif not is_own and same_data:
        yield "contamination: another protocol of the dataset that it was trained on"


def _doubts(comparison: Comparison | None, most_seeds: int) -> Iterator[str]:
    """Why intervals and ranks may say less than they seem to."""
    if comparison is not None and comparison.left_out:
        yield (
            f"{comparison.left_out} faces were not scored by every row and are left out of the "
            "ranks"
        )
    if comparison is not None and comparison.cluster_count < _FEW:
        what = "people or pictures" if comparison.people else "pictures"
        yield f"intervals and ranks are of {comparison.cluster_count} {what}: too few to rely on"
    if most_seeds == 1:
        yield "one training a row: how much trainings differ is in no interval here, nor rank"
    if comparison is not None and any(rank.note == "seeds disagree" for rank in comparison.ranks):
        yield "seeds disagree about the order of rows: their ranks say so"


def _cut_otherwise(result: Result, scored: Evaluation) -> list[str]:
    """True if faces of other data are cut in another way than those that were trained on."""
    mine, its = result.facts.get("margin"), scored.margin
    if scored.alignment is None or not isinstance(mine, int | float) or its is None:
        return []
    alike = scored.alignment == result.facts.get("alignment")
    if alike and abs(mine - its) <= _SAME_MARGIN:
        return []
    own = cut_in_words(result.facts.get("alignment"), mine)
    return [
        "the faces scored are cut in another way than those trained on, which costs years: "
        f"{cut_in_words(scored.alignment, its)}, in training {own}"
    ]


def _dataset(protocol: str) -> str:
    return protocol.partition(":")[0]


def _word(value: object) -> str:
    return "none" if value is None else str(value)


def _spaced(name: str) -> str:
    return name.replace("_", " ")
