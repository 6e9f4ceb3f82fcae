"""A run's folder: where everything lies, and the metrics file that figures are made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from agekit.atomic import write_text
from agekit.errors import ModelError

__all__ = ["Run"]


class Run:
    """The folder of one run.

    ``recipe.yaml`` the resolved recipe; ``run.json`` data, split hash, seed, device, versions;
    ``log.txt``; ``metrics.jsonl`` one line an epoch; ``generation-N/`` checkpoint while it trains,
    then weights, metrics and outputs, and of the last one the state at its end; ``figures/``;
    ``model/`` the final model.

    Args:
        folder: need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.yaml"
        self.info = folder / "run.json"
        self.log = folder / "log.txt"
        self.metrics = folder / "metrics.jsonl"
        self.figures = folder / "figures"
        self.model = folder / "model"
        self.initial = folder / "init.safetensors"

    def generation(self, number: int) -> Path:
        """The folder of a generation, counted from 1."""
        return self.folder / f"generation-{number}"

    def checkpoint(self, number: int) -> Path:
        """The state of a generation in training."""
        return self.generation(number) / "checkpoint.pth"

    def is_finished(self, number: int) -> bool:
        """Whether a generation is trained and scored."""
        return (self.generation(number) / "metrics.json").exists()

    def begun(self) -> int:
        """The number of the last generation that has an epoch; 0 where there is none."""
        number = 0
        while self.is_finished(number + 1) or self.checkpoint(number + 1).exists():
            number += 1
        return number

    def finish(self, number: int) -> None:
        """Lays a finished generation's state aside, which more epochs would go on from.

        That of the generation before is removed: another one has learnt from what that became.
        """
        if self.checkpoint(number).exists():
            self.checkpoint(number).replace(self._end(number))
        self._end(number - 1).unlink(missing_ok=True)

    def reopen(self, number: int) -> bool:
        """Takes a finished generation up again where its state at the end was kept."""
        if self._end(number).exists():
            self._end(number).replace(self.checkpoint(number))
        if not self.checkpoint(number).exists():
            return False
        for name in ("metrics.json", "outputs.safetensors"):
            (self.generation(number) / name).unlink(missing_ok=True)
        return True

    def _end(self, number: int) -> Path:
        return self.generation(number) / "end.pt"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps a second process from training into the same folder while it lasts.

        A folder that it made, and in which nothing was begun, is removed at its end.

        Raises:
            ModelError: another process is at it.
        """
        is_new = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ModelError(
                f"another process is training in {self.folder}",
                "wait for it, or choose another folder with --out",
            ) from error
        try:
            self._sweep()
            yield
        finally:
            if is_new and not self.info.exists():
                self._clear()
            lock.release()

    def _clear(self) -> None:
        """Removes the lock, and the folder where nothing else is in it."""
        (self.folder / ".lock").unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _sweep(self) -> None:
        """Removes what a killed process was writing aside."""
        for left in self.folder.rglob(".*.[0-9]*"):
            left.unlink(missing_ok=True)

    def append(self, record: dict[str, Any]) -> None:
        """Adds a line to the metrics."""
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def records(self) -> list[dict[str, Any]]:
        """The metrics' lines; a torn last line is left out."""
        if not self.metrics.exists():
            return []
        out = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                out.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return out

    def lengthened(self) -> list[dict[str, int]]:
        """The generations that went on for more epochs than planned, after which, to which."""
        records = self.records()
        return [
            {"generation": now["generation"], "epoch": before["epoch"], "epochs": now["epochs"]}
            for before, now in pairwise(records)
            if before["generation"] == now["generation"]
            and before.get("epochs") != now.get("epochs")
        ]

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Drops the lines of epochs that a resumed run will do again."""
        lines = [json.dumps(record) + "\n" for record in self.records() if wanted(record)]
        write_text(self.metrics, "".join(lines))
