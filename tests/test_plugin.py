"""`agekit.plugin` is what plugins import, and ours import nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from agekit_testkit import scaffold

from agekit import plugin
from agekit.discovery import Entry
from agekit.signature import parameters

ROOT = Path(__file__).parents[1]
PUBLIC = {"agekit.plugin", "agekit.errors"}
TOOLBOXES = (
    "agekit.cli.convert",
    "agekit.cli.dataset_options",
    "agekit.cli.options",
    "agekit.cli.output",
    "agekit.data.augmentation",
    "agekit.data.several",
    "agekit.data.sheet",
    "agekit.discovery",
    "agekit.extras",
    "agekit.faces.align",
    "agekit.faces.framing",
    "agekit.registry",
    "agekit.tasks.estimator.build",
    "agekit.zoo.cards.",
    "agekit.zoo.tensors",
)
"""What commands, tasks and evolvers of plugins may take too: options, output, tables, listings,
cards, geometry, draws, the tensors of other people's files, the estimators of the zoo."""
WITHIN = {
    "agekit-ager",
    "agekit-bench",
    "agekit-explain",
    "agekit-export",
    "agekit-publish",
    "agekit-search",
    "agekit-testkit",
}
"""Made of the inside of the core: a task that was part of it, commands that work with all of it,
and what tests it."""
PLUGINS = [
    path.parent.name
    for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))
    if path.parent.name not in WITHIN and (path.parent / "src").is_dir()
]


def imported(source: str) -> Iterator[str]:
    """The modules of agekit that a program names, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "agekit")


@pytest.mark.parametrize("name", PLUGINS)
def test_an_official_plugin_imports_the_core_from_one_place(name: str) -> None:
    files = sorted((ROOT / "plugins" / name / "src").rglob("*.py"))
    assert files
    wrong = {
        (file.name, module)
        for file in files
        for module in imported(file.read_text(encoding="utf-8"))
        if module not in PUBLIC and not module.startswith(TOOLBOXES)
    }
    assert not wrong


def test_so_do_the_templates_of_new_plugins_and_the_guide() -> None:
    files = [*Path(scaffold.__file__).parent.rglob("*.py.tmpl"), ROOT / "docs" / "plugins.md"]
    lines = [
        line.split()[1]
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.lstrip().startswith(("from agekit.", "import agekit.", "from agekit_testkit"))
    ]
    assert len(lines) > 20
    assert set(lines) == {*PUBLIC, "agekit_testkit"}


def test_its_names_are_said_once_and_are_those_of_their_modules() -> None:
    tree = ast.parse(Path(plugin.__file__).read_bytes())
    typed = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("agekit.")
        for alias in node.names
    }
    assert set(typed) == set(plugin.__all__)
    assert len(plugin.__all__) == len(set(plugin.__all__))
    for name in plugin.__all__:
        assert getattr(plugin, name) is getattr(import_module(str(typed[name])), name)
    assert set(plugin.__all__) <= set(dir(plugin))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = plugin.Nothing


def test_a_plugin_of_datasets_loads_no_torch() -> None:
    code = (
        "import sys, agekit.plugin; before = set(sys.modules)\n"
        "from agekit.plugin import Dataset, FaceTable, Rows, by_identity\n"
        "print({'numpy', 'torch'} & before, {'torch', 'mmengine'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()", "set()"]


@pytest.mark.parametrize(
    ("name", "arguments"), [("Head", ["in_features", "ages"]), ("Loss", []), ("Dataset", [])]
)
def test_arguments_are_read_through_it(name: str, arguments: list[str]) -> None:
    entry = Entry("head", "x", f"agekit.plugin:{name}", "agekit-core", "1.0", 2)
    found = parameters(entry)
    assert found is not None
    assert list(found) == arguments
