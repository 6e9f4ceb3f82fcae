"""The optional libraries: the extra that brings each, and the error where one is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any

from agekit.discovery import CORE, PACKAGE
from agekit.errors import ConfigError, MissingLibraryError, one_line

__all__ = [
    "COMPILED",
    "LOGS",
    "absent",
    "explained",
    "has_all",
    "install_command",
    "missing_library",
    "package_module",
    "require",
]

_EXTRAS: Mapping[str, str] = {
    "torch": "torch",
    "torchvision": "torch",
    "timm": "torch",
    "mmengine": "train",
    "matplotlib": "figures",
}
"""Import name of a library that modules import plainly → the extra that brings it."""
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "figures": ("matplotlib",),
    "torch": ("torch", "torchvision", "timm"),
    "train": ("torch", "torchvision", "timm", "mmengine", "matplotlib"),
    "tensorboard": ("tensorboard",),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
}
"""Extra → the import names of all that it brings."""
COMPILED = (".so", ".pyd", ".dylib")
"""Endings of compiled modules: where one cannot be loaded, its library is at fault, no plugin."""
LOGS = ("tensorboard", "wandb", "mlflow")
"""What a training can write its losses for, each an extra of that name."""


def install_command(extra: str, distribution: str = CORE) -> str:
    """The command that installs an extra, of `agekit` where that is what is installed.

    Args:
        extra: its name.
        distribution: whose it is.
    """
    return f"pip install '{PACKAGE if has_all() else distribution}[{extra}]'"


def has_all() -> bool:
    """True if the distribution is installed that brings all official plugins and libraries."""
    try:
        metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return False
    return True


def missing_library(error: BaseException | None) -> MissingLibraryError | None:
    """The error to be told where an optional library is missing; None of an error of other cause.

    Args:
        error: the import's, or one that was raised from it.
    """
    while error is not None:
        if isinstance(error, MissingLibraryError):
            return error
        if isinstance(error, ModuleNotFoundError):
            name = (error.name or "").partition(".")[0]
            if name in _EXTRAS and find_spec(name) is None:
                return _missing("this", [name], _EXTRAS[name])
        error = error.__cause__
    return None


@contextmanager
def explained() -> Iterator[None]:
    """Tells which extra brings a library whose import fails, as the error of this block.

    Raises:
        MissingLibraryError: an optional library is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (told := missing_library(error)) is None:
            raise
        raise told from error


def require(extra: str, what: str) -> None:
    """Refuses work that an extra must be installed for, before it begins.

    Args:
        extra: a key of `_NEEDED`.
        what: needs it, as the message begins.

    Raises:
        MissingLibraryError: naming all that is not installed.
    """
    if lacking := [name for name in _NEEDED[extra] if find_spec(name) is None]:
        raise _missing(what, lacking, extra)


def package_module(module: str, package: str, extra: str, distribution: str = CORE) -> Any:
    """Imports a module of an optional library.

    Args:
        module: its name.
        package: the distribution that has it.
        extra: the extra that brings it.
        distribution: whose extra that is.

    Raises:
        ConfigError: it is not installed or does not work.
    """
    try:
        return import_module(module)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError):
            raise absent(package, extra, distribution) from error
        raise ConfigError(f"{package} cannot be used here: {one_line(error)}") from error


def _missing(what: str, names: Sequence[str], extra: str) -> MissingLibraryError:
    verb = "is" if len(names) == 1 else "are"
    hint = install_command(extra) + ("" if has_all() else f", or all: pip install {PACKAGE}")
    return MissingLibraryError(f"{what} needs {', '.join(names)}, which {verb} not installed", hint)


def absent(package: str, extra: str, distribution: str) -> MissingLibraryError:
    """The error where a library is missing that an extra of a distribution brings."""
    return MissingLibraryError(f"{package} is not installed", install_command(extra, distribution))
