"""The script of docs/onnx.md runs as it stands, and a bare installation answers without a home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from agekit_synthfaces import draw, person
from PIL import Image

import agekit

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
WITHOUT = """
import importlib.util, os, sys
hidden = ("torch", "torchvision", "timm", "mmengine", "matplotlib", "pyarrow", "onnx", "onnxscript")
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in hidden else find_spec(name)
from agekit.cli import main
try:
    main(sys.argv[1:])
finally:
    libraries = open("/proc/self/maps").read() if os.path.exists("/proc/self/maps") else ""
    assert "libGL.so" not in libraries
"""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.full((300, 320, 3), 120, np.uint8)
    pixels[60:220, 80:240] = draw(person(1, 3), 40, 160, 3)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def run(*words: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", *map(str, words)],
        env=environment or None, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_gives_nearly_the_age_that_agekit_does(photo):
    [script] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/onnx.md").read_text(), re.S)
    assert "torch" not in script
    out = run(script, ROOT / "zoo/sord-lite0/model.onnx", photo)
    [answer] = agekit.load("sord-lite0", "cpu").predict(photo)
    # Points of a drawn face are the least sure: on photos the two differ by a year or so.
    assert float(out.split()[0]) == pytest.approx(answer.faces[0].age, abs=5)


def test_without_torch_a_home_or_a_disk_to_write_to(photo, tmp_path):
    bare = {k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")}
    out = run(
        WITHOUT, "predict", photo, **bare, AGEKIT_CACHE="/proc/none", AGEKIT_DISABLE_PLUGINS="all"
    )
    assert " years (" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]
