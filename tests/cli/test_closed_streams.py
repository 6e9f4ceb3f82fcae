"""Standard streams that nobody reads, or that the caller closed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell is needed")
AGEKIT = f"{sys.executable} -m agekit"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["--help", "list", "data list", "predict none.png"])
@pytest.mark.parametrize("ending", [">&-", ">&- 2>&- <&-", "2>&1 | head -c 1"])
def test_nothing_is_said_of_streams_that_are_closed(tmp_path, command, ending):
    line = f"{AGEKIT} {command} {ending}"
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, timeout=60)
    assert b"Traceback" not in done.stderr + done.stdout
    assert b"Exception ignored" not in done.stderr
    if "|" not in ending:
        assert done.returncode == (1 if "none" in command else 0)
        assert done.stdout == b""
