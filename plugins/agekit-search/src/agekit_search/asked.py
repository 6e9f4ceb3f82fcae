"""What a search was asked for: a recipe, a dataset, and how each trial is trained."""

from __future__ import annotations

import gc
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agekit.atomic import write_text
from agekit.errors import ConfigError
from agekit.recipe import Resolved, resolve
from agekit.recipe.merge import assigned, merge
from agekit_search.space import Space, check_space, default_space

__all__ = ["Asked"]

_FILE = "search.json"


@dataclass(frozen=True)
class Asked:
    """The words of a command line.

    Attributes:
        recipe: as `agekit.train` takes it.
        dataset: likewise.
        settings: ``KEY=VALUE``, of every trial.
        epochs: of each generation in a trial; None as the recipe says.
        options: root, columns, protocol, as_chips, preset, init, generations, seed: likewise.
    """

    recipe: str
    dataset: str
    settings: Sequence[str]
    epochs: int | None
    options: Mapping[str, Any]

    def resolve(self, more: Iterable[str] = (), *, epochs: int | None = None) -> Resolved:
        """The recipe with some ``KEY=VALUE`` in it, and the epochs of a trial.

        Raises:
            ConfigError: with every mistake.
        """
        named = {key: self.options[key] for key in ("preset", "generations")}
        overrides = [*self.settings, *more]
        return resolve(
            self.recipe, dataset=self.dataset, epochs=epochs, overrides=overrides, **named
        )

    def trial(self, more: Iterable[str] = ()) -> Resolved:
        """As `resolve`, with the epochs of a trial."""
        return self.resolve(more, epochs=self.epochs)

    def own(self) -> dict[str, Any]:
        """The recipe as it is, plain data, by the learning rate that it would be trained by."""
        resolved = self.trial()
        rate = resolved.recipe.train.init_lr if self.options["init"] is not None else None
        own = resolved.to_dict()
        if rate and "lr" not in assigned(self.settings, "train", "optimizer"):
            own = merge(own, {"train": {"optimizer": {"lr": rate}}})
        return own

    def space(self, asked: Space) -> Space:
        """What is searched, checked; the usual where nothing is asked for.

        Raises:
            ConfigError: with every mistake.
        """
        own = self.own()
        return check_space(asked or default_space(own), self.trial, own)

    def train(self, resolved: Resolved, settings: Sequence[str], place: Path, device: str) -> None:
        """Trains a trial, whose `settings` are in its recipe already; without a test face."""
        from agekit.training.train import train

        gc.collect()  # or what the trial before left in circles still has its memory
        options = dict(self.options)
        del options["generations"]
        train(
            resolved,
            self.dataset,
            overrides=[*self.settings, *settings],
            device=device,
            out=place,
            splits=("train", "val"),
            **options,
        )

    def line(self, settings: Iterable[str] = (), recipe: str | None = None) -> str:
        """The command that trains the recipe in full, or a file that is it with all that is set."""
        words = ["agekit", "train", recipe or self.recipe, self.dataset]
        for name in ("root", "protocol", "columns"):
            given = self.options[name] or {}
            pairs = given.items() if isinstance(given, Mapping) else [("", given)]
            for key, value in pairs:
                words += [f"--{name}", f"{key}={value}" if key else str(value)]
        words += ["--as-chips"] if self.options["as_chips"] else []
        words += ["--seed", str(self.options["seed"])] if self.options["seed"] else []
        if recipe is None:
            for name in ("preset", "init", "generations"):
                if self.options[name] is not None:
                    words += [f"--{name}", str(self.options[name])]
            for setting in (*self.settings, *settings):
                words += ["--set", setting]
        return shlex.join(words)

    def keep(self, folder: Path, space: Space, pruner: str) -> None:
        """Writes down what is asked for; a search that goes on must be the same.

        Raises:
            ConfigError: the folder holds another search, or files that no search wrote.
        """
        asked = {
            "recipe": self.recipe,
            "dataset": self.dataset,
            "space": [str(one) for one in space],
            "set": list(self.settings),
            "epochs": self.epochs,
            "prune": pruner,
            **self.options,
            "resolved": self.trial().to_dict(),
        }
        asked = json.loads(json.dumps(asked, default=str))
        path = folder / _FILE
        if not path.exists():
            if others := [p.name for p in folder.iterdir() if not p.name.startswith(".")]:
                raise ConfigError(
                    f"{folder} is no search, and is not empty: it holds {min(others)}",
                    "choose another --out",
                )
            write_text(path, json.dumps(asked, indent=1) + "\n")
            return
        before = json.loads(path.read_text("utf-8"))
        for key, value in asked.items():
            if before.get(key) != value:
                what = f"{key} is {before.get(key)} there, and {value} here"
                raise ConfigError(
                    f"{folder} holds another search: "
                    + ("the recipe has changed since" if key == "resolved" else what),
                    "repeat its command, or choose another --out",
                )
