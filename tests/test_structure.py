"""The rules of docs/architecture.md that can be measured, by benchmarks/house.py."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_house_keeps_its_rules():
    done = subprocess.run(
        [sys.executable, "benchmarks/house.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "as the design has it\n", done.stdout + done.stderr


def test_the_architecture_names_what_is_there():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w./-]+(?:\.py|/))`", text))
    assert len(named) > 40
    places = (ROOT, ROOT / "agekit")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
