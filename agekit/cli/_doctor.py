"""What `agekit plugins doctor` does: imports every part, one process per distribution.

A plugin that crashes the interpreter, exits it or hangs then costs its own parts alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from agekit.cli._output import print_table
from agekit.discovery import Distribution, Entry, distributions, entries, normalise
from agekit.errors import AgekitError, UnknownNameError, nearest
from agekit.registry import REGISTRIES
from agekit.scaffold.shadow import shadowed

__all__ = ["Finding", "Report", "examine", "load_parts"]

_LIMIT = 300
"""Seconds that one distribution may take."""
_SHOWN = 60


@dataclass(frozen=True)
class Finding:
    """What was found about one part, or about a distribution as a whole.

    Args:
        distribution: its name.
        version: its version.
        group: the kind of part, or "" for the distribution as a whole.
        name: the part's name, or "".
        status: ok, warning, error or disabled.
        error: what is wrong, or "".
        hint: how to mend it, or "".
    """

    distribution: str
    version: str
    group: str
    name: str
    status: str
    error: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Report:
    """All findings.

    Args:
        ok: whether none is an error.
        findings: one per part, and one per remark about a distribution.
    """

    ok: bool
    findings: tuple[Finding, ...]

    def print(self) -> None:
        """Prints the table of findings, then each error with its hint, to stdout."""
        print_table(
            ["distribution", "version", "part", "name", "status"],
            [(f.distribution, f.version, f.group, f.name, f.status) for f in self.findings],
        )
        for finding in self.findings:
            if finding.error:
                click.echo(f"\n{finding.status}: {finding.error}")
                if finding.hint:
                    click.echo(f"  hint: {finding.hint}")


def examine(names: Sequence[str] = ()) -> Report:
    """Examines distributions that give parts.

    Args:
        names: which; none means all.

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
    findings: list[Finding] = []
    for distribution in chosen:
        findings += _remarks(distribution)
        if not distribution.disabled:
            click.echo(f"loading the parts of {distribution.name} ...", err=True)
            findings += _parts(distribution)
    return Report(all(finding.status != "error" for finding in findings), tuple(findings))


def load_parts(distribution: str, *labels: str) -> None:
    """Loads parts of one distribution, and writes one JSON line about each to the real stdout.

    Args:
        distribution: its name.
        labels: `kind/name` of each part.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for label in labels:
        kind, _, name = label.partition("/")
        answer = {"part": label, "error": "", "hint": ""}
        try:
            REGISTRIES[kind].get(f"{distribution}:{name}")
        except AgekitError as error:
            answer |= {"error": error.message, "hint": error.hint}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _remarks(distribution: Distribution) -> list[Finding]:
    """What its metadata alone tell."""

    def remark(status: str, error: str, hint: str = "") -> Finding:
        return Finding(distribution.name, distribution.version, "", "", status, error, hint)

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
                'add [project.entry-points."agekit.api"] with the line 1 = "<its package>"',
            )
        ]
    return []


def _parts(distribution: Distribution) -> list[Finding]:
    """Loads its parts in a process of their own, in a new one after each that ends the process."""
    found = [entry for entry in entries() if entry.distribution == distribution.name]
    findings: list[Finding] = []
    while len(findings) < len(found):
        answers, end = _run(distribution.name, found[len(findings) :])
        for entry, answer in zip(found[len(findings) :], answers, strict=False):
            findings.append(_finding(entry, answer["error"], answer["hint"]))
        if len(findings) < len(found):
            entry = found[len(findings)]
            what = f"{entry.kind} {entry.name!r} of {entry.distribution} {entry.version}"
            findings.append(_finding(entry, f"{what} {end}", f"import {entry.module} by hand"))
    return findings


def _finding(entry: Entry, error: str, hint: str) -> Finding:
    rivals = [
        f"{other.distribution} {other.version}"
        for other in entries(entry.kind)
        if other.name == entry.name and other.distribution != entry.distribution
    ]
    if not error and rivals:
        error = (
            f"{entry.kind} {entry.name!r} of {entry.distribution} {entry.version} is also given "
            f"by {' and by '.join(rivals)}"
        )
        hint = f"choose one with '{entry.distribution}:{entry.name}'"
    if not error and entry.kind == "recipe" and (pair := shadowed(entry.name)):
        error = (
            f"recipe {entry.name!r} of {entry.distribution} {entry.version} takes the place of "
            f"the recipe {pair[0]!r} on {pair[1]!r}, which that name means without it"
        )
        hint = "give the recipe another name"
    status = "error" if error else "ok"
    return Finding(entry.distribution, entry.version, entry.kind, entry.name, status, error, hint)


def _run(distribution: str, parts: Sequence[Entry]) -> tuple[list[dict[str, str]], str]:
    """The answers about the first of `parts`, and how the process ended if it left some out."""
    labels = [f"{entry.kind}/{entry.name}" for entry in parts]
    program = f"import sys; from {__name__} import load_parts; load_parts(*sys.argv[1:])"
    path = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, distribution, *labels],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            timeout=_LIMIT,
        )
        output, status = done.stdout, done.returncode
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        end = f"ends the Python process ({how}){': ' + last if last else ''}"
    except subprocess.TimeoutExpired as error:
        output, end = error.stdout or b"", f"takes longer than {_LIMIT} s to import"
    answers: list[dict[str, str]] = []
    for label, line in zip(labels, output.splitlines(), strict=False):
        if (answer := _answer(label, line)) is None:
            return answers, f"writes to file descriptors that it did not open: {line[:_SHOWN]!r}"
        answers.append(answer)
    return answers, end


def _answer(label: str, line: bytes) -> dict[str, str] | None:
    """What `load_parts` wrote about a part; None where it is something else."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or answer.get("part") != label:
        return None
    return answer if {"error", "hint"} <= answer.keys() else None
