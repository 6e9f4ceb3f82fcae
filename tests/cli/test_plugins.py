"""`agekit plugins list`, and the hints that fit how a distribution was installed."""

from __future__ import annotations

import json

import pytest

from agekit.errors import PluginError
from agekit.registry import LOSSES


def test_list_tells_what_each_distribution_gives(run_agekit, write_plugin):
    write_plugin(
        "agekit-thrown",
        {"loss": {"b": "thrown:B", "a": "thrown:A"}},
        {"thrown.py": "1 / 0"},
        summary="A thrown plugin.",
    )
    done = run_agekit("plugins", "list", "--json", AGEKIT_DISABLE_PLUGINS="agekit-thrown")
    (found,) = [d for d in json.loads(done.stdout) if d["name"] == "agekit-thrown"]
    assert found.pop("parts")["loss"] == ["a", "b"]
    assert found == {
        "name": "agekit-thrown",
        "version": "1.0",
        "api": 1,
        "summary": "A thrown plugin.",
        "disabled": True,
    }
    human = run_agekit("plugins", "list").stdout
    assert "agekit-thrown 1.0  A thrown plugin.\n  loss      a, b\n" in human


def test_hints_fit_how_a_distribution_was_installed(write_plugin):
    site = write_plugin("agekit-thrown", {"loss": {"lost": "nobody_at_all:Loss"}})
    info = site / "agekit_thrown-1.0.dist-info" / "direct_url.json"
    for origin, hint in (
        ('{"url": "file:///a%20b/c", "dir_info": {"editable": true}}', "`pip install -e '/a b/c'`"),
        ('{"url": "file:///a/c", "dir_info": {}}', "`pip install --force-reinstall /a/c`"),
        (
            '{"url": "https://host/c.git", "vcs_info": {"vcs": "git", "commit_id": "0"}}',
            "`pip install --force-reinstall 'agekit-thrown @ git+https://host/c.git'`",
        ),
        ("[", "`pip install -U agekit-thrown`"),
        ('{"url": 3}', "`pip install -U agekit-thrown`"),
    ):
        info.write_text(origin)
        with pytest.raises(PluginError) as caught:
            LOSSES.get("lost")
        assert hint in caught.value.hint
        assert ("-U" in caught.value.hint) is ("-U" in hint)
