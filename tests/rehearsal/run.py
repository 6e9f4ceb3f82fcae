"""Cases on the GPU, real or pretended: ``python run.py FOLDER CASE...``.

The last line is, for each case, its answer and what was recorded, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from agekit_cyclegan.step import CycleGANStep
from agekit_gender.trainer import GenderStep
from agekit_reaging.step import GameStep, TeacherStep

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES, recipe
from mode import Rehearsal

from agekit.tasks.estimator.step import EstimatorStep


def _tried(name: str, folder: Path) -> dict[str, Any]:
    """The answer of a recipe, or how it failed, so that the others are tried all the same."""
    try:
        return {"answer": recipe(name, folder, "cuda:0"), "error": None}
    except Exception:
        return {"answer": None, "error": traceback.format_exc()[-3000:]}


def main() -> None:
    """Runs the cases; what is none of them is a recipe to be trained."""
    # Whatever a user would see; deprecations among libraries are not shown.
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", DeprecationWarning)
    folder = Path(sys.argv[1])
    assert torch.cuda.is_available(), "torch sees no GPU"
    pretended = "FAKE_GPUS" in os.environ
    Rehearsal.watch_steps(EstimatorStep, CycleGANStep, GenderStep, TeacherStep, GameStep)
    reports = {}
    for name in sys.argv[2:]:
        with Rehearsal() if pretended else nullcontext() as rehearsal:
            if name in CASES:
                told = {"answer": CASES[name](folder, "cuda:0")}
            else:
                told = _tried(name, folder)
        reports[name] = {**(rehearsal.report() if rehearsal else {}), **told}
    print(json.dumps(reports))


if __name__ == "__main__":
    main()
