"""Puts ONNX Runtime Web into the wheel: fetched when it is built, and never committed."""

from __future__ import annotations

import runpy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Fetches the files for a wheel; an editable checkout fetches them when they are first used."""

    _folder: TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files to the wheel.

        Raises:
            FetchError: npm's registry cannot be reached, or gives something else.
        """
        if version == "editable":
            return
        module = runpy.run_path(str(Path(self.root, "src", "agekit_demo", "runtime.py")))
        self._folder = TemporaryDirectory()
        for file in module["fetch"](Path(self._folder.name)):
            build_data["force_include"][str(file)] = f"agekit_demo/onnxruntime-web/{file.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what was fetched."""
        if self._folder is not None:
            self._folder.cleanup()
