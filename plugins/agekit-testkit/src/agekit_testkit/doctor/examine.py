"""The check of `agekit plugins doctor`: every part imported, in a process per distribution.

A part that crashes the interpreter, exits it or hangs costs itself alone: the next one begins a
new process.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from tempfile import TemporaryFile
from typing import IO

from agekit.cli.output import say
from agekit.discovery import API_VERSION, Distribution, Entry, distributions, entries, normalise
from agekit.errors import (
    AgekitError,
    MissingLibraryError,
    UnknownNameError,
    nearest,
    one_line,
)
from agekit.extras import explained, missing_library
from agekit.registry import REGISTRIES
from agekit_testkit.scaffold.names import shadowed

__all__ = ["DoctorReport", "PartReport", "examine", "load_parts"]

_BEGIN = 60
"""Seconds that a process may take besides its parts."""
_LATE = b"Timeout ("
"""The beginning of what `faulthandler` says when it ends a process."""
_SHOWN = 60


@dataclass(frozen=True)
class PartReport:
    """The findings about one part, or about a distribution as a whole.

    Args:
        distribution: its name.
        version: its version.
        group: the kind of part, or "" for the distribution as a whole.
        name: the part's name, or "".
        status: ok, warning, error or disabled; a warning where a part lacks an optional library.
        error: what is wrong, or "".
        hint: how to mend it, or "".
        check: ``passed``, ``failed``, ``left out: `` and why, or "" where it was not begun.
    """

    distribution: str
    version: str
    group: str
    name: str
    status: str
    error: str = ""
    hint: str = ""
    check: str = ""


@dataclass(frozen=True)
class DoctorReport:
    """All findings.

    Args:
        ok: whether none is an error.
        findings: one per part, and one per remark about a distribution.
    """

    ok: bool
    findings: tuple[PartReport, ...]


def examine(names: Sequence[str] = (), *, check: bool = True, limit: float = 120) -> DoctorReport:
    """Examines distributions that give parts.

    Args:
        names: which; none means all.
        check: whether to run the check of each part that can be imported.
        limit: seconds that one part may take.

    Raises:
        UnknownNameError: a named one gives no part, or is not installed.
    """
    found = {normalise(distribution.name): distribution for distribution in distributions()}
    for name in names:
        if normalise(name) not in found:
            raise UnknownNameError(
                f"no installed distribution {name!r} gives agekit parts"
                f"{nearest(normalise(name), found)}",
                "see `agekit plugins list`",
            )
    chosen = [found[normalise(name)] for name in names] or list(found.values())
    findings: list[PartReport] = []
    for distribution in chosen:
        findings += _remarks(distribution)
        if not distribution.disabled:
            doing = "checking" if check else "loading"
            say(f"{doing} the parts of {distribution.name} ...")
            findings += _parts(distribution, check, limit)
    return DoctorReport(all(finding.status != "error" for finding in findings), tuple(findings))


def load_parts(check: str, limit: str, distribution: str, *labels: str) -> None:
    """Loads and checks parts of one distribution, and writes one JSON line about each to stdout.

    What the parts themselves print goes to stderr.

    Args:
        check: whether to check them; empty loads them only.
        limit: seconds that one may take; then the process ends.
        distribution: its name.
        labels: `kind/name` of each part.
    """
    # What a part prints would be taken for an answer, so stdout is theirs no more.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    left_out = ""
    try:
        with explained():
            import_module("agekit_testkit.checks.usual" if check else __name__)
    except MissingLibraryError as error:
        left_out = f"left out: {error.message}"
    for label in labels:
        faulthandler.dump_traceback_later(float(limit), exit=True, file=2)
        kind, _, name = label.partition("/")
        answer = {"part": label, "status": "error", "error": "", "hint": "", "check": left_out}
        try:
            registry = REGISTRIES[kind]
            registry.get(f"{distribution}:{name}")
            if check and not left_out:
                answer |= _checked(registry.find(f"{distribution}:{name}"))
        except AgekitError as error:
            answer |= {"error": error.message, "hint": error.hint, "check": ""}
            if missing_library(error):
                answer["status"] = "warning"
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _checked(entry: Entry) -> dict[str, str]:
    """The outcome of the check of a part."""
    from agekit_testkit.checks.usual import check_as_used

    try:
        lacking = check_as_used(entry)
        return {"check": f"left out: {lacking}" if lacking else "passed"}
    except (Exception, SystemExit) as error:
        if library := missing_library(error):
            return {"check": f"left out: {library.message}"}
        told = isinstance(error, AgekitError | AssertionError)
        reason = one_line(error) if told else f"{type(error).__name__}: {one_line(error)}"
        hint = f"see check_{entry.kind} in agekit_testkit, which a test of the plugin can call"
        return {"check": "failed", "error": f"{entry} fails its check: {reason}", "hint": hint}


def _remarks(distribution: Distribution) -> list[PartReport]:
    """Remarks on its metadata alone."""

    def remark(status: str, error: str, hint: str = "") -> PartReport:
        return PartReport(distribution.name, distribution.version, "", "", status, error, hint)

    if distribution.disabled:
        return [remark("disabled", "")]
    if distribution.problem:
        return [remark("error", f"{distribution.name}: {distribution.problem}")]
    if distribution.api is None:
        return [
            remark(
                "warning",
                f"{distribution.name} does not say which plugin interface it is written for; "
                "1 is assumed",
                'add [project.entry-points."agekit.api"] with the line '
                f'{API_VERSION} = "<its package>"',
            )
        ]
    return []


def _parts(distribution: Distribution, check: bool, limit: float) -> list[PartReport]:
    """Tries its parts in a process of their own, in a new one after each that ends the process."""
    found = [entry for entry in entries() if entry.distribution == distribution.name]
    findings: list[PartReport] = []
    while len(findings) < len(found):
        answers, end = _run(distribution.name, found[len(findings) :], check, limit)
        for entry, answer in zip(found[len(findings) :], answers, strict=False):
            findings.append(_finding(entry, **answer))
        if len(findings) < len(found):
            entry = found[len(findings)]
            hint = f"import {entry.module} by hand, or give it more seconds by --limit"
            findings.append(_finding(entry, f"{entry} {end}", hint))
    return findings


def _finding(
    entry: Entry, error: str, hint: str, check: str = "", status: str = "error"
) -> PartReport:
    """The finding about a part; `status` is that of its error, if it has one."""
    rivals = [
        other.provider
        for other in entries(entry.kind)
        if other.name == entry.name and other.distribution != entry.distribution
    ]
    if not error and rivals:
        error = f"{entry} is also given by {' and by '.join(rivals)}"
        hint = f"choose one with '{entry.distribution}:{entry.name}'"
    if not error and entry.kind == "recipe" and (pair := shadowed(entry.name)):
        error = (
            f"{entry} takes the place of "
            f"the recipe {pair[0]!r} on {pair[1]!r}, which that name means without it"
        )
        hint = "give the recipe another name"
    status = status if error else "ok"
    of = (entry.distribution, entry.version, entry.kind, entry.name)
    return PartReport(*of, status, error, hint, check)


def _run(
    distribution: str, parts: Sequence[Entry], check: bool, limit: float
) -> tuple[list[dict[str, str]], str]:
    """The answers about the first of `parts`, and how the process ended if it left some out.

    What it writes goes to files: a child of its own that outlives it holds no pipe open.
    """
    labels = [f"{entry.kind}/{entry.name}" for entry in parts]
    program = f"import sys; from {__name__} import load_parts; load_parts(*sys.argv[1:])"
    path = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)
    arguments = ["check" * check, str(limit), distribution, *labels]
    with TemporaryFile() as out, TemporaryFile() as err:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", program, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        late = False
        try:
            process.wait(limit * len(parts) + _BEGIN)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            # The whole group: what a part started must not outlive its check.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        output, said = (_contents(file) for file in (out, err))
    last = said.decode(errors="replace").strip().rpartition("\n")[2]
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    end = f"ends the Python process ({how}){': ' + last if last else ''}"
    if late or _LATE in said:
        end = f"takes longer than {limit:g} s"
    answers: list[dict[str, str]] = []
    for label, line in zip(labels, output.splitlines(), strict=False):
        if (answer := _answer(label, line)) is None:
            return answers, f"writes to file descriptors that it did not open: {line[:_SHOWN]!r}"
        answers.append(answer)
    return answers, end


def _contents(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _answer(label: str, line: bytes) -> dict[str, str] | None:
    """The report of `load_parts` about a part; None where it is something else."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or answer.get("part") != label:
        return None
    del answer["part"]
    return answer if answer.keys() == {"status", "error", "hint", "check"} else None
