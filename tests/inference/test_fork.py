"""Processes forked after a model was used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CHILD = """
import os, sys
from pathlib import Path
import numpy as np
import torch
import agekit
from agekit_testkit.models import write_untrained

torch.set_num_threads(2)
torch.ones(2_000_000).add(1)
model = agekit.load(write_untrained(Path(sys.argv[1]) / "model"), "cpu")
chips = np.full((40, 64, 64, 3), 90, np.uint8)
before = model.predict(chips)[0].faces[0].age
child = os.fork()
if child == 0:
    torch.ones(2_000_000).add(1)
    os._exit(0 if abs(model.predict(chips)[0].faces[0].age - before) < 1e-3 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_answers(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            assert process.wait(60) == 0
        finally:
            if process.returncode is None:
                os.killpg(process.pid, 9)
