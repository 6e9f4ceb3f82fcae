"""Files that are named as checkpoints and are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from agekit.errors import ModelError
from agekit.zoo.tensors import read_state_dict


@pytest.mark.parametrize(
    ("begins", "told"),
    [
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"<!DOCTYPE html>", "is a page of the web, not the file itself"),
        (b"<html>", "is a page of the web"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"", "is no checkpoint of PyTorch, or is damaged"),
        (b"PK\x03\x04cut short", "is no checkpoint of PyTorch, or is damaged"),
    ],
)
def test_what_a_file_is_instead_is_told(tmp_path: Path, begins: bytes, told: str) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(begins)
    with pytest.raises(ModelError, match=told):
        read_state_dict(path, ())


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "gif"])
def test_a_picture_is_told_so(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"face.{ending}"
    Image.new("RGB", (8, 8)).save(path)
    with pytest.raises(ModelError, match="is an image") as told:
        read_state_dict(path, ())
    assert "name a checkpoint of PyTorch" in told.value.hint
