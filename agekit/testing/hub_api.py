"""What a Hub answers to each request of the client, for model repositories."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote

import yaml

from agekit.testing.hub_store import MAIN, Blob, Commit, Repo, Store, blob, git_oid, is_large

__all__ = ["Answer", "Api", "Asked", "Refusal"]

DATE = "2025-01-01T00:00:00.000Z"
USER = "tester"


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


class Api:
    """Answers the requests of the client.

    Args:
        store: what the Hub keeps; changed by commits.
        endpoint: its address.
        listed: further paths that listings hold though there is nothing behind them.
    """

    def __init__(self, store: Store, endpoint: str) -> None:
        self.store = store
        self.endpoint = endpoint
        self.listed: list[str] = []
        model = "/api/models/([^/]+/[^/]+)"
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", "/api/whoami-v2", self._whoami),
            ("POST", "/api/repos/create", self._create),
            ("POST", "/api/validate-yaml", self._validate),
            ("GET", "/api/models", self._models),
            ("GET", model, self._info),
            ("GET", f"{model}/revision/([^/]+)", self._info),
            ("GET", f"{model}/refs", self._refs),
            ("GET", f"{model}/commits/([^/]+)", self._commits),
            ("GET", f"{model}/tree/([^/]+)(?:/.*)?", self._tree),
            ("POST", f"{model}/paths-info/([^/]+)", self._paths),
            ("POST", f"{model}/preupload/([^/]+)", self._preupload),
            ("POST", f"{model}/commit/([^/]+)", self._commit),
            ("POST", f"{model}/tag/([^/]+)", self._tag),
            ("POST", r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", self._batch),
            ("PUT", "/lfs/([0-9a-f]{64})", self._upload),
            ("POST", "/lfs/verify", self._verify),
            ("GET", "/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._file),
        ]
        self._routes = [(method, re.compile(path), call) for method, path, call in routes]

    def answer(self, asked: Asked) -> Answer:
        """The reply to a request.

        Raises:
            Refusal: it is not fulfilled.
        """
        method = "GET" if asked.method == "HEAD" else asked.method
        for wanted, pattern, call in self._routes:
            if wanted == method and (match := pattern.fullmatch(asked.path)):
                with self.store.lock:
                    return call(asked, *(unquote(part) for part in match.groups()))
        raise Refusal(404, f"no such address: {asked.method} {asked.path}")

    def _repo(self, asked: Asked, name: str, write: bool = False) -> Repo:
        repo = self.store.repos.get(name)
        if write and not asked.known:
            raise Refusal(401, "Invalid credentials in Authorization header")
        if repo is None or (repo.private and not asked.known):
            raise Refusal(404 if asked.known else 401, "Repository not found", "RepoNotFound")
        return repo

    def _at(self, asked: Asked, name: str, revision: str = MAIN) -> tuple[Repo, Commit]:
        repo = self._repo(asked, name)
        commit = repo.find(revision)
        if commit is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return repo, commit

    def _whoami(self, asked: Asked) -> Answer:
        if not asked.known:
            raise Refusal(401, "Invalid credentials in Authorization header")
        token = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
        return Answer(document={"type": "user", "name": USER, "orgs": [], "auth": token})

    def _create(self, asked: Asked) -> Answer:
        if not asked.known:
            raise Refusal(401, "Invalid credentials in Authorization header")
        wanted = asked.document
        name = f"{wanted.get('organization') or USER}/{wanted['name']}"
        url = {"url": f"{self.endpoint}/{name}", "name": name, "id": name}
        if name in self.store.repos:
            return Answer(409, url | {"error": "You already created this model repo"})
        private = wanted.get("private") or wanted.get("visibility") == "private"
        self.store.create(name, bool(private))
        return Answer(document=url)

    def _validate(self, asked: Asked) -> Answer:
        try:
            yaml.safe_load(_front_matter(asked.document["content"]))
        except yaml.YAMLError as error:
            return Answer(400, {"errors": [{"message": str(error)}], "warnings": []})
        return Answer(document={"errors": [], "warnings": []})

    def _models(self, asked: Asked) -> Answer:
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
        data = yaml.safe_load(_front_matter(card.data.decode())) if card else None
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

    def _info(self, asked: Asked, name: str, revision: str = MAIN) -> Answer:
        repo, commit = self._at(asked, name, revision)
        return Answer(document=self._about(repo, commit, "blobs" in asked.query))

    def _refs(self, asked: Asked, name: str) -> Answer:
        kinds = {"heads": "branches", "tags": "tags", "pr": "pullRequests"}
        found: dict[str, list[dict[str, str]]] = {"converts": []}
        found |= {kind: [] for kind in kinds.values()}
        for ref, oid in self._repo(asked, name).refs.items():
            _, kind, short = ref.split("/", 2)
            found[kinds[kind]].append({"name": short, "ref": ref, "targetCommit": oid})
        return Answer(document=found)

    def _commits(self, asked: Asked, name: str, revision: str) -> Answer:
        repo, commit = self._at(asked, name, revision)
        shown: list[dict[str, Any]] = []
        walk: Commit | None = commit
        while walk is not None:
            shown.append({"id": walk.oid, "title": walk.message, "message": "", "date": DATE})
            shown[-1]["authors"] = [{"user": USER}]
            walk = repo.commits.get(walk.parent)
        return Answer(document=shown)

    def _tree(self, asked: Asked, name: str, revision: str) -> Answer:
        _, commit = self._at(asked, name, revision)
        return Answer(document=[_entry(path, file) for path, file in commit.files.items()])

    def _paths(self, asked: Asked, name: str, revision: str) -> Answer:
        _, commit = self._at(asked, name, revision)
        if "json" in asked.headers.get("Content-Type", ""):
            wanted = asked.document["paths"]
        else:
            wanted = parse_qs(asked.body.decode()).get("paths", [])
        found = [path for path in wanted if path in commit.files]
        return Answer(document=[_entry(path, commit.files[path]) for path in found])

    def _preupload(self, asked: Asked, name: str, revision: str) -> Answer:
        self._repo(asked, name, write=True)
        _, commit = self._at(asked, name, revision)
        modes = []
        for file in asked.document["files"]:
            path = file["path"]
            mode = "lfs" if is_large(path, file["size"]) else "regular"
            there = commit.files.get(path)
            oid = None if there is None else there.sha256 if there.large else there.oid
            modes.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return Answer(document={"files": modes})

    def _batch(self, asked: Asked, name: str) -> Answer:
        self._repo(asked, name, write=True)
        objects = asked.document["objects"]
        for wanted in objects:
            if wanted["oid"] not in self.store.uploads:
                verify = {"href": f"{self.endpoint}/lfs/verify"}
                upload = {"href": f"{self.endpoint}/lfs/{wanted['oid']}"}
                wanted["actions"] = {"upload": upload, "verify": verify}
        return Answer(document={"transfer": "basic", "objects": objects})

    def _upload(self, asked: Asked, oid: str) -> Answer:
        if sha256(asked.body).hexdigest() != oid:
            raise Refusal(400, "the content does not have the sha256 it was announced with")
        self.store.uploads[oid] = asked.body
        return Answer()

    def _verify(self, asked: Asked) -> Answer:
        wanted = asked.document
        if len(self.store.uploads.get(wanted["oid"], b"")) != wanted["size"]:
            raise Refusal(400, "no such object was uploaded")
        return Answer(document={})

    def _commit(self, asked: Asked, name: str, revision: str) -> Answer:
        repo = self._repo(asked, name, write=True)
        _, base = self._at(asked, name, revision)
        files = dict(base.files)
        message = ""
        for line in asked.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                message = value["summary"]
            elif item["key"] == "file":
                files[value["path"]] = blob(base64.b64decode(value["content"]))
            elif item["key"] == "lfsFile":
                if value["oid"] not in self.store.uploads:
                    raise Refusal(400, f"{value['path']} was not uploaded")
                files[value["path"]] = Blob(self.store.uploads[value["oid"]], large=True)
            elif item["key"] == "deletedFile":
                files.pop(value["path"], None)
        more = {}
        ref = f"refs/heads/{revision}"
        if asked.query.get("create_pr"):
            number = 1 + sum(ref.startswith("refs/pr/") for ref in repo.refs)
            ref = f"refs/pr/{number}"
            more["pullRequestUrl"] = f"{self.endpoint}/{name}/discussions/{number}"
        made = repo.commit(ref, message, files)
        url = f"{self.endpoint}/{name}/commit/{made.oid}"
        return Answer(document={"commitUrl": url, "commitOid": made.oid, **more})

    def _tag(self, asked: Asked, name: str, revision: str) -> Answer:
        repo = self._repo(asked, name, write=True)
        _, commit = self._at(asked, name, revision)
        ref = f"refs/tags/{asked.document['tag']}"
        if ref in repo.refs:
            raise Refusal(409, "Tag reference exists already")
        repo.refs[ref] = commit.oid
        return Answer(document={})

    def _file(self, asked: Asked, name: str, revision: str, path: str) -> Answer:
        _, commit = self._at(asked, name, revision)
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


def _front_matter(card: str) -> str:
    """The YAML between the first two lines of dashes of a card, or nothing."""
    parts = re.split(r"^---\s*$", card, maxsplit=2, flags=re.MULTILINE)
    return parts[1] if len(parts) == 3 and not parts[0].strip() else ""
