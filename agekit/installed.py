"""How a distribution was installed, so that a hint says what mends it."""

from __future__ import annotations

import json
from contextlib import suppress
from importlib import metadata
from shlex import quote
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["how_to_upgrade"]


def how_to_upgrade(name: str) -> str:
    """What brings a newer or a whole version of a distribution, as a hint.

    An editable install is its source: pip's ``-U`` would put another in its place. Where it came
    from is what the installer noted in ``direct_url.json`` (PEP 610).

    Args:
        name: of an installed distribution.
    """
    origin: Any = None
    with suppress(metadata.PackageNotFoundError, OSError, ValueError):
        origin = json.loads(metadata.distribution(name).read_text("direct_url.json") or "null")
    url = origin.get("url") if isinstance(origin, dict) else None
    if not isinstance(url, str):
        return f"`pip install -U {name}`"
    parts = urlsplit(url)
    place = quote(unquote(parts.path)) if parts.scheme == "file" else quote(f"{name} @ {url}")
    details = origin.get("dir_info")
    if isinstance(details, dict) and details.get("editable") is True:
        return f"mend or update its source, {place}, then `pip install -e {place}`"
    source = origin.get("vcs_info")
    if isinstance(source, dict):
        place = quote(f"{name} @ {source.get('vcs', 'git')}+{url}")
    return f"`pip install --force-reinstall {place}`"
