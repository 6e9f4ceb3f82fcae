"""What `agekit bench run` costs beside the training itself.

    python benchmarks/runner.py [--root DIR] [--epochs 4] [--rounds 3]

In turns, one recipe is trained as a suite of one cell and by `agekit train`, on the same data with
the same threads, each as a whole process. What the suite takes longer - planning, a process of the
cell's own, every face scored, the result - comes once a cell, so it is printed as a share of a cell
of ten minutes; what the runner uses of a processor while its cell trains is added. The start is the
time from the command to the first training step. Needs Linux. Exits 1 when a budget is exceeded.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from agekit.device import describe_device, pick_device

CELL = 600.0
SHARE = 0.02
START = 15.0
SUITE = """
name: one
description: one cell
preset: quick
seeds: [0]
protocols: [{{dataset: {dataset}}}]
rows: [{{label: one, recipe: {recipe}}}]
"""


class Timing(NamedTuple):
    """One whole process: its seconds, those before the first step, its own share of a processor.

    The share is of the time from the first epoch's end until there is a result.
    """

    seconds: float
    start: float
    share: float


def timed(command: list[str], out: Path) -> Timing:
    """Runs an agekit command whose only run is somewhere below `out`."""
    begin = time.time()
    process = subprocess.Popen(
        [sys.executable, "-m", "agekit", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    used: list[tuple[float, float]] = []
    first = 0.0
    while process.poll() is None:
        time.sleep(0.05)
        for metrics in out.glob("**/metrics.jsonl") if not first else ():
            lines = metrics.read_text().splitlines()
            first = time.time() - json.loads(lines[0])["seconds"] if lines else first
        if first and not list(out.glob("*/*/seed-*.json")):
            used.append((time.time(), processor(process.pid)))
    seconds = time.time() - begin
    if process.returncode:
        raise SystemExit(process.stderr.read() if process.stderr else 1)
    known = [(at, spent) for at, spent in used if spent]
    (at, spent), (then, before) = known[-1], known[0]
    return Timing(seconds, first - begin, (spent - before) / (at - then))


def processor(pid: int) -> float:
    """Processor seconds of a process without its children; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(what: str, bench: list[Timing], plain: list[Timing]) -> int:
    """Prints the figures; gives the exit code."""
    longer = [cell.seconds - alone.seconds for cell, alone in zip(bench, plain, strict=True)]
    once, waiting = statistics.median(longer), statistics.median(cell.share for cell in bench)
    share = once / CELL + waiting
    start = statistics.median(cell.start for cell in bench)
    told = describe_device(pick_device("cpu"))
    print(f"{what}, {len(bench)} rounds, {told['device_name']}, torch {told['torch']}")
    print(f"a cell takes longer than its training by {once:.1f} s ({min(longer):.1f} to ", end="")
    print(f"{max(longer):.1f}); the runner uses {waiting:.2%} of a processor while it trains")
    print(f"of a ten-minute cell: {share:.2%} (budget {SHARE:.0%})")
    print(f"to the first step: {start:.1f} s (budget {START:.0f} s); ", end="")
    print(f"agekit train {statistics.median(alone.start for alone in plain):.1f} s")
    return int(share > SHARE or start > START)


def main() -> int:
    """Measures, prints, and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", help="where UTKFace lies; else drawn faces are used")
    parser.add_argument("--recipe", default="ldl-reg-resnet10-tiny")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    dataset = "utkface" if options.root else "synthfaces"
    more = ["--epochs", str(options.epochs), "--device", "cpu"]
    bench, plain = [], []
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "one.yaml"
        suite.write_text(SUITE.format(dataset=dataset, recipe=options.recipe))
        for number in range(options.rounds + 1):
            out = Path(folder) / str(number)
            root = ["--root", f"{dataset}={options.root}"] if options.root else []
            cell = timed(
                ["bench", "run", str(suite), "--out", str(out / "cell"), *root, *more], out / "cell"
            )
            root = ["--root", options.root] if options.root else []
            command = ["train", options.recipe, dataset, "--preset", "quick", *root, *more]
            alone = timed([*command, "--out", str(out / "plain")], out / "plain")
            if number:
                bench.append(cell)
                plain.append(alone)
    return report(f"{options.recipe} on {dataset}", bench, plain)


if __name__ == "__main__":
    sys.exit(main())
