"""Every kind of part is one row: what runs beside the table agrees with it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import agekit_testkit
import pytest
from agekit_testkit import scaffold
from agekit_testkit.scaffold.parts import PARTS

from agekit import plugin, registry
from agekit.kinds import KINDS
from agekit.registry import REGISTRIES

DOCS = Path(__file__).parents[1] / "docs/plugins.md"


@pytest.mark.parametrize("row", KINDS.values(), ids=KINDS)
def test_a_kind_is_one_row(row):
    assert REGISTRIES[row.name].kind == row.name
    assert any(value is REGISTRIES[row.name] for value in vars(registry).values())
    check = f"check_{row.name}"
    assert callable(getattr(agekit_testkit, check))
    if row.contract:
        module, _, name = row.contract.partition(":")
        assert isinstance(getattr(import_module(module), name), type)
    if row.mmengine:
        assert REGISTRIES[row.name].mmengine.scope == row.name
    folder = Path(scaffold.__file__).parent / "templates" / row.name
    assert folder.is_dir() == (row.name in PARTS)
    (line,) = re.findall(rf"^\| {row.name} \|.*$", DOCS.read_text(), re.M)
    assert f"`{row.group}`" in line
    assert f"`{check}`" in line
    if row.contract:
        contract = getattr(plugin, name) if hasattr(plugin, name) else None
        shown = f"agekit.plugin.{name}" if contract else row.contract.replace(":", ".")
        assert f"`{shown}`" in line
        assert contract in (None, getattr(import_module(module), name))
