"""A zoo published on the Hub: each model in a repository of its own, then the entries of all."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from agekit.atomic import written
from agekit.data.home import only_one
from agekit.data.notes import tell
from agekit.errors import AgekitError, ModelError, UnknownNameError, nearest
from agekit.zoo.add import entry_of
from agekit.zoo.entry import parse_entry, write_entry
from agekit.zoo.files import wrap_os_error
from agekit.zoo.hub.cache import is_offline
from agekit.zoo.hub.errors import is_unreachable
from agekit.zoo.hub.pull import pull
from agekit.zoo.index import IndexedModel, read_index
from agekit.zoo.locate import folder_here
from agekit.zoo.names import HUB_PREFIX, parse_hub_name
from agekit_publish.add import must_take_files
from agekit_publish.publication import Publication, listed
from agekit_publish.push import hub_api, send
from agekit_publish.ready import Ready, must_be_repositories, ready, tested

__all__ = ["publish_zoo"]

_log = logging.getLogger(__name__)


def publish_zoo(
    org: str,
    index: Path,
    *,
    only: Sequence[str] = (),
    private: bool = False,
    overwrite: bool = False,
    benchmarks: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> list[Publication]:
    """Publishes the models of the index whose files are here, and writes their entries.

    All of them are checked and compared with what is on the Hub before anything is pushed; where
    one is refused, nothing is. Then those that are not there yet are pushed, and every one is
    pulled back by its commit, sizes and hashes. The entries are written when all have come back. So
    a call that was cut short leaves no entry, and the next one goes on with what is lacking.

    Args:
        org: an organisation or a user of the Hub.
        index: the folder for the entries; made if need be.
        only: names of models; all without.
        private: whether new repositories are private; existing ones have to be.
        overwrite: change repositories and entries that hold something else.
        benchmarks: dataset → the Hub's repository of it that is to show the test figures of those
            models that have some.
        dry_run: compare, and change nothing.

    Returns:
        What became of each model, or is to become of it. Where one is refused, no entry was
        written.

    Raises:
        ConfigError: no such model, or none with files here.
        ModelError: there is no token, the index cannot be written, or no model has test figures of
            a benchmark.
    """
    parse_hub_name(f"{org}/model")
    must_be_repositories(benchmarks or {})
    models = _chosen(only)
    must_take_files(index)
    if not dry_run:
        hub_api(f"to {org}")
    with only_one(index), ExitStack() as stack:
        found = [
            Publication(m.entry.name, f"{org}/{m.entry.name}", m.entry.licence) for m in models
        ]
        made: dict[str, Ready] = {}
        for one, model in zip(found, models, strict=True):
            with _refusing(one):
                if _left_out(one, model):
                    continue
                entry, folder = entry_of(model), _folder(model)
                told = tested(folder, benchmarks or {})
                made[one.name] = it = stack.enter_context(ready(folder, entry, told))
                one.benchmarks = [*told]
                one.licence, one.files = it.entry.licence, it.sizes
                _compare(one, it, private, overwrite)
                _must_be_ours(index, one, overwrite)
        _each_is_told(benchmarks or {}, found)
        if dry_run or any(one.state == "refused" for one in found):
            return found
        _push_all(found, made, private)
        if not any(one.state == "refused" for one in found):
            _write(index, found)
    return found


def _each_is_told(benchmarks: Mapping[str, str], found: Sequence[Publication]) -> None:
    """Refuses a benchmark of which no model tells figures; one that is refused might have some.

    Raises:
        ModelError: there is one.
    """
    told = {name for one in found for name in one.benchmarks}
    if any(one.state == "refused" for one in found):
        return
    for name in benchmarks:
        if name not in told:
            raise ModelError(
                f"no model that is to be pushed has test figures of {name}: nothing pushed",
                "see `agekit zoo info NAME` for what a model was tested on",
            )


def _chosen(only: Sequence[str]) -> list[IndexedModel]:
    found = read_index()
    for warning in found.warnings:
        _log.warning("unusable: %s", warning)
    if unknown := [name for name in only if name not in found.models]:
        raise UnknownNameError(
            [f"there is no model {name!r}{nearest(name, found.models)}" for name in unknown],
            "see `agekit zoo list`",
        )
    return [model for name, model in found.models.items() if not only or name in only]


def _left_out(one: Publication, model: IndexedModel) -> bool:
    """Whether the index has a model on the Hub already, and says so."""
    if model.entry.hub_repo is None:
        return False
    one.state, one.commit = "left out", model.entry.revision
    one.problem = f"the index has it on the Hub already, {model.entry.hub_repo}"
    return True


def _folder(model: IndexedModel) -> Path:
    folder = folder_here(model)
    if folder is None:
        raise ModelError(
            f"its files are not where its entry says: {model.folder}",
            f"install {model.provider} again, or correct {model.path}",
        )
    return folder


@contextmanager
def _refusing(one: Publication) -> Iterator[None]:
    """Notes what is wrong with one model; the others are looked at all the same.

    Raises:
        ModelError: the Hub cannot be reached, which is no fault of this model.
    """
    try:
        yield
    except AgekitError as error:
        if error.__cause__ is not None and is_unreachable(error.__cause__):
            raise
        one.refuse(error)


def _compare(one: Publication, model: Ready, private: bool, overwrite: bool) -> None:
    """Finds what a repository lacks of a model.

    Raises:
        ModelError: it holds something else, everybody can see it, or the Hub does not say.
    """
    if is_offline():
        one.state = "not known"
        return
    there = listed(one.repo)
    if there is None:
        return
    commit, open_to_all, specs = there
    one.others = sorted(specs.keys() - model.files.keys())
    other = [
        name for name in model.files if name in specs and not specs[name].is_met(model.files[name])
    ]
    lacking = [name for name in model.files if name not in specs]
    if private and open_to_all:
        raise ModelError(
            f"{one.repo} is there already, and everybody can see it",
            "publish without --private, or make it private in its settings",
        )
    if not other and not lacking:
        one.state, one.commit = "same", commit
        return
    if (other or (lacking and one.others)) and not overwrite:
        what = ", ".join((other or list(one.others))[:3])
        raise ModelError(
            f"{one.repo} is there already and holds something else: {what}",
            "look at it, then replace what differs with --overwrite",
        )
    one.state = "change" if specs else "create"


def _push_all(found: Sequence[Publication], made: Mapping[str, Ready], private: bool) -> None:
    """Pushes what is lacking, and pulls every model back.

    Raises:
        ModelError: the Hub cannot be reached any more.
    """
    waiting = [one for one in found if one.name in made]
    for one in waiting:
        try:
            with _refusing(one):
                _push_one(one, made[one.name], private)
        except ModelError as error:
            done = sum(one.state == "published" for one in waiting)
            raise ModelError(
                f"{error.message}; {done} of {len(waiting)} models are up, no entry was written",
                f"{error.hint}; the same command goes on",
            ) from error


def _push_one(one: Publication, model: Ready, private: bool) -> None:
    if one.state != "same":
        done = send(model, one.repo, private=private)
        one.commit, one.url = done.commit, done.url
        tell(f"{one.repo}: pushed, commit {one.commit}")
    entry = replace(model.entry, source=f"{HUB_PREFIX}{one.repo}", revision=one.commit)
    pull(one.repo, one.commit, entry.files, force=True)
    _, _, specs = listed(one.repo, one.commit) or ("", False, {})
    for name, path in model.files.items():
        if name not in specs or not specs[name].is_met(path):
            raise ModelError(f"{one.repo} has another {name} at commit {one.commit}", "look at it")
    one.entry, one.state = parse_entry(write_entry(entry), one.repo), "published"


def _must_be_ours(index: Path, one: Publication, overwrite: bool) -> None:
    """Refuses to take the place of an entry that is of another repository.

    Raises:
        ModelError: there is one.
    """
    path = index / f"{one.name}.json"
    if overwrite or not path.exists():
        return
    with suppress(AgekitError, OSError, UnicodeDecodeError):
        if parse_entry(path.read_text(encoding="utf-8"), str(path)).hub_repo == one.repo:
            return
    raise ModelError(
        f"{path} is there already, and of something else", "replace it with --overwrite"
    )


def _write(index: Path, found: Sequence[Publication]) -> None:
    """Writes all entries: each whole, and none before the last is on the disk."""
    entries = {index / f"{one.name}.json": one.entry for one in found if one.entry is not None}
    with wrap_os_error(index), ExitStack() as stack:
        for path, entry in entries.items():
            aside = stack.enter_context(written(path))
            aside.write_text(write_entry(entry), encoding="utf-8")
