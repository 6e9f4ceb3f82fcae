"""The requests to a Hub and its answers, as its parts pass them on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from agekit_testkit.hub.store import MAIN, Commit, Repo, Store

__all__ = ["Answer", "Asked", "Refusal", "find_commit", "find_repo"]


@dataclass(frozen=True)
class Asked:
    """A request.

    Args:
        method: `GET`, `POST`, ...
        path: of the address, quoted.
        query: the parameters of the address.
        body: what came with it.
        known: whether the right token came with it.
        headers: its headers.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: bytes
    known: bool
    headers: Message

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body or b"{}")


@dataclass(frozen=True)
class Answer:
    """A reply: a JSON document, or the bytes of a file.

    Args:
        status: of HTTP.
        document: what to send as JSON.
        content: what to send as it is.
        headers: further headers.
    """

    status: int = 200
    document: Any = None
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A request the Hub does not fulfil.

    Args:
        status: of HTTP.
        message: for people.
        code: what the Hub calls it.
    """

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})


def find_repo(store: Store, asked: Asked, name: str, write: bool = False) -> Repo:
    """The repository called `name`, if whoever asks may see it, or change it.

    Raises:
        Refusal: there is none, or it is not for them.
    """
    repo = store.repos.get(name)
    if write and not asked.known:
        raise Refusal(401, "Invalid credentials in Authorization header")
    if repo is None or (repo.private and not asked.known):
        raise Refusal(404 if asked.known else 401, "Repository not found", "RepoNotFound")
    return repo


def find_commit(store: Store, asked: Asked, name: str, revision: str = MAIN) -> tuple[Repo, Commit]:
    """The repository called `name`, and what it holds at `revision`.

    Raises:
        Refusal: there is none, or it is not for whoever asks.
    """
    repo = find_repo(store, asked, name)
    commit = repo.find(revision)
    if commit is None:
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return repo, commit
