"""Cells as jobs of a cluster, by submitit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from agekit.errors import ConfigError

__all__ = ["ENGINES", "Jobs"]

ENGINES = ("slurm", "local")
"""``local`` runs jobs as processes of this machine, to try things out."""


class Jobs:
    """Submits calls as jobs, which have ``done()``, ``result()`` and ``cancel()``.

    Args:
        engine: one of `ENGINES`.
        folder: where jobs leave their logs.
        settings: of the jobs, as submitit's executor takes them: ``timeout_min``,
            ``slurm_partition``, ``gpus_per_node`` and the like.

    Raises:
        ConfigError: submitit is not installed, or refuses the engine or a setting.
    """

    def __init__(self, engine: str, folder: Path, settings: Mapping[str, Any]) -> None:
        try:
            submitit = import_module("submitit")
        except ImportError as error:
            raise ConfigError(
                "--cluster needs submitit, which is not installed",
                "`pip install 'agekit-bench[slurm]'`, or leave --cluster out",
            ) from error
        try:
            self._executor = submitit.AutoExecutor(folder=str(folder), cluster=engine)
            self._executor.update_parameters(**settings)
        except (RuntimeError, TypeError, ValueError, NameError) as error:
            raise ConfigError(
                f"submitit cannot use the cluster {engine!r} so: {error}",
                "see its documentation for what --slurm KEY=VALUE takes",
            ) from error

    def submit(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Submits one call; both must be picklable."""
        return self._executor.submit(call, *arguments, **named)
