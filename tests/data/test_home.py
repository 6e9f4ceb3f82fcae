from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from agekit.data.home import cache_home, data_root, locked
from agekit.errors import DataError


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    monkeypatch.setenv("HOME", str(tmp_path / "c"))
    assert cache_home() == tmp_path / "a"
    monkeypatch.delenv("AGEKIT_CACHE")
    assert cache_home() == tmp_path / "b" / "agekit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_home() == tmp_path / "c" / ".cache" / "agekit"


def test_the_root_is_the_users_or_below_agekit_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base" / "morph").mkdir(parents=True)
    (tmp_path / "base" / "morph" / "x").touch()
    assert data_root("morph", tmp_path / "base") == tmp_path / "base"
    monkeypatch.setenv("AGEKIT_DATA", str(tmp_path / "base"))
    assert data_root("morph", None) == tmp_path / "base" / "morph"


def test_a_place_that_will_not_do_is_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="where is the dataset 'morph'") as caught:
        data_root("morph", None)
    assert "--root" in caught.value.hint
    assert "AGEKIT_DATA/morph" in caught.value.hint
    with pytest.raises(DataError, match="no such folder"):
        data_root("morph", tmp_path / "nowhere")
    with pytest.raises(DataError, match="is empty"):
        (tmp_path / "empty").mkdir()
        data_root("morph", tmp_path / "empty")
    file = tmp_path / "file.csv"
    file.write_text("path,age\n")
    with pytest.raises(DataError, match="not a folder"):
        data_root("morph", file)
    assert data_root("csv", file, file_allowed=True) == file
    monkeypatch.setenv("AGEKIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"from \$AGEKIT_DATA"):
        data_root("morph", None)


def test_who_may_not_wait_is_refused_and_the_lock_is_free_again(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    busy = locked(lock, DataError("busy"))
    with FileLock(lock), pytest.raises(DataError, match="busy"), busy:
        raise AssertionError
    with pytest.raises(KeyError), locked(lock):
        raise KeyError
    with locked(lock, DataError("busy")):
        pass
