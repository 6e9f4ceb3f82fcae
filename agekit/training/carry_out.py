"""A run from where it is to its model: what a start and a resume have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from agekit.culprit import Culprit
from agekit.device import from_main, rank_and_world
from agekit.errors import ModelError, counted
from agekit.recipe import Resolved
from agekit.training.display import Display
from agekit.training.evolver import build_evolver
from agekit.training.run import Run
from agekit.training.task import training_of
from agekit.training.trainer import Generation

__all__ = ["TrainResult", "carry_out", "held"]


@dataclass(frozen=True)
class TrainResult:
    """A finished run.

    Attributes:
        run: its folder.
        model: the model's folder.
        generations: number and metrics of each.
        metrics: of the generation that the model is, by split.
    """

    run: Path
    model: Path
    generations: list[Generation]
    metrics: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As ``agekit train --json`` prints it."""
        return {
            "run": str(self.run),
            "model": str(self.model),
            "generations": [vars(generation) for generation in self.generations],
            "metrics": self.metrics,
        }


def carry_out(
    run: Run,
    resolved: Resolved,
    data: Any,
    info: dict[str, Any],
    console: Console | None,
    told: Iterable[str] = (),
) -> TrainResult:
    """Trains what is left of a run, and publishes its model.

    Args:
        run: the run, held by this process.
        resolved: its recipe.
        data: as its task has prepared it.
        info: what its ``run.json`` holds.
        console: where to show progress; None shows none.
        told: lines for the person and the log.
    """
    main = rank_and_world()[0] == 0
    display = Display(console if main else None, run.log if main else None)
    task = training_of(resolved.recipe)
    _introduce(display, info, data, task.describe(data))
    recipe = resolved.recipe
    for line in (*told, *task.remarks(data, info)):
        display.line(line)
    trainer = task.trainer(recipe, data, run, display, info)
    part = recipe.evolver
    evolver = build_evolver(part, recipe.kind)
    culprit = Culprit("evolver", part.type, evolver, "run")
    for key, now in evolver.facts().items():
        if info.get(key) != now:
            raise ModelError(
                f"the {key} of {run.folder} changed since it began: they are {now}, and were "
                f"{info.get(key)}",
                "restore them, or start a new run",
            )
    try:
        with culprit.doing("fails", but=OSError):
            network = evolver.run(trainer)
        if not isinstance(network, task.trains) or not trainer.finished:
            raise culprit.error(
                f"gives a {type(network).__name__} after {len(trainer.finished)} finished "
                f"generations, not the {task.trains.__name__} of the last"
            )
    except KeyboardInterrupt:
        display.line(f"stopped; go on with: agekit train --resume {run.folder}")
        raise
    if lengthened := run.lengthened():
        info = info | {"lengthened": lengthened}
    info = info | {"kept": trainer.choose(network, recipe.train.keep_generation)}
    metrics = from_main(lambda: task.export(trainer, network, info))
    return TrainResult(run.folder, run.model, trainer.finished, metrics)


@contextmanager
def held(run: Run) -> Iterator[None]:
    """The run's lock, held by the first process for all."""
    with ExitStack() as stack:
        from_main(lambda: stack.enter_context(run.held()))
        yield


def _introduce(display: Display, info: dict[str, Any], data: Any, what: str) -> None:
    display.line(
        f"{info['recipe']} on {info['protocol']} (split {info['split_hash']}): {what}, "
        f"{info['device']} ({info['device_name']})"
        + (", float32 as TF32" if info.get("float32") == "tf32" else "")
    )
    for note in (*data.faces.table.notes, *info["framing"]["notes"]):
        display.line(note)
    if people := data.faces.shared_identities:
        are = counted(people, "person is", "people are")
        display.line(
            f"{are} in more than one split of {info['protocol']}: "
            "its errors are too good to be those on strangers"
        )
    unused = int((data.faces.codes < 0).sum())
    if unused and not data.faces.drawn:
        display.line(f"{counted(unused, 'face is', 'faces are')} in no split of {info['protocol']}")
    for kept, what in ((False, "left out"), (True, "read in part or guessed at")):
        those = [problem for problem in data.problems if problem.kept == kept]
        if those:
            were = counted(len(those), "row or image was", "rows or images were")
            display.line(f"{were} {what}; the first ones:")
        for problem in those[:3]:
            display.line(f"  {problem.name}: {problem.detail}")
