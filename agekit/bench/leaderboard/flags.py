"""What makes a comparison unfair or a figure doubtful, in words."""

from __future__ import annotations

from collections.abc import Sequence

from agekit.bench.results.result import Evaluation, Result

__all__ = ["row_flags", "table_flags"]


def row_flags(
    results: Sequence[Result],
    baseline: Result | None,
    most_seeds: int,
    failed: Sequence[Result],
    has_faces: bool,
) -> list[str]:
    """What a reader of a row has to know.

    Args:
        results: its seeds.
        baseline: a result of the row that it is compared with.
        most_seeds: of any row of its table.
        failed: its seeds that have no figures.
        has_faces: whether its per-face estimates could be used.
    """
    first, out = results[0], []
    if len(results) < most_seeds:
        out.append(f"{len(results)} of {most_seeds} seeds")
    for result in failed:
        out.append(f"seed {result.seed} failed: {result.error.kind if result.error else ''}")
    if not has_faces:
        out.append("no per-face estimates that could be used: not ranked")
    if baseline is not None:
        for name, value in baseline.facts.items():
            if first.facts.get(name) != value:
                mine = _told(first.facts.get(name))
                out.append(f"{name} is {mine}, the baseline's {_told(value)}")
        if first.preset != baseline.preset:
            out.append(f"preset {_told(first.preset)}, the baseline's {_told(baseline.preset)}")
    if len({result.recipe_hash for result in results}) > 1:
        out.append("its seeds were trained with recipes that differ")
    if any(result.code is not None and not result.code.clean for result in results):
        out.append("the code was changed since its commit")
    return out


def table_flags(
    results: Sequence[Result],
    evaluations: Sequence[Evaluation],
    left_out: int,
    several_splits: bool,
    most_seeds: int,
) -> list[str]:
    """What a reader of a table has to know: leaks first.

    Args:
        results: one of each row.
        evaluations: theirs on the table's protocol.
        left_out: faces that not every row scored.
        several_splits: whether there are results on another split of the same name.
        most_seeds: of any row.
    """
    trained, scored = results[0].protocol, evaluations[0]
    out = []
    exclusive = {evaluation.subject_exclusive for evaluation in evaluations}
    if False in exclusive:
        out.append("subject overlap: there are people in more than one split, which flatters all")
    elif None in exclusive:
        out.append(
            "the data names nobody, so that people may be in more than one split; the bootstrap "
            "draws pictures, not people"
        )
    if scored.protocol == trained and scored.split in ("train", "all"):
        out.append("contamination: scored on faces that it was trained on")
    elif scored.protocol == trained and scored.split == "val":
        out.append("scored on the validation split, by which intervals are calibrated")
    elif scored.protocol != trained and _dataset(scored.protocol) == _dataset(trained):
        out.append("contamination: another protocol of the dataset that it was trained on")
    if several_splits:
        out.append("there are results on another split of this name; tables do not compare")
    if left_out:
        out.append(f"{left_out} faces were not scored by every row and are left out of the ranks")
    if most_seeds == 1:
        out.append("one training a row: how much trainings differ is in no interval here")
    presets = sorted({result.preset for result in results if result.preset})
    if presets:
        out.append(f"preset {', '.join(presets)}: not the schedule of the papers")
    return out


def _dataset(protocol: str) -> str:
    return protocol.partition(":")[0]


def _told(value: object) -> str:
    return "none" if value is None else str(value)
