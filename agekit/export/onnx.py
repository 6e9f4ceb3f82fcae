"""Models written as ONNX files, checked against torch before they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from agekit.atomic import write_bytes, write_text
from agekit.errors import ConfigError
from agekit.onnx.card import Direction, OnnxCard, OnnxGraph
from agekit.onnx.program import FACES
from agekit.registry import TASKS
from agekit.task import Task
from agekit.zoo.files import ONNX, graph_file
from agekit.zoo.folder import read_config
from agekit.zoo.graphs import CheckedGraph, described_graphs, make_graph
from agekit.zoo.locate import locate

__all__ = ["Exported", "export_onnx"]


@dataclass(frozen=True)
class Exported:
    """One file that was written.

    Attributes:
        onnx: the model.
        card: the JSON beside it.
        to: which way an ager goes; None of an estimator.
        size: of the model, bytes.
        differences: the largest difference from torch of each output on the drawn faces.
        unit: of the first of them.
    """

    onnx: Path
    card: Path
    to: Direction | None
    size: int
    differences: dict[str, float]
    unit: str


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
    model: str | Path, out: Path | None = None, to: Direction | None = None
) -> list[Exported]:
    """Writes a model as ONNX, and beside each file a JSON that says how to use it.

    The graph takes pixels, uint8 (N, S, S, 3), and does all the rest itself. It is run on drawn
    faces before it is written: one that differs from torch by more than its tolerance is not.

    Args:
        model: whatever `locate` takes.
        out: a file ending in .onnx, or a folder; else the current folder.
        to: which direction of an ager; None writes both.

    Raises:
        ConfigError: a package is not installed, or `out` or `to` does not fit the model.
        ModelError: the model is damaged, cannot be exported, or comes out different.
    """
    plans = _plans(locate(model), out, to)
    for plan in plans:
        _keep_others(plan)
    made = [(plan, make_graph(plan.graph, plan.card)) for plan in plans]
    for plan, one in made:
        write_text(plan.json, _json(plan, one))
        write_bytes(plan.onnx, one.data)
    return [
        Exported(plan.onnx, plan.json, plan.card.to, len(data), differences, plan.graph.unit)
        for plan, (data, differences) in made
    ]


def _plans(folder: Path, out: Path | None, to: Direction | None) -> list[_Plan]:
    found = described_graphs(folder)
    if to is not None and to not in [card.to for _, card in found]:
        task: Task = TASKS.get(read_config(folder).task)
        raise ConfigError(f"{folder} is {task.title}: it goes to no age", "leave out --to")
    wanted = [(graph, card) for graph, card in found if to in (None, card.to)]
    return [
        _Plan(graph, card, _file(out, graph_file(card.to, card.name), single=len(wanted) == 1))
        for graph, card in wanted
    ]


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


def _json(plan: _Plan, made: CheckedGraph) -> str:
    about = plan.card.model_dump(exclude_none=True)
    about["file"] = {
        "name": plan.onnx.name,
        "sha256": hashlib.sha256(made.data).hexdigest(),
        "size": len(made.data),
    }
    about["checked"] = {"drawn_faces": FACES, "largest_differences": made.differences}
    return json.dumps(about, indent=1, ensure_ascii=False) + "\n"
