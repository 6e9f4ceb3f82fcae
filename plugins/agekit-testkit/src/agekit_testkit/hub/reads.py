"""Reading from a Hub: itself, its repositories, and their files."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

import yaml

from agekit_testkit.hub.messages import Answer, Asked, Refusal, find_commit, find_repo
from agekit_testkit.hub.store import MAIN, Blob, Commit, Repo, Store, git_oid

__all__ = ["USER", "HubReads", "front_matter"]

DATE = "2025-01-01T00:00:00.000Z"
USER = "tester"


class HubReads:
    """Answers what changes nothing.

    Args:
        store: what the Hub keeps.
        listed: further paths that every repository lists, with nothing behind them.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.listed: list[str] = []

    def whoami(self, asked: Asked) -> Answer:
        """The owner of the token."""
        if not asked.known:
            raise Refusal(401, "Invalid credentials in Authorization header")
        token = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
        return Answer(document={"type": "user", "name": USER, "orgs": [], "auth": token})

    def models(self, asked: Asked) -> Answer:
        """The repositories that fit a query."""
        author, search = (asked.query.get(key, [""])[0] for key in ("author", "search"))
        shown = [
            self._about(repo, repo.commits[repo.refs[f"refs/heads/{MAIN}"]])
            for name, repo in sorted(self.store.repos.items())
            if name.startswith(f"{author}/" if author else "")
            and search in name
            and (asked.known or not repo.private)
        ]
        return Answer(document=shown)

    def _about(self, repo: Repo, commit: Commit, blobs: bool = False) -> dict[str, Any]:
        siblings: list[dict[str, Any]] = []
        for path, file in commit.files.items():
            siblings.append({"rfilename": path})
            if blobs:
                siblings[-1] |= {"size": len(file.data), "blobId": file.oid} | _lfs(file, "sha256")
        siblings += [{"rfilename": path, "size": 1, "blobId": "0" * 40} for path in self.listed]
        card = commit.files.get("README.md")
        data = yaml.safe_load(front_matter(card.data.decode())) if card else None
        return {
            "_id": git_oid("blob", repo.name.encode())[:24],
            "id": repo.name,
            "modelId": repo.name,
            "author": repo.name.partition("/")[0],
            "sha": commit.oid,
            "lastModified": DATE,
            "createdAt": DATE,
            "private": repo.private,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": (data or {}).get("tags", []),
            "cardData": data,
            "siblings": siblings,
        }

    def info(self, asked: Asked, name: str, revision: str = MAIN) -> Answer:
        """A repository at a revision."""
        repo, commit = find_commit(self.store, asked, name, revision)
        return Answer(document=self._about(repo, commit, "blobs" in asked.query))

    def refs(self, asked: Asked, name: str) -> Answer:
        """The branches, tags and pull requests of a repository."""
        kinds = {"heads": "branches", "tags": "tags", "pr": "pullRequests"}
        found: dict[str, list[dict[str, str]]] = {"converts": []}
        found |= {kind: [] for kind in kinds.values()}
        for ref, oid in find_repo(self.store, asked, name).refs.items():
            _, kind, short = ref.split("/", 2)
            found[kinds[kind]].append({"name": short, "ref": ref, "targetCommit": oid})
        return Answer(document=found)

    def commits(self, asked: Asked, name: str, revision: str) -> Answer:
        """The commits up to a revision."""
        repo, commit = find_commit(self.store, asked, name, revision)
        shown: list[dict[str, Any]] = []
        walk: Commit | None = commit
        while walk is not None:
            shown.append({"id": walk.oid, "title": walk.message, "message": "", "date": DATE})
            shown[-1]["authors"] = [{"user": USER}]
            walk = repo.commits.get(walk.parent)
        return Answer(document=shown)

    def tree(self, asked: Asked, name: str, revision: str) -> Answer:
        """The files of a revision."""
        _, commit = find_commit(self.store, asked, name, revision)
        return Answer(document=[_entry(path, file) for path, file in commit.files.items()])

    def paths(self, asked: Asked, name: str, revision: str) -> Answer:
        """The named files of a revision."""
        _, commit = find_commit(self.store, asked, name, revision)
        if "json" in asked.headers.get("Content-Type", ""):
            wanted = asked.document["paths"]
        else:
            wanted = parse_qs(asked.body.decode()).get("paths", [])
        found = [path for path in wanted if path in commit.files]
        return Answer(document=[_entry(path, commit.files[path]) for path in found])

    def file(self, asked: Asked, name: str, revision: str, path: str) -> Answer:
        """A file of a revision."""
        _, commit = find_commit(self.store, asked, name, revision)
        file = commit.files.get(path)
        if file is None:
            refusal = Refusal(404, "Entry not found", "EntryNotFound")
            refusal.headers["X-Repo-Commit"] = commit.oid
            raise refusal
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{file.oid}"', "Accept-Ranges": "bytes"}
        if file.large:
            headers["X-Linked-Etag"] = f'"{file.sha256}"'
            headers["X-Linked-Size"] = str(len(file.data))
        return Answer(content=file.data, headers=headers)


def _entry(path: str, file: Blob) -> dict[str, Any]:
    """A file as trees list it."""
    about = {"type": "file", "oid": file.oid, "size": len(file.data), "path": path}
    return about | _lfs(file, "oid")


def _lfs(file: Blob, key: str) -> dict[str, Any]:
    if not file.large:
        return {}
    return {"lfs": {key: file.sha256, "size": len(file.data), "pointerSize": len(file.pointer)}}


def front_matter(card: str) -> str:
    """The YAML between the first two lines of dashes of a card, or nothing."""
    parts = re.split(r"^---\s*$", card, maxsplit=2, flags=re.MULTILINE)
    return parts[1] if len(parts) == 3 and not parts[0].strip() else ""
