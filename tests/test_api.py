from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from importlib.metadata import version

import pytest

import agekit

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(agekit.__path__, "agekit.")
    if not module.name.endswith("__main__")
)


def order(name):
    """Constants, then classes, then the rest, each by name, as ruff sorts `__all__`."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def _is_subcommand(node):
    """Whether this is a command of a click group, reached through its group."""
    return any(
        ".command" in ast.unparse(d) and "click" not in ast.unparse(d) for d in node.decorator_list
    )


def test_the_package_offers_its_functions():
    functions = ["build", "evaluate", "load", "load_aging", "train"]
    assert agekit.__all__ == ["__version__", *functions]
    assert agekit.__version__ == version("agekit-core")
    assert set(agekit.__all__) <= set(dir(agekit))
    for name in functions:
        assert callable(getattr(agekit, name))
    with pytest.raises(AttributeError, match="no attribute 'biuld'"):
        _ = agekit.biuld


@pytest.mark.parametrize(
    "module", ["agekit", "agekit.cli", "agekit.discovery", "agekit.registry", "agekit.recipe"]
)
def test_light_modules_import_nothing_heavy(module):
    program = f"import sys, {module}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    heavy = ("torch", "timm", "mmengine", "numpy", "agekit_")
    assert not [name for name in done.stdout.split() if name.startswith(heavy)]


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_listed_sorted_and_there(name):
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", None)
    defined = [
        node.name
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and not node.name.startswith("_")
        and not _is_subcommand(node)
    ]
    if listed is None:
        assert not defined, f"{name} has no __all__"
        return
    assert listed == sorted(listed, key=order)
    assert len(set(listed)) == len(listed)
    assert not [public for public in listed if not hasattr(module, public)]
    assert set(defined) <= set(listed)
