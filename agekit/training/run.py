"""A run's folder: where everything lies, and that it is what was written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from agekit.atomic import is_aside, sweep
from agekit.data.home import locked
from agekit.errors import ConfigError, ModelError
from agekit.training.hashes import Hashes
from agekit.training.run_schema import parse_info, parse_records
from agekit.zoo.files import METRICS, WEIGHTS
from agekit.zoo.folder import load_weights, read_weights
from agekit.zoo.metrics import parse_metrics

__all__ = ["OUTPUTS", "TAUGHT", "Run"]

T = TypeVar("T")
_LOCK = ".lock"
_GENERATIONS = "generation-*"
OUTPUTS, TAUGHT = "outputs.safetensors", "taught.safetensors"
"""What a generation says of the training faces, and what other networks do that it learns from."""
_CHECKPOINT, _END = "checkpoint.pth", "end.pt"
_BEST = "best-"
_FILES = (_CHECKPOINT, _END, METRICS, OUTPUTS, TAUGHT, WEIGHTS)
"""What a generation is gone on with from."""


class Run:
    """The folder of one run.

    ``recipe.yaml`` the resolved recipe; ``run.json`` data, split hash, seed, device, versions;
    ``log.txt``; ``metrics.jsonl`` one line an epoch; ``generation-N/`` checkpoint while it trains,
    then weights, metrics and outputs, and of the last one the state at its end; ``hashes.json``
    what each of these must be; ``figures/``; ``model/`` the final model.

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
        self.hashes = Hashes(folder)

    def generation(self, number: int) -> Path:
        """The folder of a generation, counted from 1."""
        return self.folder / f"generation-{number}"

    def checkpoint(self, number: int) -> Path:
        """The state of a generation in training."""
        return self.generation(number) / _CHECKPOINT

    def is_finished(self, number: int) -> bool:
        """True if a generation is trained and scored."""
        return (self.generation(number) / METRICS).exists()

    def best(self, number: int, epoch: int) -> Path:
        """The weights of a generation after the best of its epochs so far."""
        return self.generation(number) / f"{_BEST}{epoch}.pth"

    def drop_bests(self, number: int, *, but: Path | None = None) -> None:
        """Removes the weights of a generation's best epochs but for those in one file."""
        for path in self.generation(number).glob(f"{_BEST}*.pth"):
            if path != but:
                self.hashes.remove(path)

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
            self.hashes.move(self.checkpoint(number), self._end(number))
        self.hashes.remove(self._end(number - 1))
        self.drop_bests(number - 1)

    def reopen(self, number: int) -> bool:
        """Takes a finished generation up again where its state at the end was kept."""
        if self._end(number).exists():
            self.hashes.move(self._end(number), self.checkpoint(number))
        if not self.checkpoint(number).exists():
            return False
        for name in (METRICS, OUTPUTS):
            self.hashes.remove(self.generation(number) / name)
        return True

    def _end(self, number: int) -> Path:
        return self.generation(number) / _END

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps a second process from training into the same folder while it lasts.

        A folder that it made, and in which nothing was begun, is removed at its end.

        Raises:
            ModelError: another process is at it.
        """
        is_new = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        busy = ModelError(
            f"another process is training in {self.folder}",
            "wait for it, or choose another folder with --out",
        )
        with locked(self.folder / _LOCK, busy):
            try:
                for place in (self.folder, *self.folder.glob(_GENERATIONS), self.figures):
                    sweep(place, alone=True)
                yield
            finally:
                if is_new and not self.info.exists():
                    self._clear()

    def must_be_free(self) -> None:
        """Makes sure that nothing is in the folder but what a run left that was never begun.

        Raises:
            ConfigError: a run is there, or files that no run wrote.
        """
        if self.info.exists():
            raise ConfigError(
                f"there is a run in {self.folder} already",
                f"go on with it by `agekit train --resume {self.folder}`, or choose another --out",
            )
        if not self.folder.exists():
            return
        known = {_LOCK, self.hashes.path.name}
        if self.hashes.path.exists():
            known |= {p.name for p in self._there({}) if self.hashes.problem(p) is None}
        for path in sorted(self.folder.iterdir()):
            if path.name not in known and not is_aside(path.name):
                raise ConfigError(
                    f"{self.folder} is no run, and is not empty: it holds {path.name}",
                    "choose another --out",
                )

    def _clear(self) -> None:
        """Removes what was written before the run began, and the folder where it is empty then."""
        for path in (self.folder / _LOCK, self.hashes.path, self.recipe, self.initial):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def write(self, path: Path, data: bytes | memoryview | str) -> None:
        """Writes a file of the run whole, and lists its hash."""
        self.hashes.write(path, data.encode() if isinstance(data, str) else data)

    def check(self) -> list[str]:
        """Compares what a resumed run goes on from with what was written; held.

        Returns:
            What is worth a line: files that are gone and will be made again, a run without hashes.

        Raises:
            ModelError: a file is damaged.
        """
        listed = self.hashes.read()
        if listed is None:
            self.hashes.adopt(self._there({}))
            return ["the run has no hashes of its files, as older ones: they are taken as they are"]
        for path in self._there(listed):
            if problem := self.hashes.problem(path):
                raise self.damaged(path, problem)
        gone = (self.folder / name for name in listed if not (self.folder / name).exists())
        return [
            f"{path.relative_to(self.folder)} is gone: what it held is made again"
            for path in gone
            if path.name not in (_CHECKPOINT, _END)
        ]

    def damaged(self, path: Path, problem: str) -> ModelError:
        """An error about a damaged file, with what to do.

        Args:
            path: the file.
            problem: what is wrong with it.
        """
        name = path.relative_to(self.folder).as_posix()
        if path in (self.info, self.recipe, self.initial):
            hint = "restore it, or start a new run"
        elif path == self.metrics:
            hint = "restore it; or remove it, to go on without the curves so far"
        elif path.name in (WEIGHTS, METRICS) or path.name.startswith(_BEST):
            hint = f"remove the folder {path.parent}: its generation is trained anew"
        else:
            longer = "the run is whole without it, but cannot be made longer"
            hint = f"remove it: {longer if path.name == _END else 'what it held is made again'}"
        return ModelError(
            f"the run {self.folder} is damaged: {name} cannot be read: {problem}", hint
        )

    def _there(self, listed: Iterable[str]) -> list[Path]:
        """The files there that a resumed run goes on from, and those listed."""
        paths = [self.info, self.recipe, self.initial, self.metrics]
        paths += [place / name for place in self.folder.glob(_GENERATIONS) for name in _FILES]
        paths += [self.folder / name for name in listed]
        return [path for path in dict.fromkeys(paths) if os.path.lexists(path)]

    def read_info(self) -> dict[str, Any]:
        """The content of ``run.json``.

        Raises:
            ModelError: it is damaged, or says that there are weights to start from, and none are.
        """
        info = self._read(self.info, parse_info)
        if "init_name" in info and not self.initial.exists():
            raise self.damaged(self.initial, "the weights it started from are missing")
        return info

    def read_metrics(self, number: int, kind: str) -> dict[str, Any]:
        """The metrics of a generation that is finished.

        Raises:
            ModelError: they are damaged.
        """
        path = self.generation(number) / METRICS
        return self._read(path, lambda text: parse_metrics(text, kind, "generation"))

    def load(self, network: nn.Module, number: int) -> None:
        """Loads the weights of a generation that is finished into a network.

        Raises:
            ModelError: they are damaged.
        """
        path = self.generation(number) / WEIGHTS
        try:
            load_weights(network, path)
        except ModelError as error:
            raise self.damaged(path, error.message) from error

    def tensors(self, path: Path) -> dict[str, Tensor]:
        """The tensors in a file of the run, by name.

        Raises:
            ModelError: it is damaged.
        """
        try:
            return read_weights(path)
        except ModelError as error:
            raise self.damaged(path, error.message) from error

    def append(self, record: dict[str, Any]) -> None:
        """Adds a line to the metrics."""
        self._write_records([*self.records(), record])

    def records(self) -> list[dict[str, Any]]:
        """The metrics' lines; a last one that was cut short is left out.

        Raises:
            ModelError: they are damaged.
        """
        return self._read(self.metrics, parse_records) if self.metrics.exists() else []

    def lengthened(self) -> list[dict[str, int]]:
        """The generations that went on for more epochs than planned, after which, to which."""
        records = self.records()
        return [
            {"generation": now["generation"], "epoch": before["epoch"], "epochs": now["epochs"]}
            for before, now in pairwise(records)
            if before["generation"] == now["generation"]
            and before.get("epochs") != now.get("epochs", before.get("epochs"))
        ]

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Drops the lines of epochs that a resumed run will do again."""
        self._write_records([record for record in self.records() if wanted(record)])

    def _write_records(self, records: list[dict[str, Any]]) -> None:
        self.write(self.metrics, "".join(json.dumps(record) + "\n" for record in records))

    def _read(self, path: Path, parse: Callable[[bytes], T]) -> T:
        try:
            return parse(path.read_bytes())
        except OSError as error:
            raise self.damaged(path, error.strerror or str(error)) from error
        except ValueError as error:
            raise self.damaged(path, str(error)) from error
