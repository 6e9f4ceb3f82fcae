"""The checks of a distribution that gives parts."""

from __future__ import annotations

import json
from typing import Any

from agekit import signature
from agekit._annotation import fits
from agekit.discovery import API_VERSION, OLDEST_API, distributions, entries, normalise
from agekit.signature import UNKNOWN
from agekit_testkit.checks.process import run_python

__all__ = ["check_plugin"]

_RUN = "from agekit.cli import main; main(sys.argv[1:])"


def check_plugin(distribution: str) -> None:
    """Checks that an installed distribution keeps the contract of plugins.

    Its parts are listed by ``agekit list`` without an import of its code, each can be loaded
    (``agekit plugins doctor --no-check``), it says which plugin interface it is written for, and
    its parts' arguments can be read from the source with types and defaults that a recipe can hold.

    Args:
        distribution: its name.

    Raises:
        AssertionError: saying what is wrong.
    """
    found = {normalise(one.name): one for one in distributions()}
    plugin = found.get(normalise(distribution))
    if plugin is None:
        raise AssertionError(
            f"no installed distribution {distribution!r} gives agekit parts; install it, with its "
            "entry points, by `pip install -e .`"
        )
    if plugin.api is None or not OLDEST_API <= plugin.api <= API_VERSION:
        raise AssertionError(
            f"{plugin.name} says it is written for plugin interface {plugin.api}, and this agekit "
            f'offers {API_VERSION}; put {API_VERSION} = "<package>" under '
            '[project.entry-points."agekit.api"]'
        )
    own = [entry for entry in entries() if normalise(entry.distribution) == normalise(distribution)]
    _check_listing(plugin.name, {(e.kind, e.name) for e in own}, {e.module for e in own})
    _check_loading(plugin.name)
    for entry in own:
        for name, parameter in (signature.parameters(entry) or {}).items():
            where = f"{entry.kind} {entry.name!r} of {plugin.name}: its argument {name!r}"
            if parameter.annotation is None:
                raise AssertionError(f"{where} has no type")
            if parameter.default is UNKNOWN and not parameter.required:
                raise AssertionError(f"{where} has a default that is no plain value")
            if not parameter.required and fits(parameter.annotation, parameter.default) is False:
                raise AssertionError(
                    f"{where} is {parameter.annotation}, its default {parameter.default!r}"
                )


def _check_listing(distribution: str, parts: set[tuple[str, str]], modules: set[str]) -> None:
    """`agekit list` names the parts in a process that imports none of their modules."""
    done, imported = run_python(_RUN, "list", "--json")
    listed = {
        (part["kind"], part["name"])
        for part in json.loads(done.stdout)
        if normalise(part["distribution"]) == normalise(distribution)
    }
    if missing := parts - listed:
        raise AssertionError(f"{distribution}: `agekit list` lacks {sorted(missing)}")
    if wrong := imported & modules:
        raise AssertionError(f"{distribution}: `agekit list` imports {sorted(wrong)}")


def _check_loading(distribution: str) -> None:
    done, _ = run_python(_RUN, "plugins", "doctor", distribution, "--no-check", "--json")
    report: dict[str, Any] = json.loads(done.stdout)
    wrong = [
        f"{one['error']}" for one in report["findings"] if one["status"] in ("error", "warning")
    ]
    if wrong:
        raise AssertionError(f"`agekit plugins doctor {distribution}`: {'; '.join(wrong)}")
