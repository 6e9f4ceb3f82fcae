"""What the authors of plugins import from: the contracts of every kind of part, and their tools.

A name is imported from where it lies when it is first asked for, so that a plugin of datasets
loads no torch. Errors are in `agekit.errors`, checks in `agekit.testing`; what is nowhere here is
agekit's own, and may move.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agekit.atomic import write_bytes, written
    from agekit.culprit import Culprit
    from agekit.data.alignment import WHOLE, Alignment
    from agekit.data.augment import normalise
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
    from agekit.discovery import core_version
    from agekit.faces.align import TEMPLATE
    from agekit.faces.base import Detection, Detector
    from agekit.inference.attribute import FaceAttribute, load_attribute
    from agekit.inference.face import Answer
    from agekit.progress import decoding
    from agekit.recipe import DataConfig, LossTerm, LossTerms, PartConfig, Recipe, Resolved, resolve
    from agekit.recipe.parts import build_part
    from agekit.registry import BACKBONES, EVOLVERS, GENERATORS, HEADS, LOSSES
    from agekit.task import HubTask, Lazy, Task
    from agekit.tasks.ager.base import Generator, PairBatch
    from agekit.tasks.ager.build import build_ager, load_ager
    from agekit.tasks.ager.card import ager_card
    from agekit.tasks.ager.config import AgerConfig
    from agekit.tasks.ager.contact_sheet import ContactSheet
    from agekit.tasks.ager.model import DIRECTIONS, Direction, FaceAger
    from agekit.tasks.ager.recipe import AgerRecipe
    from agekit.tasks.ager.trainer import AgerTrainer
    from agekit.tasks.estimator.base import Head, Loss
    from agekit.tasks.estimator.build import without_pretrained
    from agekit.tasks.estimator.estimate import Estimate, expectation, posterior_median, quantile
    from agekit.tasks.estimator.faces import EstimatorFaces
    from agekit.tasks.estimator.model import AgeEstimator, feature_length
    from agekit.tasks.estimator.target import Mixed, Target
    from agekit.tasks.estimator.timm_bridge import stored_backbone
    from agekit.tasks.estimator.trainer import EstimatorTrainer
    from agekit.tasks.evaluate import Evaluation, ResultTable
    from agekit.training.display import Display
    from agekit.training.evolver import Evolver, build_evolver
    from agekit.training.export import common_config, write_model
    from agekit.training.faces import TrainingFaces, evaluation_faces
    from agekit.training.optimize import optim_wrappers
    from agekit.training.run import Run
    from agekit.training.schedule import Span
    from agekit.training.step import NetworkStep
    from agekit.training.task import Start, TrainingTask
    from agekit.training.trainer import Trainer, Watched
    from agekit.zoo.config import ImageConfig, ModelConfig
    from agekit.zoo.files import WEIGHTS
    from agekit.zoo.folder import load_network, read_config, read_weights, save_model
    from agekit.zoo.locate import is_model, locate
    from agekit.zoo.metrics import MetricsSchema

__all__ = [
    "BACKBONES",
    "COLUMNS",
    "DIRECTIONS",
    "EVOLVERS",
    "GENERATORS",
    "HEADS",
    "LOSSES",
    "SPLITS",
    "TEMPLATE",
    "WEIGHTS",
    "WHOLE",
    "AgeEstimator",
    "AgerConfig",
    "AgerRecipe",
    "AgerTrainer",
    "Alignment",
    "Answer",
    "Assign",
    "Augmentation",
    "Batch",
    "ContactSheet",
    "Culprit",
    "DataConfig",
    "Dataset",
    "Detection",
    "Detector",
    "Direction",
    "Display",
    "Estimate",
    "EstimatorFaces",
    "EstimatorTrainer",
    "Evaluation",
    "Evolver",
    "FaceAger",
    "FaceAttribute",
    "FaceTable",
    "Faces",
    "Files",
    "Generator",
    "Head",
    "HubTask",
    "ImageConfig",
    "Lazy",
    "Loss",
    "LossTerm",
    "LossTerms",
    "MetricsSchema",
    "Mixed",
    "Mixing",
    "MixingAugmentation",
    "ModelConfig",
    "NetworkStep",
    "PairBatch",
    "PartConfig",
    "Problem",
    "Protocol",
    "Recipe",
    "Resolved",
    "ResultTable",
    "Rows",
    "Run",
    "Sheet",
    "Span",
    "Start",
    "Target",
    "Task",
    "Trainer",
    "TrainingFaces",
    "TrainingTask",
    "Watched",
    "ager_card",
    "autocast_dtype",
    "build_ager",
    "build_evolver",
    "build_part",
    "by_column",
    "by_content",
    "by_group",
    "by_identity",
    "by_name",
    "common_config",
    "core_version",
    "decode",
    "decoding",
    "evaluation_faces",
    "expectation",
    "feature_length",
    "find_files",
    "identity_number",
    "is_image",
    "is_model",
    "load_ager",
    "load_attribute",
    "load_faces",
    "load_network",
    "locate",
    "mean_over_processes",
    "normalise",
    "optim_wrappers",
    "parse_gender",
    "parse_split",
    "posterior_median",
    "quantile",
    "rank_and_world",
    "read_config",
    "read_lines",
    "read_sheet",
    "read_weights",
    "resolve",
    "restrict",
    "save_model",
    "stored_backbone",
    "without_pretrained",
    "write_bytes",
    "write_model",
    "written",
]

_PLACES = {
    "agekit.atomic": "write_bytes written",
    "agekit.culprit": "Culprit",
    "agekit.data.alignment": "WHOLE Alignment",
    "agekit.data.augment": "normalise",
    "agekit.data.augmentation": "Augmentation Mixing MixingAugmentation",
    "agekit.data.dataset": "Dataset",
    "agekit.data.decode": "decode",
    "agekit.data.files": "Files",
    "agekit.data.loader": "Batch",
    "agekit.data.protocols": "Assign Protocol by_column by_content"
    " by_group by_identity by_name restrict",
    "agekit.data.readers.rows": "Rows identity_number parse_gender parse_split",
    "agekit.data.readers.scan": "find_files is_image",
    "agekit.data.readers.sheet": "Sheet read_lines read_sheet",
    "agekit.data.split": "Faces load_faces",
    "agekit.data.table": "COLUMNS SPLITS FaceTable Problem",
    "agekit.device": "autocast_dtype mean_over_processes rank_and_world",
    "agekit.discovery": "core_version",
    "agekit.faces.align": "TEMPLATE",
    "agekit.faces.base": "Detection Detector",
    "agekit.inference.attribute": "FaceAttribute load_attribute",
    "agekit.inference.face": "Answer",
    "agekit.progress": "decoding",
    "agekit.recipe": "DataConfig LossTerm LossTerms PartConfig Recipe Resolved resolve",
    "agekit.recipe.parts": "build_part",
    "agekit.registry": "BACKBONES EVOLVERS GENERATORS HEADS LOSSES",
    "agekit.task": "HubTask Lazy Task",
    "agekit.tasks.ager.base": "Generator PairBatch",
    "agekit.tasks.ager.build": "build_ager load_ager",
    "agekit.tasks.ager.card": "ager_card",
    "agekit.tasks.ager.config": "AgerConfig",
    "agekit.tasks.ager.contact_sheet": "ContactSheet",
    "agekit.tasks.ager.model": "DIRECTIONS Direction FaceAger",
    "agekit.tasks.ager.recipe": "AgerRecipe",
    "agekit.tasks.ager.trainer": "AgerTrainer",
    "agekit.tasks.estimator.base": "Head Loss",
    "agekit.tasks.estimator.build": "without_pretrained",
    "agekit.tasks.estimator.estimate": "Estimate expectation posterior_median quantile",
    "agekit.tasks.estimator.faces": "EstimatorFaces",
    "agekit.tasks.estimator.model": "AgeEstimator feature_length",
    "agekit.tasks.estimator.target": "Mixed Target",
    "agekit.tasks.estimator.timm_bridge": "stored_backbone",
    "agekit.tasks.estimator.trainer": "EstimatorTrainer",
    "agekit.tasks.evaluate": "Evaluation ResultTable",
    "agekit.training.display": "Display",
    "agekit.training.evolver": "Evolver build_evolver",
    "agekit.training.export": "common_config write_model",
    "agekit.training.faces": "TrainingFaces evaluation_faces",
    "agekit.training.optimize": "optim_wrappers",
    "agekit.training.run": "Run",
    "agekit.training.schedule": "Span",
    "agekit.training.step": "NetworkStep",
    "agekit.training.task": "Start TrainingTask",
    "agekit.training.trainer": "Trainer Watched",
    "agekit.zoo.config": "ImageConfig ModelConfig",
    "agekit.zoo.files": "WEIGHTS",
    "agekit.zoo.folder": "load_network read_config read_weights save_model",
    "agekit.zoo.locate": "is_model locate",
    "agekit.zoo.metrics": "MetricsSchema",
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
