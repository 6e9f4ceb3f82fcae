"""The metrics of an ager, from what the judges said of its faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.tasks.estimator.metrics import bias, mae
from agekit_ager.judges.base import Judge, Verdict
from agekit_ager.judges.identity import DlibIdentity, likeness
from agekit_ager.kid import kid
from agekit_ager.progression import flips, progression
from agekit_ager.results import AgingResult

__all__ = ["accuracy", "scores"]


def scores(
    done: AgingResult,
    target: AgingResult,
    age: NDArray[np.float32] | None,
    judges: Sequence[Judge],
    seed: int,
) -> dict[str, Any]:
    """What one way of an ager does, in numbers.

    Args:
        done: that way.
        target: the other way, whose faces as they are, are what `done` makes faces look like.
        age: (N,) true ages of the faces in years; None where only their domain is known.
        judges: who judged.
        seed: of the bootstrap and the subsets.

    Returns:
        ``n``, ``cycle_l1``, ``identity``, ``judges`` (name to `progression`, with the judge's own
        ``mae`` on the faces as they are, and ``gender_flips`` in % where it estimates genders),
        and ``kid_<judge>`` where the judge gives features.
    """
    out: dict[str, Any] = {"n": len(done.before.verdicts[0].age), "cycle_l1": done.cycle_l1}
    if done.before.identity is not None and done.after.identity is not None:
        same = likeness(done.before.identity, done.after.identity, seed)
        out["identity"] = {"network": DlibIdentity.name, **same}
    out["judges"] = {}
    for k, judge in enumerate(judges):
        before, after = done.before.verdicts[k], done.after.verdicts[k]
        row = progression(before.age, after.age, done.to, seed)
        row["mae"] = None if age is None else accuracy(before, age)["mae"]
        if before.gender is not None and after.gender is not None:
            row["gender_flips"] = flips(before.gender, after.gender)
        out["judges"][judge.name] = row
    for k, judge in enumerate(judges):
        aged, real = done.after.verdicts[k], target.before.verdicts[k]
        if aged.features is None or real.features is None:
            continue
        distance = kid(aged.features[aged.found], real.features[real.found], seed)
        out[f"kid_{judge.name}"] = None if distance is None else vars(distance)
    return out


def accuracy(verdict: Verdict, age: NDArray[np.float32]) -> dict[str, Any]:
    """How well a judge knows the ages of faces as they are.

    Args:
        verdict: on N faces.
        age: (N,) true ages, years.

    Returns:
        ``n`` faces found, ``skipped`` the others, ``mae`` and ``bias`` in years, or None.
    """
    found = verdict.found
    estimated, true = verdict.age[found], age[found]
    return {
        "n": len(true),
        "skipped": int((~found).sum()),
        "mae": mae(estimated, true) if len(true) else None,
        "bias": bias(estimated, true) if len(true) else None,
    }
