"""The model card of an ager."""

from __future__ import annotations

import re
from collections.abc import Mapping
from shlex import quote
from typing import Any

from agekit.zoo.cards.provenance import (
    citation_section,
    licence_section,
    people_pictured,
    provenance_section,
)
from agekit.zoo.cards.results import Score, identifier, metadata, score, score_notes
from agekit.zoo.cards.text import bullets, code, figure, interval, mapping, plain, table
from agekit.zoo.cards.usage import face_section, use_section
from agekit_ager.config import AgerConfig
from agekit_ager.domains import DOMAINS

__all__ = ["ager_card", "ager_scores"]

_AGES = re.compile(r"ages ([\d.]+-[\d.]+)")
_WHERE = re.compile(r", (gender|group) ([^,]+)")
_PYTHON = """\
import agekit

[aged] = agekit.load_aging("MODEL").age("photo.jpg", to="old")
aged.after  # (H, W, 3) uint8, or None if there is no face in it"""


def ager_card(config: AgerConfig, metrics: Mapping[str, Any]) -> str:
    """The card as Markdown, its header for the Hugging Face Hub included.

    Args:
        config: the model's configuration; of its `trained`, ``method``, ``data`` and ``faces``
            are as `agekit.zoo.cards.provenance.training_facts` gives them, where they are known.
        metrics: what the model folder's ``metrics.json`` holds; empty for an ager that nobody
            scored; ``evaluation`` may hold what `agekit evaluate` found.
    """
    network = (
        f"Generator {code(config.generator.type)}{', two of them' if config.domains else ''}; "
        f"{config.parameters:,} parameters."
    )
    evolver = mapping(config.trained, "method").get("evolver")
    blocks = [
        metadata(config, metrics, [evolver] if evolver else []),
        f"# {plain(config.name)}",
        *_ways(config),
        *use_section(
            config,
            f"agekit age photo.jpg --model MODEL --to {'old' if config.domains else '65'}",
            _PYTHON if config.domains else _PYTHON.replace('"old"', "65"),
            _options(config),
        ),
        *face_section(config.face, config.image),
        *provenance_section(config, network),
        *_measured(metrics),
        *_limits(config),
        *licence_section(config),
        *citation_section(config),
    ]
    return "\n\n".join(blocks) + "\n"


def _ways(config: AgerConfig) -> list[str]:
    if config.domains is None:
        first, last = config.ages or (0, 0)
        ways = [f"Makes a face any age; it was trained on faces of {first:g} to {last:g} years."]
        if config.guide is not None:
            guide = code(config.guide)
            ways.append(
                f"It is steered: {guide} looks at each face made, and the ager is told as many "
                "years more or less as are missing, twice at most (`--no-steer` leaves it at the "
                f"first; `model.onnx` by itself is not steered). So {guide} is no independent "
                "judge of it."
            )
        return ways
    return [
        "Makes a young face old and an old face young; both directions are in the file.",
        bullets(
            [
                f"Young: {plain(config.domains.get('young', 'not recorded'))}.",
                f"Old: {plain(config.domains.get('old', 'not recorded'))}.",
            ]
        ),
    ]


def _measured(metrics: Mapping[str, Any]) -> list[str]:
    blocks = []
    cycle = mapping(metrics, "test")
    if "own_age" in cycle:
        blocks.append(
            "On a sample of the test faces, pixels from -1 to 1 differ on average by "
            f"{figure(cycle, 'cycle', '.3f')} after another age and back, and by "
            f"{figure(cycle, 'own_age', '.3f')} where the age is to stay."
        )
    elif cycle:
        blocks.append(
            "There and back again, on a sample of the test faces, pixels from -1 to 1 differ on "
            f"average by {figure(cycle, 'cycle_young', '.3f')} from young and by "
            f"{figure(cycle, 'cycle_old', '.3f')} from old."
        )
    if judged := mapping(metrics, "evaluation"):
        blocks += _judged(judged)
    elif blocks:
        blocks.append(
            "Whether faces look older or younger, and like the same person, was not measured: "
            "`agekit evaluate MODEL DATASET --judge ESTIMATOR` does."
        )
    else:
        blocks.append("How well it does was not measured.")
    return ["## Metrics", *blocks]


def _judged(judged: Mapping[str, Any]) -> list[str]:
    ways = mapping(judged, "metrics")
    where = f"the {plain(judged.get('split', 'test'))} split of {code(judged.get('protocol', '?'))}"
    blocks = [
        f"Judged on {where}, split hash {code(judged.get('split_hash', '?'))}, in years of "
        "apparent age:",
        table(
            ["to", "judge", "n", "mean change", "95% interval", "before", "after", "judge's MAE"],
            [
                [
                    to,
                    judge,
                    f"{row['n']:,}",
                    figure(row, "shift", "+.2f"),
                    interval(row.get("interval"), "+.2f"),
                    figure(row, "before", ".1f"),
                    figure(row, "after", ".1f"),
                    figure(row, "mae"),
                ]
                for to, part in ways.items()
                for judge, row in mapping(part, "judges").items()
            ],
        ),
    ]
    same = {to: part["identity"] for to, part in ways.items() if mapping(part, "identity")}
    if same:
        blocks += [
            "Whether the person stays the same (cosine of a face and itself aged, beside that of "
            "two different people):",
            table(
                ["to", "n", "cosine", "95% interval", "two people", "taken for the same, %"],
                [
                    [
                        to,
                        f"{row['n']:,}",
                        figure(row, "cosine", ".3f"),
                        interval(row.get("interval"), ".3f"),
                        figure(row, "others", ".3f"),
                        figure(row, "same", ".1f"),
                    ]
                    for to, row in same.items()
                ],
            ),
        ]
    return blocks


def _options(config: AgerConfig) -> str:
    """Of ``agekit evaluate``: a judge, and the domains as they were in training."""
    domains = {str(name): text for name, text in (config.domains or {}).items()}
    found = [_AGES.match(domains.get(name, "")) for name in DOMAINS]
    ages = [match[1] for match in found if match]
    if len(ages) < len(DOMAINS):
        return " --judge ESTIMATOR"
    where = _WHERE.findall(domains[DOMAINS[0]])
    return (
        f" --judge ESTIMATOR --domains {','.join(ages)}"
        + "".join(f" --where {quote(f'{key}={value}')}" for key, value in where)
    )  # fmt: skip


def _limits(config: AgerConfig) -> list[str]:
    return [
        "## Intended use and limits",
        "For research, and for pictures that nobody takes for photos.",
        bullets(
            [
                "It shows what a network learnt of old and young faces in its data, **not what a "
                "person will look like** or did look like.",
                "**Not a means of identification, and not of a decision about a person**: not to "
                "search for the missing, nor to make up a photo for a document.",
                "Do not pass its pictures off as photos of anybody.",
                "Hair, glasses, skin tone and apparent gender may change with the age; how often "
                "differs between groups, and was not measured for each.",
                *people_pictured(config),
            ]
        ),
    ]


_WHERE_SCORED = ("dataset", "protocol", "split", "split_hash")


def ager_scores(config: AgerConfig, metrics: Mapping[str, Any]) -> list[Score]:
    """What an ager scored on its test split and where it was judged, see `zoo.cards.results`."""
    own, judged = dict(config.trained), mapping(metrics, "evaluation")
    there = {key: judged[key] for key in _WHERE_SCORED if key in judged}
    cycle = _cycle_scores(own, config.domains or {}, mapping(metrics, "test"))
    return cycle + _judged_scores(own | there, judged)


def _cycle_scores(
    where: Mapping[str, Any], domains: Mapping[Any, str], row: Mapping[str, Any]
) -> list[Score]:
    unit = "mean absolute difference of pixels from -1 to 1 after there and back; " + "; ".join(
        f"{name}: {faces}" for name, faces in domains.items()
    )
    return [
        score(
            where,
            f"cycle-l1-{start}",
            f"cycle error from {start}",
            row[key],
            score_notes(unit, None, None, where),
        )
        for start, key in (("young", "cycle_young"), ("old", "cycle_old"))
        if row.get(key) is not None
    ]


def _judged_scores(where: Mapping[str, Any], judged: Mapping[str, Any]) -> list[Score]:
    out = []
    for to, part in mapping(judged, "metrics").items():
        for judge, row in part["judges"].items():
            if row["shift"] is not None:
                notes = score_notes(
                    f"years, as {judge} sees them", row["n"], row["interval"], where
                )
                name = f"mean change of apparent age to {to}, {judge} (years)"
                metric = f"age-shift-{to}-{identifier(judge)}"
                out.append(score(where, metric, name, row["shift"], notes))
        if same := part.get("identity"):
            notes = score_notes(f"cosine in {same['network']}", same["n"], same["interval"], where)
            if same["cosine"] is not None:
                name = f"likeness of the person made {to}"
                out.append(score(where, f"identity-{to}", name, same["cosine"], notes))
    return out
