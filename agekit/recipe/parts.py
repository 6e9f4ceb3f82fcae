"""From the name of a part and its arguments to the part."""

from __future__ import annotations

from typing import Any

from agekit._loading import one_line
from agekit.errors import AgekitError, ConfigError
from agekit.recipe.schema import PartConfig
from agekit.registry import Registry

__all__ = ["build_part"]


def build_part(registry: Registry, part: PartConfig, *positional: Any) -> Any:
    """Builds a part from its registry with its recipe's arguments.

    Args:
        registry: where its name is looked up.
        part: its name and keyword arguments.
        positional: what the core gives it first.

    Raises:
        ConfigError: it does not take these arguments, or fails with them.
    """
    arguments = part.arguments
    factory = registry.get(part.type)
    try:
        return factory(*positional, **arguments)
    except AgekitError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the {registry.kind} {part.type!r} cannot be built with {arguments}: "
            f"{one_line(error) or type(error).__name__}"
        ) from error
