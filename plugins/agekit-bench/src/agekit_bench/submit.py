"""Somebody's result: checked against itself and what is known, then added."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agekit.atomic import aside_of, make_folders, remove_folders
from agekit.errors import AgekitError, DataError
from agekit_bench.catalog import find_suites, load_suite
from agekit_bench.report.build import gather
from agekit_bench.result import Result
from agekit_bench.result_files import (
    RUNS,
    canonical_hash,
    predictions_path,
    read_result,
)
from agekit_bench.vetting import figure_reasons

__all__ = ["Verdict", "add", "check", "known_results", "plain_text"]


_PATH = re.compile(r"(^|[\s\"'=(])(~?/[\w.+-]+(/[\w.+-]+)+|[A-Za-z]:\\)|\bfile://|\bdata:\w+/")
_LONGEST = 200
_LONGEST_TEXT = 20_000


@dataclass(frozen=True)
class Verdict:
    """The verdict on a result file.

    Attributes:
        path: of it.
        result: what it holds; None where it cannot be read.
        target: where it goes.
        reasons: why it is refused; none if it is not.
        remarks: what a person should look at.
    """

    path: Path
    result: Result | None
    target: Path | None
    reasons: list[str]
    remarks: list[str]


Known = Mapping[Path, Result]


def known_results(folder: Path) -> dict[Path, Result]:
    """The results that are there already; none where the folder is not."""
    return gather([folder]) if folder.is_dir() else {}


def check(path: Path, folder: Path, known: Known) -> Verdict:
    """Checks a result file against its predictions, and against the results that are there.

    Args:
        path: of the result; its predictions lie beside it.
        folder: of the results of all suites.
        known: what is there, see `known_results`.
    """
    try:
        result = read_result(path)
    except DataError as error:
        return Verdict(path, None, None, [plain_text(error.message)], [])
    reasons, remarks = list(_names(result)), list(_doubts(result))
    target = None
    if not reasons:
        target = result.path(folder / result.suite)
        if target.exists():
            reasons.append(f"there is a result of this cell already: {target}")
    reasons += [*_private(result), *_split(result, known)]
    if result.status == "failed":
        reasons.append("the cell failed: there is nothing to add")
    else:
        reasons += figure_reasons(path, result, known, remarks)
    reasons, remarks = list(map(plain_text, reasons)), list(map(plain_text, remarks))
    return Verdict(path, result, target if not reasons else None, reasons, remarks)


def _names(result: Result) -> Iterator[str]:
    """The faults of names that become names of folders and files."""
    for name, text in (
        ("suite", result.suite),
        ("recipe_name", result.recipe_name),
        ("protocol", result.protocol),
    ):
        is_name = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:+-]{0,199}", text)
        if not is_name or ".." in text or text == RUNS:
            yield f"{name}: {text[:_LONGEST]!r} is no name"
    if "/" in result.suite:
        yield f"suite: {result.suite[:_LONGEST]!r} is no name"
    if result.predictions is not None:
        expected = predictions_path(Path(f"seed-{result.seed}.json")).name
        if result.predictions.file != expected:
            yield f"predictions.file: it has to be called {expected}"


def _doubts(result: Result) -> Iterator[str]:
    if result.code is None:
        yield "no commit of agekit is told"
    elif not result.code.clean:
        yield "the code was changed since its commit"
    if result.machine is None:
        yield "no machine is told"
    if result.suite not in find_suites():
        yield f"the suite {result.suite} is not known here"
        return
    try:
        suite = load_suite(result.suite)
    except AgekitError:
        return
    row = suite.row(result.row)
    if row is None:
        yield f"the suite {result.suite} has no row {result.row!r}: it would be a new one"
        return
    backbones = row.backbones or suite.backbones
    if result.recipe_name not in (row.recipe, *(f"{row.recipe}-{name}" for name in backbones)):
        on = f" on {' or '.join(backbones)}" if backbones else ""
        yield (
            f"the row {result.row!r} is of the recipe {row.recipe}{on}, "
            f"this of {result.recipe_name}"
        )


def _private(result: Result) -> Iterator[str]:
    """Paths of somebody's machine, pictures, and whatever else is no part of a result."""
    for where, text in _texts(result.model_dump(mode="json"), ""):
        if where.endswith(("predictions.sha256", "recipe_hash")):
            continue
        if len(text) > (_LONGEST_TEXT if where.endswith("error.log") else 1000):
            yield f"{where}: a text of {len(text)} letters"
        elif found := _PATH.search(text):
            yield f"{where}: {found.group(0).strip()!r} looks like a path of a machine or a picture"
        elif plain_text(text) != text:
            yield f"{where}: it has letters that cannot be seen"
    if result.parameters == 0:
        yield "parameters: 0 is no number of parameters"
    if result.recipe is not None and result.recipe_hash != canonical_hash(result.recipe):
        yield "recipe_hash: it is not that of the recipe"


def plain_text(text: str) -> str:
    """Somebody's text without what a terminal obeys or turns around."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{where} key".strip(), str(key)
            yield from _texts(item, f"{where}.{str(key)[:_LONGEST]}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{where}.{index}")


def _split(result: Result, known: Known) -> Iterator[str]:
    """Splits that are not those under which others were scored."""
    hashes: dict[str, set[str]] = {}
    for other in known.values():
        if other.split_hash is not None and other.status == "done":
            hashes.setdefault(other.protocol, set()).add(other.split_hash)
        for evaluation in other.evaluations:
            hashes.setdefault(evaluation.protocol, set()).add(evaluation.split_hash)
    own = {(e.protocol, e.split_hash) for e in result.evaluations}
    if result.split_hash is not None:
        own.add((result.protocol, result.split_hash))
    for protocol, split_hash in sorted(own):
        if protocol in hashes and split_hash not in hashes[protocol]:
            told = " or ".join(sorted(hashes[protocol]))
            yield f"split_hash: {protocol} is {told} here, not {split_hash}: another split or data"


def add(verdicts: Sequence[Verdict]) -> list[Path]:
    """Copies results that are not refused, with their predictions.

    Everything is copied aside first, then renamed, the results last: none is ever there without
    its predictions.

    Args:
        verdicts: none of them refused, each of another cell.

    Returns:
        where each result is now.

    Raises:
        DataError: something cannot be written; then nothing was added.
    """
    copies = sorted(_copies(verdicts), key=lambda copy: copy[1].suffix == ".json")
    finished = ExitStack()
    with ExitStack() as undo:
        asides = [_copy_aside(source, target, undo) for source, target in copies]
        for aside, (_, target) in zip(asides, copies, strict=True):
            _place(aside, target, undo, finished)
        undo.pop_all()
    finished.close()
    return [verdict.target for verdict in verdicts if verdict.target is not None]


def _copies(verdicts: Sequence[Verdict]) -> Iterator[tuple[Path, Path]]:
    for verdict in verdicts:
        assert verdict.result is not None
        assert verdict.target is not None
        yield verdict.path, verdict.target
        if verdict.result.predictions is not None:
            source = verdict.path.parent / verdict.result.predictions.file
            yield source, predictions_path(verdict.target)


def _copy_aside(source: Path, target: Path, undo: ExitStack) -> Path:
    """Copies a file beside its target, the folders above it made; `undo` takes both back."""
    try:
        undo.callback(remove_folders, make_folders(target.parent))
    except OSError as error:
        raise _failed(Path(error.filename or target.parent), error) from error
    aside = aside_of(target)
    undo.callback(_remove, aside)
    try:
        shutil.copyfile(source, aside)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise _failed(source if error.filename == str(source) else target, error) from error
    return aside


def _place(aside: Path, target: Path, undo: ExitStack, finished: ExitStack) -> None:
    """Renames a copy to its target; what was there is back after `undo`, gone after `finished`."""
    before = target.with_name(f".{target.name}.{os.getpid()}.before")
    try:
        if target.is_file():
            os.rename(target, before)
            undo.callback(os.rename, before, target)
            finished.callback(_remove, before)
        os.rename(aside, target)
    except OSError as error:
        raise _failed(target, error) from error
    undo.callback(_remove, target)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _failed(place: Path, error: OSError) -> DataError:
    return DataError(
        f"nothing was added: {place} cannot be copied or made: {error.strerror or error}",
        "move away what stands there, make room or get leave to write, or take another --into",
    )
