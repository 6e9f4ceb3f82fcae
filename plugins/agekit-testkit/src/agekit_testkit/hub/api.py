"""The routes of a Hub: which address is answered by what."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from agekit_testkit.hub.messages import Answer, Asked, Refusal
from agekit_testkit.hub.reads import HubReads
from agekit_testkit.hub.store import Store
from agekit_testkit.hub.writes import HubWrites

__all__ = ["Api"]


class Api:
    """Answers the requests of the client, for repositories of models, datasets and Spaces.

    The Space `org/name` is kept as ``spaces/org/name``, a dataset as ``datasets/org/name``, as
    their addresses have it.

    Args:
        store: what the Hub keeps; changed by commits.
        endpoint: its address.
    """

    def __init__(self, store: Store, endpoint: str) -> None:
        self.store = store
        self.reads = reads = HubReads(store)
        writes = HubWrites(store, endpoint)
        model = "/api/(?:models/|(?=spaces/|datasets/))((?:spaces/|datasets/)?[^/]+/[^/]+)"
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", "/api/whoami-v2", reads.whoami),
            ("POST", "/api/repos/create", writes.create),
            ("POST", "/api/validate-yaml", writes.validate),
            ("GET", "/api/models", reads.models),
            ("GET", model, reads.info),
            ("GET", f"{model}/revision/([^/]+)", reads.info),
            ("GET", f"{model}/refs", reads.refs),
            ("GET", f"{model}/commits/([^/]+)", reads.commits),
            ("GET", f"{model}/tree/([^/]+)(?:/.*)?", reads.tree),
            ("POST", f"{model}/paths-info/([^/]+)", reads.paths),
            ("POST", f"{model}/preupload/([^/]+)", writes.preupload),
            ("POST", f"{model}/commit/([^/]+)", writes.commit),
            ("POST", f"{model}/tag/([^/]+)", writes.tag),
            ("POST", r"/((?:spaces/)?[^/]+/[^/]+)\.git/info/lfs/objects/batch", writes.batch),
            ("PUT", "/lfs/([0-9a-f]{64})", writes.upload),
            ("POST", "/lfs/verify", writes.verify),
            ("GET", "/((?:datasets/)?[^/]+/[^/]+)/resolve/([^/]+)/(.+)", reads.file),
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
