"""What is said of a path where nothing lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from agekit._paths import nearest_path
from agekit.data.home import data_root
from agekit.errors import DataError
from agekit.inference.inputs import unreadable


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/UTKFace").mkdir(parents=True)
    Path("data/UTKFace/a.jpg").touch()


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("data/utkface", "data/UTKFace"),
        ("data/UTKFaces", "data/UTKFace"),
        ("dat/UTKFace", "data"),
        ("dat/x/y/z", "data"),
        ("data/UTKFace/a.jpeg", "data/UTKFace/a.jpg"),
        ("data/morph", None),
        ("data/UTKFace", None),
        ("data/UTKFace/a.jpg/b", None),
        ("", None),
        ("/", None),
        ("data/" + 300 * "x", None),
        ("a\0b", None),
    ],
)
def test_what_lies_beside_it_is_named(path: str, meant: str | None) -> None:
    assert nearest_path(path) == (f"; did you mean {meant!r}?" if meant else "")


def test_whatever_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no such folder: data/UTKFac; did you mean"):
        data_root("utkface", Path("data/UTKFac"))
    monkeypatch.setenv("AGEKIT_DATA", "data")
    with pytest.raises(DataError, match="did you mean 'data/UTKFace'"):
        data_root("utkface", None)
    assert "did you mean 'data/UTKFace/a.jpg'?" in unreadable(["data/UTKFace/b.jpg"]).popitem()[1]
