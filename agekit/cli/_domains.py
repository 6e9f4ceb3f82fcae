"""The options that say which faces an ager takes for young and for old."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["Domains", "domain_settings", "domains_option", "where_option"]

Command = TypeVar("Command", bound=Callable[..., Any])
Domains = tuple[tuple[float, float], tuple[float, float]]
_RANGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*")


def domains_option(command: Command) -> Command:
    """`--domains 20-29,50-69` → `domains: ((20, 29), (50, 69)) | None`."""
    return click.option(
        "--domains",
        metavar="A-B,C-D",
        callback=_parse_domains,
        help="Agers: the ages of the young and of the old, such as 20-29,50-69.",
    )(command)


def where_option(command: Command) -> Command:
    """`--where gender=male`, many times → `where: dict[str, str]`."""
    return click.option(
        "--where",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_parse_where,
        help="Agers: only the faces of one gender or group, such as gender=male.",
    )(command)


def domain_settings(domains: Domains | None, where: dict[str, str]) -> list[str]:
    """The same as overrides of a recipe."""
    settings = [f"data.where.{key}={value}" for key, value in where.items()]
    if domains is not None:
        settings.append(f"data.domains={[list(domain) for domain in domains]}")
    return settings


def _parse_domains(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Domains | None:
    if value is None:
        return None
    ranges = [_RANGE.fullmatch(part) for part in value.split(",")]
    if len(ranges) != 2 or not all(ranges):
        raise click.BadParameter(f"{value!r} is not two ranges of ages, such as 20-29,50-69.")
    young, old = ((float(r[1]), float(r[2])) for r in ranges if r)
    if young[0] > young[1] or old[0] > old[1]:
        raise click.BadParameter(f"{value!r}: a range goes from the lower age to the higher.")
    return young, old


def _parse_where(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    out: dict[str, str] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if key not in ("gender", "group") or not equals or not text:
            raise click.BadParameter(f"{value!r} is not gender=VALUE or group=VALUE.")
        out[key] = text
    return out
