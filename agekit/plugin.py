"""The names that plugins import: the contracts of every kind of part, and their tools.

A name is imported from where it lies when it is first asked for, so that a plugin of datasets
loads no torch. Errors are in `agekit.errors`, checks in `agekit_testkit`; what is nowhere here is
agekit's own, and may move.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agekit._mistakes import Schema
    from agekit.atomic import DISK_FULL, is_aside, write_bytes, write_text, written, written_folder
    from agekit.culprit import Culprit
    from agekit.data.alignment import WHOLE, Alignment
    from agekit.data.augmentation import Augmentation, Mixing, MixingAugmentation
    from agekit.data.columns import COLUMN_NAMES, Columns, usual
    from agekit.data.dataset import Dataset
    from agekit.data.decode import check_pixels, decode, in_threads, unusable
    from agekit.data.digests import DigestMemory
    from agekit.data.files import EncodedImages, Files
    from agekit.data.formats import is_image
    from agekit.data.home import SHARD, cache_home, locked, shard_files
    from agekit.data.join import JoinedImages
    from agekit.data.loader import Batch
    from agekit.data.manifest import Manifest
    from agekit.data.notes import tell
    from agekit.data.prepared import (
        FAILURES_FILE,
        PLAN_FILE,
        append_failure,
        read_failures,
        write_failures,
        write_table,
    )
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
    from agekit.data.rows import Rows, identity_number, parse_gender, parse_split
    from agekit.data.scan import find_files
    from agekit.data.sheet import Sheet, is_missing, read_lines, read_sheet
    from agekit.data.source import open_dataset, place_of, read_source
    from agekit.data.split import Faces, load_faces
    from agekit.data.table import (
        MAX_AGE,
        SPLITS,
        FaceTable,
        ImageSource,
        Problem,
        age_bins,
        as_strings,
    )
    from agekit.device import (
        autocast_dtype,
        mean_over_processes,
        pick_device,
        rank_and_world,
        seeded,
    )
    from agekit.discovery import core_version
    from agekit.extras import require
    from agekit.faces.align import DEFAULT_MARGIN, TEMPLATE, cut, known_points, standard
    from agekit.faces.base import Detection, Detector, one_thread
    from agekit.faces.mtcnn.engines import MTCNN_GRAPHS
    from agekit.inference.attribute import FaceAttribute, load_attribute
    from agekit.inference.draw import draw_faces
    from agekit.inference.engine import OnnxAges
    from agekit.inference.face import Answer, Chip, Face
    from agekit.onnx.card import OnnxGraph
    from agekit.progress import ProgressBar, print_line
    from agekit.recipe import DataConfig, LossTerm, LossTerms, PartConfig, Recipe, resolve
    from agekit.recipe.parts import build_part
    from agekit.registry import BACKBONES, DETECTORS, EVOLVERS, GENERATORS, LOSSES, TASKS
    from agekit.scope import within
    from agekit.task import HubTask, Lazy, Ranking, Task
    from agekit.tasks.estimator.base import Head, Loss
    from agekit.tasks.estimator.build import build_estimator, without_pretrained
    from agekit.tasks.estimator.card import estimator_card
    from agekit.tasks.estimator.estimate import Estimate, expectation, posterior_median, quantile
    from agekit.tasks.estimator.export import model_config
    from agekit.tasks.estimator.faces import EstimatorFaces
    from agekit.tasks.estimator.graph import PixelGraph
    from agekit.tasks.estimator.model import AgeEstimator, feature_length
    from agekit.tasks.estimator.predictor import load
    from agekit.tasks.estimator.scoring import raw_outputs
    from agekit.tasks.estimator.target import Mixed, Target
    from agekit.tasks.estimator.timm_bridge import stored_backbone
    from agekit.tasks.estimator.trainer import EstimatorTrainer
    from agekit.tasks.evaluate import AgeEvaluation, Evaluation, ResultTable
    from agekit.tasks.generator import Generator
    from agekit.training.display import Display
    from agekit.training.evolver import Evolver, build_evolver
    from agekit.training.export import export_model
    from agekit.training.faces import TrainingFaces, evaluation_faces
    from agekit.training.framing import find_framing
    from agekit.training.optimize import optim_wrappers, try_training
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
    "COLUMN_NAMES",
    "DEFAULT_MARGIN",
    "DETECTORS",
    "DISK_FULL",
    "EVOLVERS",
    "FAILURES_FILE",
    "GENERATORS",
    "LOSSES",
    "MAX_AGE",
    "MTCNN_GRAPHS",
    "PLAN_FILE",
    "SHARD",
    "SPLITS",
    "TASKS",
    "TEMPLATE",
    "WEIGHTS",
    "WHOLE",
    "AgeEstimator",
    "AgeEvaluation",
    "Alignment",
    "Answer",
    "Assign",
    "Augmentation",
    "Batch",
    "Chip",
    "Columns",
    "Culprit",
    "DataConfig",
    "Dataset",
    "Detection",
    "Detector",
    "DigestMemory",
    "Display",
    "EncodedImages",
    "Estimate",
    "EstimatorFaces",
    "EstimatorTrainer",
    "Evaluation",
    "Evolver",
    "Face",
    "FaceAttribute",
    "FaceTable",
    "Faces",
    "Files",
    "Generator",
    "Head",
    "HubTask",
    "ImageConfig",
    "ImageSource",
    "JoinedImages",
    "Lazy",
    "Loss",
    "LossTerm",
    "LossTerms",
    "Manifest",
    "MetricsSchema",
    "Mixed",
    "Mixing",
    "MixingAugmentation",
    "ModelConfig",
    "NetworkStep",
    "OnnxAges",
    "OnnxGraph",
    "PartConfig",
    "PixelGraph",
    "Problem",
    "ProgressBar",
    "Protocol",
    "Ranking",
    "Recipe",
    "ResultTable",
    "Rows",
    "Schema",
    "Sheet",
    "Span",
    "Start",
    "Target",
    "Task",
    "Trainer",
    "TrainingFaces",
    "TrainingTask",
    "Watched",
    "age_bins",
    "append_failure",
    "as_strings",
    "autocast_dtype",
    "build_estimator",
    "build_evolver",
    "build_part",
    "by_column",
    "by_content",
    "by_group",
    "by_identity",
    "by_name",
    "cache_home",
    "check_pixels",
    "core_version",
    "cut",
    "decode",
    "draw_faces",
    "estimator_card",
    "evaluation_faces",
    "expectation",
    "export_model",
    "feature_length",
    "find_files",
    "find_framing",
    "identity_number",
    "in_threads",
    "is_aside",
    "is_image",
    "is_missing",
    "is_model",
    "known_points",
    "load",
    "load_attribute",
    "load_faces",
    "load_network",
    "locate",
    "locked",
    "mean_over_processes",
    "model_config",
    "one_thread",
    "open_dataset",
    "optim_wrappers",
    "parse_gender",
    "parse_split",
    "pick_device",
    "place_of",
    "posterior_median",
    "print_line",
    "quantile",
    "rank_and_world",
    "raw_outputs",
    "read_config",
    "read_failures",
    "read_lines",
    "read_sheet",
    "read_source",
    "read_weights",
    "require",
    "resolve",
    "restrict",
    "save_model",
    "seeded",
    "shard_files",
    "standard",
    "stored_backbone",
    "tell",
    "try_training",
    "unusable",
    "usual",
    "within",
    "without_pretrained",
    "write_bytes",
    "write_failures",
    "write_table",
    "write_text",
    "written",
    "written_folder",
]


@cache
def _places() -> dict[str, str]:
    """Name → the module that it is imported from above, for those who check types."""
    tree = ast.parse(Path(__file__).read_bytes())
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_places()[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
