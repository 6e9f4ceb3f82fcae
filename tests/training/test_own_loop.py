"""The loop of one's own in docs/training.md runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = Path(__file__).parents[2] / "docs" / "training.md"


@pytest.mark.slow
def test_the_loop_of_the_docs_trains(tmp_path):
    [program] = re.findall(r"```python\n(.*?)```", TRAINING.read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 5 < float(done.stdout.removeprefix("validation MAE ")) < 40
