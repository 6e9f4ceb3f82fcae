"""Age checks by an estimate: who is let in unasked, and who is asked for a document.

A shop of the policy "challenge 25" asks everybody who looks under 25. NIST reports estimators of
age by the same rule (FATE Age Estimation and Verification, NIST IR 8525).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.bootstrap import wilson
from agekit.data.table import FaceTable
from agekit.errors import ConfigError, counted
from agekit.tasks.estimator.scoring import parts_of
from agekit.tasks.evaluate import ResultTable

__all__ = ["LEGAL_AGE", "MINORS", "challenge_rates", "challenge_tables", "check_ages", "few_minors"]

LEGAL_AGE = 18
MINORS = (14, LEGAL_AGE)
"""Years, the second not included: whose rate of false positives is told; children better it."""
_BANDS = (0, 14, 16, LEGAL_AGE, 21, 25, 30)
_FEW = 100


def check_ages(challenges: Sequence[int], ages: tuple[int, int], model: str) -> None:
    """Refuses challenge ages that say nothing of a model.

    Args:
        challenges: years.
        ages: the first and the last age that the model can give.
        model: its name.

    Raises:
        ConfigError: one is below the legal age, or all or none of the model's ages reach it.
    """
    for challenge in challenges:
        if challenge < LEGAL_AGE:
            raise ConfigError(
                f"a challenge age of {challenge} is below the legal age, {LEGAL_AGE}",
                "give one at or above it, such as 25",
            )
        if not ages[0] < challenge <= ages[1]:
            raise ConfigError(
                f"{model} gives ages from {ages[0]} to {ages[1]}: nothing can be said of a "
                f"challenge age of {challenge}",
                "give one between them",
            )


def challenge_rates(challenge: int, age: NDArray[Any], table: FaceTable) -> dict[str, Any]:
    """The errors of an age check that lets in whoever looks at least `challenge` years old.

    Args:
        challenge: years.
        age: estimated, (N,) years.
        table: of the N faces.

    Returns:
        ``challenge``, ``legal_age``; ``false_positive``, the share of `MINORS` that is let in, and
        ``false_negative``, the share of those of legal age that is not: ``n``, ``share``
        and its ``interval`` (Wilson, 95 %), None of no face. The two again ``by_gender``,
        ``by_group`` and of several ``by_dataset``; and ``let_in`` for each band of ``by_age``.
    """
    passed = age >= challenge

    def errors(mine: NDArray[np.int64]) -> dict[str, Any]:
        true = table.age[mine]
        minors = (true >= MINORS[0]) & (true < MINORS[1])
        return {
            "false_positive": _share(passed[mine[minors]]),
            "false_negative": _share(~passed[mine[true >= LEGAL_AGE]]),
        }

    band = np.digitize(table.age, _BANDS) - 1
    return {
        "challenge": challenge,
        "legal_age": LEGAL_AGE,
        **errors(np.arange(len(age))),
        "by_age": [
            {"ages": _ages(k), "let_in": _share(passed[band == k])}
            for k in np.unique(band).tolist()
        ],
        **{
            key: {name: errors(mine) for name, mine in parts.items()}
            for key, parts in parts_of(table).items()
        },
    }


def challenge_tables(found: Sequence[Mapping[str, Any]]) -> list[ResultTable | str]:
    """The `challenge_rates` of each challenge age for people."""
    minors = f"{MINORS[0]}-{MINORS[1] - 1}"
    out: list[ResultTable | str] = []
    for rates in found:
        ages = [[row["ages"], *_cells(row["let_in"])] for row in rates["by_age"]]
        parts = {"all": rates} | {
            name: row
            for key in ("by_dataset", "by_gender", "by_group")
            for name, row in rates.get(key, {}).items()
        }
        errors = [
            [name, *_cells(row["false_positive"]), *_cells(row["false_negative"])]
            for name, row in parts.items()
        ]
        title = f"challenge {rates['challenge']}: who looks {rates['challenge']} or over is let in"
        heads = [minors, "let in", "95%", f"{LEGAL_AGE} and over", "sent away", "95%"]
        out += ["", ResultTable(["true age", "faces", "let in", "95%"], ages, title)]
        out += ["", ResultTable(["faces of", *heads], errors)]
    return out


def few_minors(rates: Mapping[str, Any]) -> str | None:
    """A remark where faces of the years below the legal age are too few to say much."""
    n = rates["false_positive"]["n"]
    if n >= _FEW:
        return None
    years = f"of {MINORS[0]} to {MINORS[1] - 1} years"
    return f"{counted(n, 'face')} {years}: shares of so few say little, see their intervals"


def _cells(share: Mapping[str, Any]) -> list[str]:
    if not share["n"]:
        return ["0", "-", "-"]
    low, high = share["interval"]
    return [f"{share['n']:,}", f"{share['share']:.1%}", f"{low:.1%} to {high:.1%}"]


def _share(which: NDArray[np.bool_]) -> dict[str, Any]:
    n = len(which)
    if not n:
        return {"n": 0, "share": None, "interval": None}
    share = float(which.mean())
    return {"n": n, "share": share, "interval": wilson(share, n)}


def _ages(band: int) -> str:
    first = _BANDS[band]
    return f"{first}-{_BANDS[band + 1] - 1}" if band + 1 < len(_BANDS) else f"{first} and over"
