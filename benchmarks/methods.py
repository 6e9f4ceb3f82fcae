"""Trains several methods on one dataset, only the method differing, and prints their errors.

    python benchmarks/methods.py utkface --root DIR --seeds 0 1 2

Each cell is ``agekit train RECIPE-BACKBONE DATASET --preset PRESET --seed SEED`` in a process of
its own; a cell whose run is finished is not trained again, one that was stopped goes on. The cells
go to ``--out`` as JSON; ``--table FILE`` prints the table of such a file. What follows ``--`` is
handed on to ``agekit train``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]

RECIPES = ("cen", "reg", "ldl", "ldl-reg")


def cell(recipe: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Trains one recipe with one seed, or reads its finished run."""
    run = Path(options.runs) / f"{options.dataset}-{recipe}-{options.backbone}-{seed}"
    if not (run / "run.json").exists():
        arguments = [f"{recipe}-{options.backbone}", options.dataset, "--preset", options.preset]
        arguments += ["--seed", str(seed), "--out", str(run), *options.more]
        if options.root:
            arguments += ["--root", options.root]
    else:
        arguments = ["--resume", str(run)]
    if not (run / "model" / "metrics.json").exists():
        subprocess.run([sys.executable, "-m", "agekit", "train", *arguments], check=True)
    info = json.loads((run / "run.json").read_text())
    metrics = json.loads((run / "model" / "metrics.json").read_text())
    epochs = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    info.pop("root")
    generations = []
    for generation in metrics["generations"]:
        mine = [e for e in epochs if e["generation"] == generation["generation"]]
        generations.append(
            {
                "generation": generation["generation"],
                "seconds": round(sum(e["seconds"] for e in mine), 1),
                **{s: generation["metrics"][s] for s in ("val", "test")},
            }
        )
    return {"recipe": recipe, "backbone": options.backbone, **info, "generations": generations}


def table(cells: list[dict[str, Any]]) -> str:
    """The test errors as Markdown: mean over seeds, and their standard deviation."""
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for one in cells:
        for generation in one["generations"]:
            rows.setdefault((one["recipe"], generation["generation"]), []).append(generation)
    several = {recipe for recipe, generation in rows if generation > 1}
    lines = ["| method | seeds | test MAE | val MAE | CS@5 | 90 % interval holds |"]
    lines += ["|---|---|---|---|---|---|"]
    for (recipe, number), found in rows.items():
        name = f"{recipe}, t = {number}" if recipe in several else recipe
        tests = [g["test"] for g in found]
        lines.append(
            f"| {name} | {len(found)} | {spread([t['mae'] for t in tests])} "
            f"| {spread([g['val']['mae'] for g in found])} "
            f"| {statistics.mean(t['cs5'] for t in tests):.1%} "
            f"| {statistics.mean(t['coverage'] for t in tests):.1%} |"
        )
    first = cells[0]
    lines += [
        "",
        f"{first['protocol']}, split {first['split_hash']}, torch {first['torch']}, "
        f"{first['device']} ({first['device_name']})",
    ]
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """``5.31`` or ``5.31 ± 0.04``."""
    mean = f"{statistics.mean(values):.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean


def main() -> None:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(description="Several methods on one dataset.")
    parser.add_argument("dataset", nargs="?", default="synthfaces")
    parser.add_argument("--root")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--backbone", default="resnet10-tiny")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--runs", default="runs/methods")
    parser.add_argument("--out", help="the JSON file of the cells")
    parser.add_argument("--table", help="print the table of this JSON file and train nothing")
    own, more = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, more = own[:at], own[at + 1 :]
    options = parser.parse_args(own)
    options.more = more
    if options.table:
        print(table(json.loads(Path(options.table).read_text())))
        return
    cells = []
    for seed in options.seeds:
        for recipe in options.recipes:
            cells.append(cell(recipe, seed, options))
            if options.out:
                Path(options.out).write_text(json.dumps(cells, indent=1) + "\n")
    print(table(cells))


if __name__ == "__main__":
    main()
