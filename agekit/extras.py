"""Packages that are not always installed: an extra brings them, and its name is the hint."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agekit.errors import ConfigError, one_line

__all__ = ["package_file", "package_module"]


def package_module(module: str, package: str, extra: str) -> Any:
    """Imports a module.

    Args:
        module: its name.
        package: the distribution that has it.
        extra: the extra of agekit that brings it.

    Raises:
        ConfigError: it is not installed or does not work.
    """
    try:
        return import_module(module)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError):
            raise _missing(package, extra) from error
        raise ConfigError(f"{package} cannot be used here: {one_line(error)}") from error


def package_file(module: str, path: str, package: str, extra: str) -> Path:
    """A file inside a package, which is not imported.

    Args:
        module: the package's folder.
        path: within the folder.
        package: the distribution that has it.
        extra: the extra of agekit that brings it.

    Raises:
        ConfigError: it is not installed.
    """
    spec = find_spec(module)
    for folder in spec.submodule_search_locations or () if spec else ():
        file = Path(folder, path)
        if file.is_file():
            return file
    raise _missing(package, extra)


def _missing(package: str, extra: str) -> ConfigError:
    return ConfigError(f"{package} is not installed", f"pip install 'agekit[{extra}]'")
