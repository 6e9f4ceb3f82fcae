"""Models as ONNX files, checked against torch before they are written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agekit.atomic import write_bytes, write_text
from agekit.discovery import core_version
from agekit.errors import ConfigError, ModelError
from agekit.extras import package_module
from agekit.onnx.card import EXTRA, INPUT, Direction, OnnxCard, OnnxGraph
from agekit.onnx.program import FACES, OPSET, compare, serialise
from agekit.registry import TASKS
from agekit.task import Task
from agekit.zoo.add import entry_for
from agekit.zoo.folder import read_config
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
    for package in ("onnx", "onnxscript", "onnxruntime"):
        package_module(package, package, EXTRA)
    plans = _plans(locate(model), out, to)
    for plan in plans:
        _keep_others(plan)
    made = [_made(plan) for plan in plans]
    for plan, (data, differences) in zip(plans, made, strict=True):
        write_text(plan.json, _json(plan, data, differences))
        write_bytes(plan.onnx, data)
    return [
        Exported(plan.onnx, plan.json, plan.card.to, len(data), differences, plan.graph.unit)
        for plan, (data, differences) in zip(plans, made, strict=True)
    ]


def _plans(folder: Path, out: Path | None, to: Direction | None) -> list[_Plan]:
    config = read_config(folder)
    entry = entry_for(folder, f"local:{folder}", check=False)
    common: dict[str, Any] = {
        "name": config.name,
        "size": config.image.size,
        "face": config.face,
        "inputs": {INPUT: f"uint8 (N, {config.image.size}, {config.image.size}, 3), RGB"},
        "licence": entry.licence,
        "source": {name: record.sha256 for name, record in entry.files.items()},
        "made_by": {
            "agekit": core_version(),
            **{name: version(name) for name in ("torch", "onnxscript")},
        },
        "opset": OPSET,
    }
    task: Task = TASKS.get(config.task)
    if task.graphs is None:
        raise ConfigError(f"{folder} is {task.title}, which is not exported as ONNX")
    graphs = task.graphs(folder)
    ways = [graph.about.get("to") for graph in graphs]
    if to is not None and to not in ways:
        raise ConfigError(f"{folder} is {task.title}: it goes to no age", "leave out --to")
    wanted = [graph for graph in graphs if to is None or graph.about["to"] == to]
    plans = []
    for graph in wanted:
        way = graph.about.get("to")
        name = f"{entry.name}-{way}.onnx" if way else f"{entry.name}.onnx"
        card = OnnxCard(
            task=task.name,
            outputs=dict(graph.outputs),
            inside=graph.inside,
            **graph.about,
            **common,
        )
        plans.append(_Plan(graph, card, _file(out, name, single=len(wanted) == 1)))
    return plans


def _file(out: Path | None, name: str, *, single: bool) -> Path:
    """Where a model goes."""
    if out is None or out.is_dir():
        return (out or Path()) / name
    if out.suffix != ".onnx":
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


def _made(plan: _Plan) -> tuple[bytes, dict[str, float]]:
    """The bytes of a model, and how far it is from torch."""
    data = serialise(plan.graph.module, plan.card)
    differences = compare(plan.graph.module, plan.card, data)
    most = plan.graph.tolerance
    wrong = [f"{name} by {d:.2g}" for name, d in differences.items() if not d <= most[name]]
    if wrong:
        raise ModelError(
            f"{plan.card.name} comes out different as ONNX ({', '.join(wrong)}): nothing written",
            "report it with the model's config.json and the versions of torch and onnxscript",
        )
    return data, differences


def _json(plan: _Plan, data: bytes, differences: Mapping[str, float]) -> str:
    about = plan.card.model_dump(exclude_none=True)
    about["file"] = {
        "name": plan.onnx.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }
    about["checked"] = {"drawn_faces": FACES, "largest_differences": dict(differences)}
    return json.dumps(about, indent=1, ensure_ascii=False) + "\n"
