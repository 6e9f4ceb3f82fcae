"""Cells: a suite multiplied out, each cell one training with one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cached_property, partial
from pathlib import Path

from pydantic import ConfigDict, SkipValidation

from agekit.data.several import must_be_one
from agekit.errors import AgekitError, ConfigError, nearest
from agekit.recipe import Resolved, resolve
from agekit.recipe_names import resolve_recipe_name
from agekit.registry import DATASETS, TASKS
from agekit.task import Task
from agekit_bench.catalog import ENDINGS, is_open
from agekit_bench.result import CellId
from agekit_bench.result_files import RUNS
from agekit_bench.suite import OnProtocol, Row, Suite, settings_of

__all__ = ["Cell", "cells", "takes_judges", "whole_name"]


class Cell(CellId):
    """One training of a suite.

    Attributes:
        recipe: what `agekit.recipe.resolve` takes: ``cen-resnet18``, or a file.
        dataset: what it is trained on.
        settings: overrides of the recipe, as ``key=value``; `overrides` has these, and what else
            differs from the suite's: ``preset=``, ``init=``.
        init: the name of weights to start from that the user must give.
        after: the `name` of the cell whose model it starts from.
        resolved: the recipe, checked.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    recipe: str
    dataset: str
    settings: tuple[str, ...]
    init: str | None
    after: str | None = None
    resolved: SkipValidation[Resolved]

    @cached_property
    def name(self) -> str:
        """``<protocol>/<slug>/seed-<n>``, unique in the suite."""
        return self.path(Path()).with_suffix("").as_posix()

    def folder(self, out: Path) -> Path:
        """Its working folder: specification, log and run."""
        return out / RUNS / self.name


def cells(
    suite: Suite,
    *,
    only: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    preset: str | None = None,
    epochs: int | None = None,
    protocols: Sequence[str] | None = None,
) -> list[Cell]:
    """The cells of a suite, each after those it starts from, seed by seed; imports no torch.

    Args:
        suite: the suite.
        only: globs; kept is what any of them matches by its row's label, its recipe, its method,
            its backbone, its protocol, its slug or its whole name, and what that starts from.
        seeds: in place of the suite's, each once; rows that name their own keep these.
        preset: in place of every row's.
        epochs: in place of every row's.
        protocols: ``dataset`` or ``dataset:protocol``, in place of the suite's, each once.

    Raises:
        ConfigError: every mistake in the rows' recipes and the datasets' names, each with the
            nearest valid names; or nothing is matched by `only`.
    """
    wanted = suite.protocols if protocols is None else [_parse_protocol(p) for p in protocols]
    resolver = _Resolver(suite, preset, epochs)
    found: list[Cell] = []
    for row in suite.rows:
        rules = row.protocols or wanted
        full = resolver.protocols(rules)
        if row.protocols or protocols is None:
            resolver.require_once("protocols", full)
        for recipe in resolver.recipes(row):
            template = resolver.template(row, recipe)
            if template is None:
                continue
            for dataset, protocol in dict.fromkeys(full):
                for seed in dict.fromkeys(row.seeds or seeds or suite.seeds):
                    found.append(template(dataset=dataset, protocol=protocol, seed=seed))
    resolver.require_once("cross", resolver.protocols(suite.cross))
    if resolver.mistakes:
        mistakes = list(dict.fromkeys(resolver.mistakes))
        raise ConfigError(mistakes, f"correct the suite {suite.name!r}, or what was asked for")
    linked = [_link(cell, suite, found) for cell in found]
    _require_distinct(linked)
    return _matching(_ordered(linked), only)


class _Resolver:
    """Finds recipes and protocols, and gathers the mistakes in them."""

    def __init__(self, suite: Suite, preset: str | None, epochs: int | None) -> None:
        self.suite = suite
        self.preset = preset
        self.epochs = epochs
        self.mistakes: list[str] = []
        self._protocols: dict[tuple[str, str | None], tuple[str, str] | None] = {}

    def recipes(self, row: Row) -> list[str]:
        """The row's recipe on each of its backbones, where it leaves that open."""
        backbones = row.backbones or self.suite.backbones
        if not backbones or not is_open(row.recipe):
            return [row.recipe]
        return [f"{row.recipe}-{backbone}" for backbone in backbones]

    def template(self, row: Row, recipe: str) -> Callable[..., Cell] | None:
        """The row's cell, of what it is trained on and its seed; None where it has mistakes."""
        preset = row.preset if "preset" in row.model_fields_set else self.suite.preset
        preset = self.preset or preset
        settings = tuple(settings_of(row, self.epochs or row.epochs))
        more = [] if preset == self.suite.preset else [f"preset={preset or 'none'}"]
        if row.init is not None:
            more.append(f"init={row.init}")
        try:
            resolved = resolve(recipe, preset=preset, overrides=settings)
        except ConfigError as error:
            self.mistakes += [f"{row.label}: {mistake}" for mistake in error.mistakes]
            return None
        is_file = recipe.endswith(ENDINGS)
        return partial(
            Cell,
            suite=self.suite.name,
            row=row.label,
            recipe=recipe,
            recipe_name=Path(recipe).stem if is_file else recipe,
            method=Path(recipe).stem if is_file else resolve_recipe_name(recipe)[0],
            backbone=resolved.recipe.network.type,
            kind=resolved.recipe.kind,
            preset=preset,
            settings=settings,
            overrides=(*settings, *more),
            init=row.init,
            resolved=resolved,
        )

    def require_once(self, where: str, names: Sequence[tuple[str, str]]) -> None:
        """Takes what is there twice for a mistake."""
        twice = [name for name in names if names.count(name) > 1]
        self.mistakes += [f"{where}: {name} is there twice" for _, name in twice]

    def protocols(self, rules: Iterable[OnProtocol]) -> list[tuple[str, str]]:
        """The datasets, and the protocols' whole names, without those that there are not."""
        return [name for name in map(self._protocol, rules) if name is not None]

    def _protocol(self, rule: OnProtocol) -> tuple[str, str] | None:
        key = (rule.dataset, rule.protocol)
        if key not in self._protocols:
            self._protocols[key] = None
            try:
                self._protocols[key] = whole_name(rule)
            except ConfigError as error:
                self.mistakes += error.mistakes
            except AgekitError as error:
                self.mistakes.append(error.message)
        return self._protocols[key]


def takes_judges(kind: str) -> bool:
    """True if models of a task are scored by judges, and then on what they were trained on alone.

    Raises:
        AgekitError: there is no such task.
    """
    task: Task = TASKS.get(kind)
    return "judges" in task.evaluation_options


def whole_name(rule: OnProtocol) -> tuple[str, str]:
    """The dataset, and the protocol's whole name, such as ``utkface:hash-80-10-10``.

    Raises:
        AgekitError: there is no such dataset or protocol.
    """
    must_be_one(rule.dataset, "a cell of a suite")
    reader = DATASETS.get(rule.dataset)
    name = (rule.protocol or reader.default_protocol).removeprefix(f"{reader.name}:")
    if name not in reader.protocols:
        raise ConfigError(
            f"{reader.name} has no protocol {name!r}{nearest(name, reader.protocols)}"
        )
    return rule.dataset, f"{reader.name}:{name}"


def _parse_protocol(text: str) -> OnProtocol:
    """`dataset` or `dataset:protocol`, where the dataset may have its distribution before it."""
    dataset, _, protocol = text.partition(":")
    name, _, rest = protocol.partition(":")
    if dataset not in DATASETS.names() and f"{dataset}:{name}" in DATASETS.spellings():
        dataset, protocol = f"{dataset}:{name}", rest
    return OnProtocol(dataset=dataset, protocol=protocol or None)


def _link(cell: Cell, suite: Suite, found: Iterable[Cell]) -> Cell:
    """The cell, told which other it starts from, where it starts from another row."""
    if cell.init is None or suite.row(cell.init) is None:
        return cell
    candidates = [other for other in found if other.row == cell.init]
    for alike in ("protocol", "seed", "backbone"):
        same = [other for other in candidates if getattr(other, alike) == getattr(cell, alike)]
        candidates = same or candidates
    if not candidates or candidates[0].backbone != cell.backbone:
        raise ConfigError(
            f"{cell.row}: it starts from {cell.init!r}, which has no cell on {cell.backbone!r}",
            f"give both the same backbones in the suite {suite.name!r}",
        )
    return cell.model_copy(update={"init": None, "after": candidates[0].name})


def _require_distinct(found: Iterable[Cell]) -> None:
    first: dict[str, Cell] = {}
    for cell in found:
        other = first.setdefault(cell.name, cell)
        if other is not cell:
            raise ConfigError(
                f"the rows {other.row!r} and {cell.row!r} are the same: {cell.name}",
                "leave one out, or set something in it",
            )


def _ordered(found: Sequence[Cell]) -> list[Cell]:
    """Sources first, then seed by seed, as the rows stand."""
    by_name = {cell.name: cell for cell in found}

    def depth(cell: Cell) -> int:
        return 0 if cell.after is None else 1 + depth(by_name[cell.after])

    return sorted(found, key=lambda cell: (depth(cell), cell.seed))


def _matching(found: list[Cell], only: Sequence[str]) -> list[Cell]:
    if not only:
        return found
    by_name = {cell.name: cell for cell in found}
    kept: set[str] = set()
    for cell in found:
        texts = [cell.row, cell.recipe_name, cell.method, cell.backbone, cell.protocol]
        texts += [cell.slug, cell.name, cell.dataset]
        if any(fnmatchcase(text, glob) for text in texts for glob in only):
            source: str | None = cell.name
            while source is not None:
                kept.add(source)
                source = by_name[source].after
    if not kept:
        rows = list(dict.fromkeys(cell.row for cell in found))
        raise ConfigError(
            f"no cell matches {' or '.join(map(repr, only))}", f"the rows are {', '.join(rows)}"
        )
    return [cell for cell in found if cell.name in kept]
