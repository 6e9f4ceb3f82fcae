"""Want of memory, of room and of a home folder are told in one line, with what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agekit import cli
from agekit.data.home import cache_home
from agekit.errors import ConfigError


@pytest.mark.parametrize(
    ("error", "told", "hint"),
    [
        (MemoryError("Unable to allocate 3 GiB"), "out of memory: Unable to allocate", "batches"),
        (MemoryError(), "out of memory: not told", "batches"),
        (RuntimeError("CUDA out of memory. Tried\nmore"), "out of memory: CUDA", "--device"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory", "batches"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "Cannot allocate", "batches"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/x"), "quota exceeded: /x", "TMPDIR"),
        (RuntimeError("Could not determine home directory."), "no home folder", "HOME"),
    ],
)
def test_what_the_system_lacks(monkeypatch, capsys, error, told, hint):
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.agekit, "main", fail)
    with pytest.raises(SystemExit) as end:
        cli.main(["list"])
    assert end.value.code == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ") and told in first
    assert second.startswith("  hint: ") and hint in second


def test_other_errors_are_not_hidden(monkeypatch):
    def fail(**_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(cli.agekit, "main", fail)
    with pytest.raises(RuntimeError, match="of ours"):
        cli.main(["list"])


def test_without_a_home_folder_the_cache_has_to_be_named(monkeypatch):
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for variable in ("AGEKIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    with pytest.raises(ConfigError, match="no home folder") as told:
        cache_home()
    assert "AGEKIT_CACHE" in told.value.hint
