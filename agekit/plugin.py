"""What the authors of plugins import from: the contracts of every kind of part, and their tools.

A name is imported from where it lies when it is first asked for, so that a plugin of datasets
loads no torch. Errors are in `agekit.errors`, checks in `agekit.testing`; what is nowhere here is
agekit's own, and may move.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agekit.atomic import write_bytes
    from agekit.data.alignment import WHOLE, Alignment
    from agekit.data.augmentation import Augmentation, Mixing, MixingAugmentation
    from agekit.data.dataset import Dataset
    from agekit.data.decode import decode
    from agekit.data.files import Files
    from agekit.data.loader import Batch
    from agekit.data.protocols import (
        Assign,
        Protocol,
        by_column,
        by_content,
        by_group,
        by_identity,
        by_name,
        restrict,
    )
    from agekit.data.readers.rows import Rows, identity_number, parse_gender, parse_split
    from agekit.data.readers.scan import find_files, is_image
    from agekit.data.readers.sheet import Sheet, read_lines, read_sheet
    from agekit.data.split import Faces, load_faces
    from agekit.data.table import COLUMNS, SPLITS, FaceTable, Problem
    from agekit.device import autocast_dtype, mean_over_processes, rank_and_world
    from agekit.faces.align import TEMPLATE
    from agekit.faces.base import Detection, Detector
    from agekit.recipe import LossTerm, LossTerms, Recipe, resolve
    from agekit.registry import BACKBONES, HEADS, LOSSES
    from agekit.task import Lazy, Task
    from agekit.tasks.ager.base import Generator, PairBatch
    from agekit.tasks.ager.contact_sheet import ContactSheet
    from agekit.tasks.ager.model import FaceAger
    from agekit.tasks.ager.recipe import AgerRecipe
    from agekit.tasks.ager.trainer import AgerTrainer
    from agekit.tasks.estimator.base import Head, Loss
    from agekit.tasks.estimator.estimate import Estimate, expectation, posterior_median, quantile
    from agekit.tasks.estimator.faces import EstimatorFaces
    from agekit.tasks.estimator.model import AgeEstimator
    from agekit.tasks.estimator.target import Mixed, Target
    from agekit.tasks.estimator.trainer import EstimatorTrainer
    from agekit.training.evolver import Evolver
    from agekit.training.optimize import optim_wrappers
    from agekit.training.schedule import Span
    from agekit.training.task import Start, TrainingTask
    from agekit.training.trainer import Trainer

__all__ = [
    "BACKBONES",
    "COLUMNS",
    "HEADS",
    "LOSSES",
    "SPLITS",
    "TEMPLATE",
    "WHOLE",
    "AgeEstimator",
    "AgerRecipe",
    "AgerTrainer",
    "Alignment",
    "Assign",
    "Augmentation",
    "Batch",
    "ContactSheet",
    "Dataset",
    "Detection",
    "Detector",
    "Estimate",
    "EstimatorFaces",
    "EstimatorTrainer",
    "Evolver",
    "FaceAger",
    "FaceTable",
    "Faces",
    "Files",
    "Generator",
    "Head",
    "Lazy",
    "Loss",
    "LossTerm",
    "LossTerms",
    "Mixed",
    "Mixing",
    "MixingAugmentation",
    "PairBatch",
    "Problem",
    "Protocol",
    "Recipe",
    "Rows",
    "Sheet",
    "Span",
    "Start",
    "Target",
    "Task",
    "Trainer",
    "TrainingTask",
    "autocast_dtype",
    "by_column",
    "by_content",
    "by_group",
    "by_identity",
    "by_name",
    "decode",
    "expectation",
    "find_files",
    "identity_number",
    "is_image",
    "load_faces",
    "mean_over_processes",
    "optim_wrappers",
    "parse_gender",
    "parse_split",
    "posterior_median",
    "quantile",
    "rank_and_world",
    "read_lines",
    "read_sheet",
    "resolve",
    "restrict",
    "write_bytes",
]

_PLACES = {
    "agekit.atomic": "write_bytes",
    "agekit.data.alignment": "WHOLE Alignment",
    "agekit.data.augmentation": "Augmentation Mixing MixingAugmentation",
    "agekit.data.dataset": "Dataset",
    "agekit.data.decode": "decode",
    "agekit.data.files": "Files",
    "agekit.data.loader": "Batch",
    "agekit.data.protocols": "Assign Protocol by_column by_content by_group by_identity by_name"
    " restrict",
    "agekit.data.readers.rows": "Rows identity_number parse_gender parse_split",
    "agekit.data.readers.scan": "find_files is_image",
    "agekit.data.readers.sheet": "Sheet read_lines read_sheet",
    "agekit.data.split": "Faces load_faces",
    "agekit.data.table": "COLUMNS SPLITS FaceTable Problem",
    "agekit.device": "autocast_dtype mean_over_processes rank_and_world",
    "agekit.faces.align": "TEMPLATE",
    "agekit.faces.base": "Detection Detector",
    "agekit.recipe": "LossTerm LossTerms Recipe resolve",
    "agekit.task": "Lazy Task",
    "agekit.tasks.ager.base": "Generator PairBatch",
    "agekit.tasks.ager.contact_sheet": "ContactSheet",
    "agekit.tasks.ager.model": "FaceAger",
    "agekit.tasks.ager.recipe": "AgerRecipe",
    "agekit.tasks.ager.trainer": "AgerTrainer",
    "agekit.tasks.estimator.base": "Head Loss",
    "agekit.tasks.estimator.estimate": "Estimate expectation posterior_median quantile",
    "agekit.registry": "BACKBONES HEADS LOSSES",
    "agekit.tasks.estimator.faces": "EstimatorFaces",
    "agekit.tasks.estimator.model": "AgeEstimator",
    "agekit.tasks.estimator.target": "Mixed Target",
    "agekit.tasks.estimator.trainer": "EstimatorTrainer",
    "agekit.training.evolver": "Evolver",
    "agekit.training.optimize": "optim_wrappers",
    "agekit.training.schedule": "Span",
    "agekit.training.task": "Start TrainingTask",
    "agekit.training.trainer": "Trainer",
}
"""Modules, and what of each is here."""
_PLACE = {name: module for module, names in _PLACES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _PLACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_PLACE[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
