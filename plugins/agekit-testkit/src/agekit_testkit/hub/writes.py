"""Writing to a Hub: repositories, commits and tags."""

from __future__ import annotations

import base64
import json
from hashlib import sha256

import yaml

from agekit_testkit.hub.messages import Answer, Asked, Refusal, find_commit, find_repo
from agekit_testkit.hub.reads import USER, front_matter
from agekit_testkit.hub.store import Blob, Store, blob, is_large

__all__ = ["HubWrites"]


class HubWrites:
    """Answers what changes something, and takes the contents of large files.

    Args:
        store: what the Hub keeps.
        endpoint: its address.
    """

    def __init__(self, store: Store, endpoint: str) -> None:
        self.store = store
        self.endpoint = endpoint

    def create(self, asked: Asked) -> Answer:
        """Makes a repository."""
        if not asked.known:
            raise Refusal(401, "Invalid credentials in Authorization header")
        wanted = asked.document
        name = f"{wanted.get('organization') or USER}/{wanted['name']}"
        if wanted.get("type") == "space":
            name = f"spaces/{name}"
        url = {"url": f"{self.endpoint}/{name}", "name": name, "id": name}
        if name in self.store.repos:
            return Answer(409, url | {"error": "You already created this model repo"})
        private = wanted.get("private") or wanted.get("visibility") == "private"
        self.store.create(name, bool(private))
        return Answer(document=url)

    def validate(self, asked: Asked) -> Answer:
        """Checks the header of a card."""
        try:
            yaml.safe_load(front_matter(asked.document["content"]))
        except yaml.YAMLError as error:
            return Answer(400, {"errors": [{"message": str(error)}], "warnings": []})
        return Answer(document={"errors": [], "warnings": []})

    def preupload(self, asked: Asked, name: str, revision: str) -> Answer:
        """Says of files how to send each."""
        find_repo(self.store, asked, name, write=True)
        _, commit = find_commit(self.store, asked, name, revision)
        modes = []
        for file in asked.document["files"]:
            path = file["path"]
            mode = "lfs" if is_large(path, file["size"]) else "regular"
            there = commit.files.get(path)
            oid = None if there is None else there.sha256 if there.large else there.oid
            modes.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return Answer(document={"files": modes})

    def batch(self, asked: Asked, name: str) -> Answer:
        """Says of large files where to send each."""
        find_repo(self.store, asked, name, write=True)
        objects = asked.document["objects"]
        for wanted in objects:
            if wanted["oid"] not in self.store.uploads:
                verify = {"href": f"{self.endpoint}/lfs/verify"}
                upload = {"href": f"{self.endpoint}/lfs/{wanted['oid']}"}
                wanted["actions"] = {"upload": upload, "verify": verify}
        return Answer(document={"transfer": "basic", "objects": objects})

    def upload(self, asked: Asked, oid: str) -> Answer:
        """Takes the contents of a large file."""
        if sha256(asked.body).hexdigest() != oid:
            raise Refusal(400, "the content does not have the sha256 it was announced with")
        self.store.uploads[oid] = asked.body
        return Answer()

    def verify(self, asked: Asked) -> Answer:
        """Says whether a large file came."""
        wanted = asked.document
        if len(self.store.uploads.get(wanted["oid"], b"")) != wanted["size"]:
            raise Refusal(400, "no such object was uploaded")
        return Answer(document={})

    def commit(self, asked: Asked, name: str, revision: str) -> Answer:
        """Takes a commit."""
        repo = find_repo(self.store, asked, name, write=True)
        _, base = find_commit(self.store, asked, name, revision)
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

    def tag(self, asked: Asked, name: str, revision: str) -> Answer:
        """Gives a commit a tag."""
        repo = find_repo(self.store, asked, name, write=True)
        _, commit = find_commit(self.store, asked, name, revision)
        ref = f"refs/tags/{asked.document['tag']}"
        if ref in repo.refs:
            raise Refusal(409, "Tag reference exists already")
        repo.refs[ref] = commit.oid
        return Answer(document={})
