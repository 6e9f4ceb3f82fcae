from __future__ import annotations

import threading

import numpy as np
import pytest
from PIL import Image

from agekit.inference import inputs
from agekit.inference.inputs import read_ahead


@pytest.fixture
def paths(tmp_path):
    out = []
    for k in range(40):
        out.append(tmp_path / f"{k}.png")
        Image.new("RGB", (6, 4), (k, 0, 0)).save(out[-1])
    return out


def test_pictures_come_in_order_upright_and_whole(paths):
    pictures = list(read_ahead(paths))
    assert [picture.name for picture in pictures] == [str(path) for path in paths]
    assert [picture.pixels[0, 0, 0] for picture in pictures] == list(range(40))
    assert pictures[0].pixels.shape == (4, 6, 3)


def test_few_whole_pictures_are_read_ahead(paths, monkeypatch):
    asked = 0

    def ask():
        nonlocal asked
        for path in paths:
            asked += 1
            yield path

    pictures = read_ahead(ask())
    for taken in range(1, 20):
        next(pictures)
        assert asked - taken <= 8
    pictures.close()


def test_leaving_early_leaves_no_thread(paths):
    before = set(threading.enumerate())
    pictures = read_ahead(paths)
    next(pictures)
    pictures.close()
    assert set(threading.enumerate()) <= before


def test_arrays_may_be_changed_once_handed_over():
    def frames():
        buffer = np.zeros((4, 5, 3), np.uint8)
        for k in range(30):
            buffer[:] = k
            yield buffer

    assert [picture.pixels.max() for picture in read_ahead(frames())] == list(range(30))


def test_what_cannot_be_read_is_named_in_its_place(paths, tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no image")
    found = list(read_ahead([paths[0], text, b"abc", paths[1]]))
    assert [picture.pixels is None for picture in found] == [False, True, True, False]
    assert found[1].error.startswith(f"{text}: not an image")
    assert found[2].error.startswith("images[2]: not an image")
    assert found[2].error.endswith(" TIFF, PNM, or HEIC with agekit[heic])")


def test_an_error_of_the_program_is_not_hidden(paths, monkeypatch):
    def fail(*given):
        raise MemoryError

    monkeypatch.setattr(inputs, "read_image", fail)
    with pytest.raises(MemoryError):
        list(read_ahead(paths))
