r"""The tables of the documentation on the models of the zoo, as Markdown.

    agekit evaluate MODEL utkface+all-age-faces --root utkface=DIR --root all-age-faces=DIR \
        --challenge 25,30 --json > MODEL.json
    python benchmarks/zoo_tables.py MODEL.json...

Prints the errors of each model on each dataset, then how often an age check by it would err.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

OLD = 60


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def old_error(part: Mapping[str, Any]) -> str:
    """MAE of those of 60 and over, of the bins by age."""
    bins = [row for row in part["by_age"] if int(row["ages"].partition("-")[0]) >= OLD]
    n = sum(row["n"] for row in bins)
    return f"{sum(row['n'] * row['mae'] for row in bins) / n:.2f} ({n})" if n else "-"


def errors(found: Iterable[Mapping[str, Any]]) -> str:
    """A row a model and dataset."""
    rows = []
    for result in found:
        for name, part in result["metrics"]["by_dataset"].items():
            low, high = part["mae_interval"]
            rows.append(
                [
                    f"`{result['model']}`",
                    f"{name} ({part['n']:,})",
                    f"{part['mae']:.2f} ({low:.2f}-{high:.2f})",
                    f"{part['bias']:+.2f}",
                    old_error(part),
                    f"{part['cs5']:.1%}",
                    f"{part['coverage']:.1%}",
                    f"{part['interval_width']:.1f}",
                ]
            )
    heads = ["model", "test faces", "MAE (95 %)", "bias", "60 and over (faces)", "within 5 years"]
    return table([*heads, "90 % interval holds", "width"], rows)


def share(found: Mapping[str, Any]) -> str:
    """A share, its interval and its count."""
    if not found["n"]:
        return "-"
    low, high = found["interval"]
    return f"{found['share']:.1%} ({low:.0%}-{high:.0%}) of {found['n']:,}"


def challenges(found: Sequence[Mapping[str, Any]]) -> str:
    """A row a model and part of the faces, two columns a challenge age."""
    rows, heads = [], ["model", "faces"]
    for rates in found[0]["challenge"]:
        heads += [f"{rates['challenge']}: 14-17 let in", "18 and over sent away"]
    for result in found:
        every = result["challenge"]
        parts = [("all", every)] + [
            (name, [rates[key][name] for rates in every])
            for key in ("by_dataset", "by_gender", "by_group")
            for name in every[0].get(key, {})
        ]
        for name, each in parts:
            cells = [
                share(row[key]) for row in each for key in ("false_positive", "false_negative")
            ]
            rows.append([f"`{result['model']}`" if name == "all" else "", name, *cells])
    return table(heads, rows)


def bands(found: Sequence[Mapping[str, Any]]) -> str:
    """A row a band of true age, a column a model and challenge age: who is let in."""
    columns = [(result["model"], rates) for result in found for rates in result["challenge"]]
    cells = {
        row["ages"]: [share(rates["by_age"][k]["let_in"]) for _, rates in columns]
        for k, row in enumerate(columns[0][1]["by_age"])
    }
    heads = [f"`{model}`, {rates['challenge']}" for model, rates in columns]
    return table(["true age", *heads], [[ages, *row] for ages, row in cells.items()])


def main() -> None:
    """Prints the tables."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    found = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    print("Split", ", ".join(sorted({result["split_hash"] for result in found})))
    for part in (errors, bands, challenges):
        print(f"\n{part(found)}")


if __name__ == "__main__":
    main()
