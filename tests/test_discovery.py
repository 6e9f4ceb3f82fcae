from __future__ import annotations

import sys

import pytest

from agekit import discovery
from agekit.kinds import KINDS


def names(kind, distribution):
    return [e.name for e in discovery.entries(kind) if e.distribution == distribution]


def test_entries_come_from_metadata_alone(write_plugin):
    write_plugin(
        "agekit-thrown", {"loss": {"b": "thrown:B", "a": "thrown:A"}}, {"thrown.py": "1 / 0"}, "2.3"
    )
    found = [e for e in discovery.entries("loss") if e.distribution == "agekit-thrown"]
    assert found == [
        discovery.Entry("loss", "a", "thrown:A", "agekit-thrown", "2.3", 1),
        discovery.Entry("loss", "b", "thrown:B", "agekit-thrown", "2.3", 1),
    ]
    assert "thrown" not in sys.modules


def test_entries_are_sorted_by_kind_then_name():
    found = discovery.entries()
    order = list(KINDS)
    assert list(found) == sorted(found, key=lambda e: (order.index(e.kind), e.name, e.distribution))
    assert {"resnet18", "synthfaces", "single"} <= {e.name for e in found}


@pytest.mark.parametrize(
    "listed", ["agekit-thrown", "Agekit_Thrown", "other, agekit.thrown", "all"]
)
def test_disabling_hides_a_distribution(write_plugin, monkeypatch, listed):
    write_plugin("agekit-thrown", {"loss": {"a": "thrown:A"}})
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", listed)
    assert names("loss", "agekit-thrown") == []
    (found,) = [d for d in discovery.distributions() if d.name == "agekit-thrown"]
    assert found.disabled
    assert found.parts["loss"] == ("a",)


def test_agekit_itself_is_never_disabled(monkeypatch):
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "all,agekit")
    assert {e.distribution for e in discovery.entries()} == {"agekit-core"}


@pytest.mark.parametrize("name", ["agekit", "Agekit", "agekit_core", "agekit-core"])
def test_agekit_is_the_core_that_was_called_so(name):
    """Models, runs and recipes name the distribution that gave their parts."""
    assert discovery.normalise(name) == discovery.CORE
    assert discovery.normalise(f"{name}-x") != discovery.CORE


@pytest.mark.parametrize(("declared", "api"), [(1, 1), (7, 7), (None, None)])
def test_declared_interface_version(write_plugin, declared, api):
    write_plugin("agekit-thrown", {"loss": {"a": "thrown:A"}}, api=declared, summary="One line.")
    (found,) = [d for d in discovery.distributions() if d.name == "agekit-thrown"]
    assert (found.api, found.summary, found.problem) == (api, "One line.", "")
    (entry,) = [e for e in discovery.entries() if e.distribution == "agekit-thrown"]
    assert entry.api == (1 if api is None else api)


def test_interface_version_that_is_no_integer_is_a_problem(write_plugin):
    write_plugin("agekit-thrown", {"loss": {"a": "thrown:A"}}, api="one")
    (found,) = [d for d in discovery.distributions() if d.name == "agekit-thrown"]
    assert "'one', not an integer" in found.problem


def test_unreadable_entry_points_break_only_their_distribution(write_plugin):
    site = write_plugin("agekit-thrown", {"loss": {"a": "thrown:A"}})
    (site / "agekit_thrown-1.0.dist-info" / "entry_points.txt").write_text(
        "[agekit.losses]\noops\n"
    )
    discovery.refresh()
    (found,) = [d for d in discovery.distributions() if d.name == "agekit-thrown"]
    assert "entry_points.txt cannot be read" in found.problem
    assert "resnet18" in [e.name for e in discovery.entries("backbone")]


@pytest.mark.parametrize("file", ["METADATA", "entry_points.txt"])
def test_metadata_that_are_not_utf8_are_a_problem_of_their_own(write_plugin, file):
    site = write_plugin("agekit-thrown", {"loss": {"a": "thrown:A"}}, summary="One line.")
    path = site / "agekit_thrown-1.0.dist-info" / file
    path.write_bytes(path.read_bytes() + b"Author: Andr\xe9\n")
    discovery.refresh()
    (found,) = [d for d in discovery.distributions() if d.name == "agekit-thrown"]
    assert f"its {file} cannot be read: 'utf-8' codec" in found.problem
    assert (found.version, found.summary) == ("1.0", "One line.")
    assert "resnet18" in names("backbone", "agekit-core")


def test_first_of_two_copies_on_the_path_counts(write_plugin, tmp_path, monkeypatch):
    site = write_plugin("agekit-thrown", {"loss": {"a": "thrown:A"}})
    nearer = tmp_path / "nearer"
    nearer.mkdir()
    info = "agekit_thrown-1.0.dist-info"
    (site / info).rename(nearer / info)
    write_plugin("agekit-thrown", {"loss": {"old": "thrown:A"}}, version="0.9")
    monkeypatch.syspath_prepend(str(nearer))
    discovery.refresh()
    assert names("loss", "agekit-thrown") == ["a"]


def test_module_paths_imports_nothing(write_plugin):
    site = write_plugin("agekit-thrown", {}, {"thrown/__init__.py": "1 / 0", "alone.py": "1 / 0"})
    assert discovery.module_paths("thrown.recipes") == [site / "thrown" / "recipes"]
    assert discovery.module_paths("alone") == [site / "alone"]
    assert discovery.module_paths("alone.inner") == []
    assert discovery.module_paths("agekit_of_nobody.recipes") == []
    assert not {"thrown", "alone"} & set(sys.modules)
