"""Damages runs and models in every way it can think of, and looks at what agekit makes of it.

``python -m tests.damage --n 300`` tries 300 damages of each kind; the tests try a few. A damage has
to end in an error for people or in the very result it would have had without.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from agekit_testkit.models import write_untrained
from safetensors.torch import load_file

from agekit.cli import main
from agekit.errors import AgekitError
from agekit.training.resume import resume
from agekit.training.run import Run
from agekit.training.train import train
from agekit.zoo.index import shipped

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 3.5, 1e308, 10**400, "", "x", "\x00|`\n", [], [[]], {}, {"a": 1}, [1, "a"],
    float("nan"), float("inf"), "../../x", "9" * 200,
)  # fmt: skip
SETTINGS = ("data.size=32", "train.batch_size=32", "train.amp=fp32")


def damages(path: Path, chance: random.Random) -> str:
    """Damages a file in one way, drawn by chance; gives the way's name."""
    data = bytearray(path.read_bytes())
    ways: dict[str, Callable[[], bytes | None]] = {
        "cut": lambda: bytes(data[: chance.randrange(len(data))]),
        "flip": lambda: _flipped(data, chance),
        "noise": lambda: chance.randbytes(chance.randrange(200)),
        "not utf-8": lambda: bytes(data[:20]) + b"\xff\xfe\x80" + bytes(data[20:]),
        "empty": lambda: b"",
        "missing": lambda: None,
        "folder": lambda: None,
        "link": lambda: None,
    }
    if path.suffix in (".json", ".jsonl"):
        for name in ("type", "value", "key", "more", "less"):
            ways[name] = lambda name=name: _other_json(bytes(data), name, chance)  # type: ignore[misc]
    way = chance.choice([*ways, *(["type", "value", "key"] if "type" in ways else [])])
    new = ways[way]()
    path.unlink()
    if way == "folder":
        path.mkdir()
    elif way == "link":
        path.symlink_to(path.name)
    elif new is not None:
        path.write_bytes(new)
    return way


def _flipped(data: bytearray, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 8))):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something lies in a JSON document."""
    yield path
    if isinstance(value, dict):
        parts: Any = value.items()
    else:
        parts = enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _places(part, (*path, key))


def _other_json(data: bytes, way: str, chance: random.Random) -> bytes:
    lines = data.decode().splitlines() if data.count(b"\n{") else [data.decode()]
    at = chance.randrange(len(lines))
    document = json.loads(lines[at])
    if way == "type":
        document = chance.choice(ODD)
    else:
        *before, last = chance.choice([p for p in _places(document) if p])
        owner = document
        for key in before:
            owner = owner[key]
        if way == "value":
            owner[last] = chance.choice(ODD)
        elif way == "less":
            del owner[last]
        elif isinstance(owner, dict):
            owner["another" if way == "key" else "more"] = owner[last]
            if way == "key":
                del owner[last]
    lines[at] = json.dumps(document)
    return "\n".join(lines).encode() + b"\n"


class Tally:
    """What became of the damages."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.bad: list[str] = []

    def add(self, what: str, action: Callable[[], bool]) -> None:
        """Does something; anything but an error for people, or the right result, is bad."""
        silence = io.StringIO()
        try:
            with redirect_stdout(silence), redirect_stderr(silence):
                right = action()
        except (AgekitError, OSError) as error:
            self.counts["an error for people" if isinstance(error, AgekitError) else "OSError"] += 1
            if isinstance(error, OSError) and error.filename is None:
                self.bad.append(f"{what}: {error!r} names no file")
        except Exception:
            self.counts["uncaught"] += 1
            self.bad.append(f"{what}: {traceback.format_exc()}")
        else:
            self.counts["right" if right else "WRONG"] += 1
            if not right:
                self.bad.append(f"{what}: another result")


def begun_run(folder: Path) -> None:
    """A run of two generations, stopped in the second."""
    append = Run.append

    def stop(run: Run, record: dict[str, Any]) -> None:
        if (record["generation"], record["epoch"]) == (2, 2):
            raise KeyboardInterrupt
        append(run, record)

    with mock.patch.object(Run, "append", stop):
        try:
            train(
                "cen-resnet10-tiny", "synthfaces", protocol="tiny", preset="quick", epochs=2,
                generations=2, overrides=SETTINGS, device="cpu", out=folder,
            )  # fmt: skip
        except KeyboardInterrupt:
            return
    raise AssertionError("it was not stopped")


def weights(run: Path) -> list[dict[str, torch.Tensor]]:
    """Those of the generations, and of the model."""
    return [
        load_file(run / name / "model.safetensors")
        for name in ("generation-1", "generation-2", "model")
    ]


def same(one: list[dict[str, torch.Tensor]], other: list[dict[str, torch.Tensor]]) -> bool:
    """Whether all are alike to the bit."""
    return all(
        a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
        for a, b in zip(one, other, strict=True)
    )


def damage_runs(scratch: Path, n: int, seed: int = 0) -> Tally:
    """Damages a begun run `n` times, each in one file, and resumes it.

    Every fifth time its hashes are gone, as in a run of an older version; then weights may differ.
    """
    tally, base = Tally(), scratch / "base"
    with ExitStack() as stack:
        for name in ("curves", "scatter", "distributions"):
            stack.enter_context(mock.patch(f"agekit.tasks.estimator.figures.{name}"))
        begun_run(base)
        shutil.copytree(base, scratch / "whole")
        resume(scratch / "whole", device="cpu")
        right = weights(scratch / "whole")
        left_out = ("log.txt", ".lock")
        files = sorted(p.relative_to(base) for p in base.rglob("*") if p.is_file())
        files = [file for file in files if file.name not in left_out]
        for k in range(n):
            chance = random.Random(f"{seed}-{k}")
            run, old = scratch / "run", k % 5 == 4
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(base, run)
            if old:
                (run / "hashes.json").unlink()
            file = chance.choice([f for f in files if not (old and f.name == "hashes.json")])
            what = f"run {k}: {file}: {damages(run / file, chance)}{', old' * old}"

            def gone_on(run: Path = run, old: bool = old) -> bool:
                resume(run, device="cpu")
                return old or same(weights(run), right)

            tally.add(what, gone_on)
    return tally


def damage_models(scratch: Path, n: int, file: str, seed: int = 0) -> Tally:
    """Damages a file of a model `n` times, and gives the model to the commands."""
    tally, base = Tally(), scratch / "base-model"
    write_untrained(base)
    shutil.copy(shipped() / "sord-lite0" / "metrics.json", base)
    photo = next(iter(sorted((scratch / "photos").glob("*.png"))))
    for k in range(n):
        chance = random.Random(f"{seed}-{file}-{k}")
        zoo = scratch / "zoo"
        shutil.rmtree(zoo, ignore_errors=True)
        shutil.copytree(base, zoo / "m")
        way = damages(zoo / "m" / file, chance)
        commands = [
            ["zoo", "info", str(zoo / "m")],
            ["zoo", "list", "m*"],
            ["zoo", "verify", str(zoo / "m")],
            ["zoo", "push", str(zoo / "m"), "a/b", "--dry-run"],
            ["zoo", "add", str(zoo / "m"), "--name", "other", "--out", str(zoo / "out")],
        ]
        if k % 10 == 0:
            commands += [
                ["predict", str(photo), "--no-detect", "--model", str(zoo / "m")],
                ["evaluate", str(zoo / "m"), "synthfaces", "--protocol", "tiny"],
            ]
        for command in commands:

            def done(command: list[str] = command, zoo: Path = zoo) -> bool:
                with mock.patch.dict(os.environ, {"AGEKIT_ZOO": str(zoo)}):
                    try:
                        main(command)
                    except SystemExit as end:
                        return end.code in (0, 1, 2)
                return False

            tally.add(f"{file} {k}: {way}: agekit {' '.join(command[:2])}", done)
    return tally


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("runs", "metrics.json", "config.json"))
    arguments = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        from PIL import Image

        (scratch / "photos").mkdir()
        Image.new("RGB", (64, 64), "gray").save(scratch / "photos" / "a.png")
        for what in ("runs", "metrics.json", "config.json"):
            if arguments.only not in (None, what):
                continue
            if what == "runs":
                tally = damage_runs(scratch, arguments.n, arguments.seed)
            else:
                tally = damage_models(scratch, arguments.n, what, arguments.seed)
            print(what, dict(tally.counts))
            print("\n".join(tally.bad))
            bad += len(tally.bad)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(_main())
