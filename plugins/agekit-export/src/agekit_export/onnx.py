"""Models written as ONNX files, checked against torch before they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from agekit.atomic import write_bytes, write_text
from agekit.errors import ConfigError, ModelError
from agekit.onnx.card import Direction, OnnxCard, OnnxGraph, Precision
from agekit.onnx.program import FACES, CheckedGraph, compare, make_graph
from agekit.registry import TASKS
from agekit.task import Task
from agekit.zoo.files import ONNX, graph_file
from agekit.zoo.folder import read_config
from agekit.zoo.graphs import described_graphs
from agekit.zoo.locate import locate
from agekit_export.calibration import CalibrationFaces, calibration_faces
from agekit_export.half import half_graph, half_weights
from agekit_export.reduced import MOST_YEARS, Reduction, measure, quantise

__all__ = ["Exported", "export_onnx"]

_ENDINGS: dict[Precision, str] = {"float32": "", "float16": "-half", "int8": "-int8"}


@dataclass(frozen=True)
class Exported:
    """One file that was written.

    Attributes:
        onnx: the model.
        card: the JSON beside it.
        to: which way an ager goes; None of a model with one file.
        size: of the model, bytes.
        differences: the largest difference from torch of each output on the drawn faces.
        unit: of the first of them.
        precision: of the weights.
        measured: of integers, the file beside the whole one.
        guide: who steers an ager where agekit runs it, and nobody where others do.
    """

    onnx: Path
    card: Path
    to: Direction | None
    size: int
    differences: dict[str, float]
    unit: str
    precision: Precision = "float32"
    measured: Reduction | None = None
    guide: str | None = None


@dataclass(frozen=True)
class _Plan:
    """A model to write: its graph, what it says of itself, where it goes."""

    graph: OnnxGraph
    card: OnnxCard
    onnx: Path

    @property
    def json(self) -> Path:
        return self.onnx.with_suffix(".json")


def export_onnx(
    model: str | Path,
    out: Path | None = None,
    to: Direction | None = None,
    *,
    precision: Precision = "float32",
    calibrate: str | None = None,
    root: Path | None = None,
    embeddings: bool = False,
) -> list[Exported]:
    """Writes a model as ONNX, and beside each file a JSON that says how to use it.

    The graph takes pixels, uint8 (N, S, S, 3), and does all the rest itself. It is run on drawn
    faces before it is written: one that differs from torch by more than its tolerance is not.

    Args:
        model: whatever `locate` takes.
        out: a file ending in .onnx, or a folder; else the current folder.
        to: which direction of an ager; None writes both.
        precision: in which weights are stored; ``int8`` computes convolutions with integers.
        calibrate: a dataset or a folder with faces that the ranges of integers are taken from.
        root: where that dataset lies.
        embeddings: whether the pooled features are an output too.

    Raises:
        ConfigError: a package is not installed, or an argument does not fit the model.
        DataError: there are too few faces to calibrate on.
        ModelError: the model is damaged, cannot be exported, or comes out different.
    """
    folder = locate(model)
    plans = _plans(folder, out, to, precision, embeddings)
    for plan in plans:
        _keep_others(plan)
    faces = None
    if precision == "int8":
        config = read_config(folder)
        if config.task != "estimator" or calibrate is None:
            raise ConfigError(
                "integers need an estimator, and faces to calibrate on", "give --calibrate"
            )
        faces = calibration_faces(calibrate, root, config)
    made = [(plan, *_made(plan, folder, faces)) for plan in plans]
    for plan, graph, measured in made:
        write_text(plan.json, _json(plan, graph, measured))
        write_bytes(plan.onnx, graph.data)
    return [
        Exported(
            plan.onnx,
            plan.json,
            plan.card.to,
            len(graph.data),
            graph.differences,
            plan.graph.unit,
            precision,
            measured,
            plan.card.guide,
        )
        for plan, graph, measured in made
    ]


def _plans(
    folder: Path, out: Path | None, to: Direction | None, precision: Precision, embeddings: bool
) -> list[_Plan]:
    found = described_graphs(folder, embeddings=embeddings)
    if to is not None and to not in [card.to for _, card in found]:
        task: Task = TASKS.get(read_config(folder).task)
        raise ConfigError(
            f"{folder} is {task.title} that has one file, not one a direction", "leave out --to"
        )
    wanted = [(graph, card) for graph, card in found if to in (None, card.to)]
    plans = []
    for graph, card in wanted:
        name = graph_file(card.to, card.name + _ENDINGS[precision])
        told = card.model_copy(update={"precision": precision})
        plans.append(_Plan(graph, told, _file(out, name, single=len(wanted) == 1)))
    return plans


def _made(
    plan: _Plan, folder: Path, faces: CalibrationFaces | None
) -> tuple[CheckedGraph, Reduction | None]:
    """The bytes of a file, how far they are from torch, and from the whole file."""
    whole = make_graph(plan.graph, plan.card)
    if plan.card.precision == "float32":
        return whole, None
    if faces is None:
        return half_graph(plan.graph, plan.card, whole, half_weights(folder)), None
    small = quantise(whole.data, plan.card, faces.calibrated)
    measured = measure(whole.data, small, plan.card.name, faces)
    if not measured.mean <= MOST_YEARS:
        raise ModelError(
            f"{plan.card.name} comes out too different in int8: its ages by {measured.mean:.2g} "
            "years: nothing written",
            "export it without, or calibrate on more faces that look like those it will see",
        )
    return CheckedGraph(small, compare(plan.graph, plan.card, small)), measured


def _file(out: Path | None, name: str, *, single: bool) -> Path:
    """Where a model goes."""
    if out is None or out.is_dir():
        return (out or Path()) / name
    if out.suffix != ONNX:
        if out.suffix or out.exists():
            raise ConfigError(f"--out {out}: an exported model ends in .onnx", "or name a folder")
        return out / name
    if not single:
        raise ConfigError(
            f"--out {out}: an ager makes two files, one for each direction",
            "name a folder, or choose one with --to",
        )
    return out


def _keep_others(plan: _Plan) -> None:
    """Makes sure that nothing is replaced but an exported model and its description."""
    path = plan.json
    if plan.onnx.exists() and not path.exists():
        raise ConfigError(
            f"{plan.onnx} is there, and {path.name}, which each exported model has, is not: it "
            "would be overwritten",
            "choose another name with --out",
        )
    if path.exists():
        try:
            known = "opset" in json.loads(path.read_bytes())
        except (ValueError, TypeError):
            known = False
        if not known:
            raise ConfigError(
                f"{path} is something else than the description of an exported model, and would "
                "be overwritten",
                "choose another name with --out",
            )


def _json(plan: _Plan, made: CheckedGraph, measured: Reduction | None) -> str:
    about = plan.card.model_dump(exclude_none=True)
    about["file"] = {
        "name": plan.onnx.name,
        "sha256": hashlib.sha256(made.data).hexdigest(),
        "size": len(made.data),
    }
    about["checked"] = {"drawn_faces": FACES, "largest_differences": made.differences}
    if measured is not None:
        about["measured"] = measured.to_dict()
    return json.dumps(about, indent=1, ensure_ascii=False) + "\n"
