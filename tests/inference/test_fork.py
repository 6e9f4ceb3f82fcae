"""Processes forked after a model was used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CHILD = """
import os, sys
import numpy as np
import torch
import agekit

torch.set_num_threads(2)
torch.ones(2_000_000).add(1)
model = agekit.load("cen-resnet18-tiny", "cpu", sys.argv[1])
assert model.runtime == sys.argv[1]
chips = np.full((40, 64, 64, 3), 90, np.uint8)
before = model.predict(chips, False)[0].faces[0].age
child = os.fork()
if child == 0:
    if model.runtime == "torch":
        torch.ones(2_000_000).add(1)
    os._exit(0 if abs(model.predict(chips, False)[0].faces[0].age - before) < 1e-3 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_a_forked_process_answers(runtime):
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", CHILD, runtime]
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            assert process.wait(60) == 0
        finally:
            if process.returncode is None:
                os.killpg(process.pid, 9)
