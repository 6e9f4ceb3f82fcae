"""agekit: train, compare, publish and run models of the face and its age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agekit.api import build, evaluate, load, load_aging, train

    __version__: str

__all__ = ["__version__", "build", "evaluate", "load", "load_aging", "train"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("agekit-core")
    if name in __all__:
        from agekit.extras import explained

        with explained():
            from agekit import api
        return getattr(api, name)
    raise AttributeError(f"module 'agekit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
