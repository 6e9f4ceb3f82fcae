"""A model folder published on the Hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import CommitOperationAdd, HfApi, get_token

from agekit.discovery import core_version
from agekit.errors import ModelError
from agekit.zoo.entry import ZooEntry
from agekit.zoo.hub.cache import is_offline
from agekit.zoo.hub.client import endpoint
from agekit.zoo.hub.errors import explain
from agekit.zoo.names import HUB_PREFIX, is_pinned, parse_hub_name
from agekit_publish.ready import Ready, ready

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo

__all__ = [
    "Pushed",
    "hub_api",
    "push_model",
    "push_space",
    "send",
]


@dataclass(frozen=True)
class Pushed:
    """The outcome of a push, or of a dry run.

    Args:
        repo: `org/repo`.
        files: path → bytes.
        entry: for the index; without a revision as long as nothing was pushed.
        commit: 40 hex digits; None if nothing was pushed.
        url: of the commit, or of the pull request.
        changed: whether the repository did not hold these files already.
    """

    repo: str
    files: Mapping[str, int]
    entry: ZooEntry
    commit: str | None = None
    url: str | None = None
    changed: bool = True


def push_model(
    folder: Path,
    repo: str,
    *,
    private: bool = False,
    create_pr: bool = False,
    tag: str | None = None,
    token: str | None = None,
    benchmarks: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Pushed:
    """Publishes a model: makes the repository if there is none, and commits the model's files.

    Args:
        folder: a model folder or a run folder with a model.
        repo: `org/repo`.
        private: whether a new repository is private; an existing one has to be.
        create_pr: open a pull request in place of changing the main branch.
        tag: to give the commit.
        token: None takes `$HF_TOKEN` or the one of `hf auth login`.
        benchmarks: dataset → the Hub's repository of it that is to show the test figures.
        dry_run: check everything here, and do not speak to the Hub.

    Raises:
        ModelError: the model is not whole or does not load, or the Hub refuses.
    """
    if parse_hub_name(repo).revision is not None or repo.startswith(HUB_PREFIX):
        raise ModelError(f"{repo!r} does not name a repository", "the form is ORG/REPO")
    if create_pr and tag is not None:
        raise ModelError("a pull request has no tag", "tag the commit once it is merged")
    with ready(folder, benchmarks=benchmarks) as model:
        if dry_run:
            return Pushed(repo, model.sizes, replace(model.entry, source=f"{HUB_PREFIX}{repo}"))
        return send(model, repo, private=private, create_pr=create_pr, tag=tag, token=token)


def send(
    model: Ready,
    repo: str,
    *,
    private: bool = False,
    create_pr: bool = False,
    tag: str | None = None,
    token: str | None = None,
) -> Pushed:
    """As `push_model`, of a model that is ready.

    Raises:
        ModelError: the Hub refuses.
    """
    try:
        before, done = _push(hub_api(repo, token), repo, model.files, private, create_pr, tag)
    except Exception as error:
        raise explain(error, repo, endpoint()) from error
    entry = replace(model.entry, source=f"{HUB_PREFIX}{repo}", revision=done.oid)
    url = done.pr_url or done.commit_url
    return Pushed(repo, model.sizes, entry, done.oid, url, done.oid != before)


def hub_api(what: str, token: str | None = None) -> HfApi:
    """The Hub's client, for writing.

    Args:
        what: is going to be pushed.
        token: see `push_model`.

    Raises:
        ModelError: the network is off, or no token is known.
    """
    if is_offline():
        raise ModelError(f"cannot push {what}: the network is off", "unset HF_HUB_OFFLINE")
    if (token or get_token()) is None:
        raise ModelError(
            f"cannot push {what}: no token of the Hub is known",
            "`hf auth login`, or set HF_TOKEN; it needs the right to write",
        )
    return HfApi(endpoint(), token, "agekit", core_version())


def push_space(folder: Path, repo: str, *, private: bool = False) -> str:
    """Publishes a page as a static Space: makes it if there is none, and commits the page's files.

    Args:
        folder: the page; its ``README.md`` says that it is static.
        repo: `org/repo`.
        private: whether a new Space is private.

    Returns:
        The address of the commit.

    Raises:
        ModelError: the Hub refuses.
    """
    try:
        api = HfApi(endpoint(), None, "agekit", core_version())
        api.create_repo(
            repo, repo_type="space", space_sdk="static", private=private or None, exist_ok=True
        )
        done = api.create_commit(
            repo,
            [CommitOperationAdd(path.name, path) for path in sorted(folder.iterdir())],
            commit_message=f"Push a page with agekit {core_version()}",
            repo_type="space",
        )
        return str(done.commit_url)
    except Exception as error:
        raise explain(error, f"the Space {repo}", endpoint()) from error


def _push(
    api: HfApi,
    repo: str,
    files: Mapping[str, Path],
    private: bool,
    create_pr: bool,
    tag: str | None,
) -> tuple[str | None, CommitInfo]:
    """The commit that was the newest before, and the one that is now."""
    api.create_repo(repo, private=private or None, exist_ok=True)
    info = api.model_info(repo)
    if private and not info.private:
        raise ModelError(
            f"{repo} is there already, and everybody can see it",
            "push without --private, or make it private in its settings",
        )
    if tag is not None and tag in _tags(api, repo):
        raise ModelError(f"{repo} has a tag {tag!r} already", "choose another")
    done = api.create_commit(
        repo,
        [CommitOperationAdd(name, path) for name, path in files.items()],
        commit_message=f"Push a model with agekit {core_version()}",
        create_pr=create_pr,
    )
    if not is_pinned(done.oid):
        raise ModelError(f"{repo}: the Hub names no commit but {done.oid!r}", "see its page")
    if tag is not None:
        try:
            api.create_tag(repo, tag=tag, revision=done.oid)
        except Exception as error:
            reason = explain(error, repo, endpoint())
            raise ModelError(
                f"commit {done.oid} was pushed, but has no tag: {reason.message}", reason.hint
            ) from error
    return info.sha, done


def _tags(api: HfApi, repo: str) -> Sequence[str]:
    return [ref.name for ref in api.list_repo_refs(repo).tags]
