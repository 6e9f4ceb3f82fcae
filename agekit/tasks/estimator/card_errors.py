"""The errors of an estimator, overall and by age, gender and group, for its card."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from agekit.errors import counted
from agekit.tasks.estimator.config import IntervalConfig
from agekit.zoo.cards.text import code, figure, interval, mapping, plain, table

__all__ = ["error_section", "headline", "scored_split"]

SCORED = ("test", "val")
FEW = 30
"""Faces; fewer say little of a group."""
_COLUMNS = (
    ("MAE", "mae", ".2f"),
    ("95% interval", "mae_interval", ".2f"),
    ("bias", "bias", "+.2f"),
    ("CA(5)", "ca5", ".1%"),
    ("CS@5", "cs5", ".1%"),
    ("epsilon-error", "epsilon", ".3f"),
    ("coverage", "coverage", ".1%"),
    ("width", "interval_width", ".1f"),
)
_GROUPS = (("by_gender", "gender"), ("by_group", "group"))


def scored_split(metrics: Mapping[str, Any]) -> str | None:
    """The split whose figures count: the test split, else the validation split, else None."""
    return next((split for split in SCORED if _is_scored(metrics, split)), None)


def _is_scored(metrics: Mapping[str, Any], split: str) -> bool:
    row = mapping(metrics, split)
    return row.get("n") is not None and row.get("mae") is not None


def headline(
    metrics: Mapping[str, Any], trained: Mapping[str, Any], intervals: IntervalConfig
) -> str:
    """In a few sentences: how far off it is.

    Args:
        metrics: what the model folder's ``metrics.json`` holds.
        trained: how the model was trained.
        intervals: the share of faces they are meant to hold, and what calibrated them.
    """
    level = intervals.level
    doubt = ""
    if intervals.calibrated_on == "train":
        doubt = (
            " **The intervals were calibrated on faces it was trained on: they hold fewer than "
            f"{level:.0%} of other faces.**"
        )
    split = scored_split(metrics)
    if split is None:
        return "How good it is was not measured on faces it did not learn from." + doubt
    row = metrics[split]
    faces = f"{counted(row['n'], 'face')} of the {split} split"
    where = f" of {code(trained['protocol'])}" if trained.get("protocol") else ""
    text = f"On the {faces}{where} it is off by **{row['mae']:.2f} years** on average"
    if ends := row.get("mae_interval"):
        text += f" (95% interval {interval(ends)})"
    text += f"; {row['cs5']:.1%} of its ages are off by at most 5 years. " if "cs5" in row else ". "
    if row.get("coverage") is not None:
        text += f"Its {level:.0%} intervals hold {row['coverage']:.1%} of the true ages"
        width = row.get("interval_width")
        text += f" and are {width:.1f} years wide on average." if width else "."
    if split == "val":
        text += (
            " There is no test split: these faces were looked at during training and calibrated "
            "the intervals, so that errors on others are larger."
        )
    return text + doubt


def error_section(
    metrics: Mapping[str, Any], trained: Mapping[str, Any], calibrated_on: str
) -> list[str]:
    """Tables of the errors: overall; by dataset; by age, gender and group; in blocks of Markdown.

    Args:
        metrics: what the model folder's ``metrics.json`` holds.
        trained: how the model was trained.
        calibrated_on: the split its intervals were calibrated on.
    """
    split = scored_split(metrics)
    if split is None:
        return []
    row = metrics[split]
    blocks = ["## Errors", _overall(metrics), _reading(metrics, trained, row, calibrated_on)]
    parts = mapping(row, "by_dataset")
    if parts:
        blocks.append(_figures(["dataset"], [([name], part) for name, part in parts.items()]))
    blocks += _by_part(row, f"{split} split")
    for name, part in parts.items():
        own = {key: value for key, value in part.items() if value != row.get(key)}
        blocks += _by_part(own, f"{split} split, {code(name)} alone")
    return blocks + [text for text in [_spread(row)] if text]


def _by_part(row: Mapping[str, Any], faces: str) -> list[str]:
    """Tables by age, gender and group, those that there are."""
    ages = [([one["ages"]], one) for one in row.get("by_age") or []]
    rows = [("true age", "ages", ages)] + [
        (title, title, [([name], one) for name, one in mapping(row, key).items()])
        for key, title in _GROUPS
    ]
    return [
        text
        for by, head, found in rows
        if found
        for text in (f"By {by}, {faces}:", _figures([head], found))
    ]


def _overall(metrics: Mapping[str, Any]) -> str:
    """One row a generation and split; columns without a figure are left out."""
    generations: Sequence[Mapping[str, Any]] = metrics.get("generations") or []
    rows = [
        (str(generation["generation"]), split, generation["metrics"][split])
        for generation in generations
        for split in reversed(SCORED)
        if _is_scored(generation["metrics"], split)
    ] or [("1", split, metrics[split]) for split in reversed(SCORED) if _is_scored(metrics, split)]
    several = len({number for number, _, _ in rows}) > 1
    return _figures(
        ["generation"] * several + ["split"],
        [([number] * several + [split], row) for number, split, row in rows],
    )


def _figures(head: list[str], rows: Sequence[tuple[list[str], Mapping[str, Any]]]) -> str:
    """One row each: what it is of, and its figures."""
    columns = [c for c in _COLUMNS if any(row.get(c[1]) is not None for _, row in rows)]
    return table(
        [*head, "n", *(title for title, _, _ in columns)],
        [[*of, f"{row['n']:,}", *(_cell(row, *c[1:]) for c in columns)] for of, row in rows],
    )


def _cell(row: Mapping[str, Any], key: str, form: str) -> str:
    return interval(row.get(key), form) if key == "mae_interval" else figure(row, key, form)


def _reading(
    metrics: Mapping[str, Any], trained: Mapping[str, Any], row: Mapping[str, Any], calibrated: str
) -> str:
    """The meaning of the columns, the interval and the seeds."""
    text = [
        "MAE is the mean absolute error and bias the mean error, in years; CA(5) the share of "
        "errors below 5 years, CS@5 of at most 5; coverage the share of true ages within their "
        "interval, width that interval's in years. Intervals were calibrated on "
        f"{_faces(calibrated)}: moved out, or in, by the years that make them hold what they "
        "promise there (conformalised quantile regression)."
    ]
    if len(metrics.get("generations") or []) > 1:
        kept = mapping(metrics, "kept")
        best = f"generation {plain(kept.get('generation'))}, the best on the validation split"
        text.append(f"This model is {best if kept.get('by') == 'best' else 'the last generation'}.")
    if mapping(mapping(metrics, "kept"), "of").get("by") == "best":
        text.append("Of its epochs the weights are those of the best on the validation split.")
    if row.get("mae_interval"):
        text.append(
            "The interval of the MAE is a bootstrap over the faces; it says nothing of other data "
            "or other seeds."
        )
    text.append(_seeds(metrics, trained))
    return " ".join(part for part in text if part)


def _faces(calibrated_on: str) -> str:
    """The faces the intervals were calibrated on, in words."""
    if calibrated_on == "train":
        return "the faces it was trained on"
    if calibrated_on == "holdout":
        return "training faces that were held out for it"
    return f"the {plain(calibrated_on)} split"


def _seeds(metrics: Mapping[str, Any], trained: Mapping[str, Any]) -> str:
    runs: Sequence[Mapping[str, Any]] = metrics.get("seeds") or []
    if len(runs) > 1:
        errors = [run["mae"] for run in runs]
        return (
            f"Over {len(runs)} seeds the MAE is {statistics.mean(errors):.2f} ± "
            f"{statistics.stdev(errors):.2f} (mean and standard deviation); this model's seed is "
            f"{plain(trained.get('seed'))}."
        )
    if trained.get("seed") is None:
        return ""
    return (
        f"One training, seed {plain(trained['seed'])}: another seed gives somewhat other figures."
    )


def _is_enough(row: Mapping[str, Any]) -> bool:
    return row["n"] >= FEW and row.get("mae") is not None


def _spread(row: Mapping[str, Any]) -> str:
    """Between which ages and groups the error differs most, of those with enough faces."""
    by_age = [r for r in row.get("by_age") or [] if _is_enough(r)]
    sides = [("ages", [(r["ages"], r["mae"]) for r in by_age])]
    for key, title in _GROUPS:
        groups = mapping(row, key).items()
        sides.append((f"{title}s", [(name, r["mae"]) for name, r in groups if _is_enough(r)]))
    text = []
    for title, errors in sides:
        if len(errors) > 1:
            least, most = (pick(errors, key=lambda e: e[1]) for pick in (min, max))
            text.append(
                f"{title} from {least[1]:.2f} ({plain(least[0])}) to {most[1]:.2f} "
                f"({plain(most[0])})"
            )
    if not text:
        return ""
    out = f"Where there are at least {FEW} faces, the MAE goes over {', over '.join(text)}."
    if len(by_age) > 1 and (by_age[0].get("bias") or 0) > 0 > (by_age[-1].get("bias") or 0):
        out += (
            " Young faces are taken for older than they are "
            f"({by_age[0]['bias']:+.2f} years at {plain(by_age[0]['ages'])}), old ones for younger "
            f"({by_age[-1]['bias']:+.2f} at {plain(by_age[-1]['ages'])})."
        )
    return out + " Rows of fewer faces say little."
