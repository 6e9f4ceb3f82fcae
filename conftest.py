"""Throwaway plugin distributions, the real command line over them, and small real images."""

from __future__ import annotations

import atexit
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from PIL import Image

from agekit import discovery
from agekit.kinds import KINDS
from tests import warm

os.environ["HF_HUB_DISABLE_XET"] = "1"
"""The Hub's client reads it when it is imported; a Hub on the loopback interface has no Xet."""

os.environ.setdefault("AGEKIT_ONNX", "0")
"""Each ONNX file takes seconds to make: the tests of them ask for it."""

WritePlugin = Callable[..., Path]
RunAgekit = Callable[..., "subprocess.CompletedProcess[str]"]
WriteImage = Callable[..., Path]


def pytest_configure() -> None:
    """Collects no garbage while libraries are imported, of which nothing ever is."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files with slow tests first, so that the workers end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Leaves what was imported out of every garbage collection but the last."""
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)  # extension modules complain of what is never freed


@pytest.fixture
def plugin_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like site-packages, on the path of this process and of `run_agekit`."""
    site = tmp_path / "site"
    site.mkdir()
    for variable in ("AGEKIT_DISABLE_PLUGINS", "AGEKIT_DEBUG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.syspath_prepend(str(site))
    discovery.refresh()
    yield site
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(site)):
            del sys.modules[name]
    discovery.refresh()


@pytest.fixture
def write_plugin(plugin_site: Path) -> WritePlugin:
    """Writes a distribution: its dist-info folder, and its files.

    Called with the distribution's name, `points` (kind → {name: value}), `files` (path → text),
    and optionally `version`, `api` (None declares none), `summary`; gives the site folder.
    """

    def write(
        name: str,
        points: Mapping[str, Mapping[str, str]],
        files: Mapping[str, str] | None = None,
        version: str = "1.0",
        api: object = 1,
        summary: str = "",
    ) -> Path:
        info = plugin_site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata + (f"Summary: {summary}\n" if summary else ""))
        lines = [] if api is None else ["[agekit.api]", f"{api} = {name.replace('-', '_')}"]
        for kind, parts in points.items():
            lines += [f"[{KINDS[kind].group}]", *(f"{n} = {v}" for n, v in parts.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for path, text in (files or {}).items():
            (plugin_site / path).parent.mkdir(parents=True, exist_ok=True)
            (plugin_site / path).write_text(dedent(text))
        discovery.refresh()
        return plugin_site

    return write


@pytest.fixture
def run_agekit(plugin_site: Path, tmp_path: Path) -> RunAgekit:
    """Runs `python -m agekit ...` in a process of its own, in an empty folder."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agekit", *arguments],
            env={**os.environ, "PYTHONPATH": str(plugin_site), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def run_warm(plugin_site: Path, tmp_path: Path) -> RunAgekit:
    """As `run_agekit`, for commands that compute: the process is forked where torch is there."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {**os.environ, "PYTHONPATH": str(plugin_site), **environment}
        return warm.run(*arguments, env=own, cwd=tmp_path)

    return run


@pytest.fixture
def write_image() -> WriteImage:
    """Writes an image of coarse noise to a path; gives the path."""

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (40, 40)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR).save(path)
        return path

    return write
