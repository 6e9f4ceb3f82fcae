"""What a search has found: a table, a line that trains the best, and its recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from agekit.atomic import write_text
from agekit.cli.output import emit_json, print_table
from agekit.errors import counted
from agekit_search.asked import Asked
from agekit_search.space import short_names
from agekit_search.trials import Outcome, Search

__all__ = ["Answer"]

QUOTE = '"'


class Answer:
    """The trials of a search, and the best of them.

    Args:
        search: whose.
        asked: what it was asked for.
        label: of the error.
    """

    def __init__(self, search: Search, asked: Asked, label: str) -> None:
        self.search, self.asked, self.label = search, asked, label
        self.names = short_names([one.key for one in search.space])

    @property
    def outcomes(self) -> list[Outcome]:
        """The trials that are over."""
        return self.search.outcomes()

    @property
    def best(self) -> Outcome | None:
        """The best one, if any."""
        return self.search.best()

    def told(self, one: Outcome, trials: int) -> str:
        """A line about a trial that is over, of so many."""
        values = ", ".join(f"{self.names[k]} {text.strip(QUOTE)}" for k, text in one.values.items())
        text = f"trial {one.trial} of {trials}: {values}: "
        if one.why:
            return f"{text}{one.state}: {one.why}"
        text += f"val {self.label} {one.error:.2f}"
        if one.state != "done":
            return f"{text}, ended after {counted(one.epochs, 'epoch')}"
        if (best := self.best) is not None and best.trial != one.trial:
            text += f" (best {best.error:.2f})"
        return text

    def recipe(self, best: Outcome) -> Path | None:
        """Writes the best as a recipe; None where no file could hold it.

        What a training takes from ``--init`` would be laid over the file's own values.
        """
        if self.asked.options["init"] is not None:
            return None
        resolved = self.asked.resolve(settings_of(best)).with_changes(best.adopted)
        path = self.search.folder / "best.yaml"
        write_text(path, resolved.to_yaml())
        return path

    def print(self) -> None:
        """The trials, the best first, and what to do with it."""
        ranks = {"done": 0, "pruned": 1, "diverged": 2, "failed": 3}
        ordered = sorted(self.outcomes, key=lambda o: (ranks[o.state], o.error or 0.0, o.trial))
        rows = [
            [
                one.trial,
                None if one.error is None else f"{one.error:.2f}",
                one.epochs,
                one.state,
                *(value.strip(QUOTE) for value in one.values.values()),
            ]
            for one in ordered
        ]
        print_table(["trial", f"val {self.label}", "epochs", "", *self.names.values()], rows)
        best = self.best
        if best is None:
            return
        text = f"best: trial {best.trial}, val {self.label} {best.error:.2f}"
        first = self.outcomes[0]
        if self.search.has_own and first.error is not None and first.trial != best.trial:
            text += f"; the recipe as it is: {first.error:.2f}"
        click.echo(f"{text} (no test face was looked at)")
        settings = settings_of(best)
        whole = self.asked.resolve(settings).recipe.train.epochs
        click.echo("to train it" + (f" in full, {whole} epochs" if self.asked.epochs else "") + ":")
        click.echo(f"  {self.asked.line(settings)}")
        if (path := self.recipe(best)) is not None:
            click.echo("or by its recipe:")
            click.echo(f"  {self.asked.line(recipe=str(path))}")
        else:
            click.echo(
                "(no recipe is written: --init would lay its model's values over the file's)"
            )

    def print_json(self) -> None:
        """The same as one document."""
        best, found = self.best, None
        if best is not None:
            line = self.asked.line(settings_of(best))
            found = {**_plain(best), "command": line, "recipe": self.recipe(best)}
        emit_json(
            {
                "out": self.search.folder,
                "metric": f"val {self.label}",
                "trials": [_plain(one) for one in self.outcomes],
                "best": found,
            }
        )


def settings_of(one: Outcome) -> list[str]:
    """What ``--set`` takes."""
    return [f"{key}={text}" for key, text in one.values.items()]


def _plain(one: Outcome) -> dict[str, Any]:
    values = {key: json.loads(text) for key, text in one.values.items()}
    return {
        "trial": one.trial,
        "state": one.state,
        "error": one.error,
        "epochs": one.epochs,
        "values": values,
        "why": one.why or None,
    }
