"""A Hub of one's own, for tests: the real client speaks to it over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from agekit_testkit.hub.faults import Fault, Faults
from agekit_testkit.hub.server import HubServer, Request
from agekit_testkit.hub.store import MAIN, Commit, Store, blob

__all__ = ["LoopbackHub"]

TOKEN = "hf_loopback"


class LoopbackHub:
    """A Hub of model repositories on the loopback interface, for as long as the block lasts.

    It speaks what `huggingface_hub` 1.x and 2.x and their `hf` command speak: repositories,
    commits, tags, pull requests, large files, listings, downloads in parts. It can be told to
    misbehave; see `misbehave` and the methods after it.

        with LoopbackHub() as hub:
            commit = hub.put("org/model", folder)
            subprocess.run(["agekit", "zoo", "pull", "hf-hub:org/model"], env=os.environ | hub.env)

    Attributes:
        endpoint: its address.
        token: what whoever writes, or reads what is private, has to show.
    """

    def __init__(self) -> None:
        self.token = TOKEN
        self._store = Store()
        self._faults = Faults()
        self._server = HubServer(self._store, self._faults, self.token)
        self.endpoint = self._server.endpoint

    def __enter__(self) -> Self:
        self._home = TemporaryDirectory()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._home.cleanup()

    @property
    def home(self) -> Path:
        """The client's own folder (`HF_HOME`): its cache is `hub` in it."""
        return Path(self._home.name)

    @property
    def env(self) -> dict[str, str]:
        """The variables with which a process's client speaks to this Hub and to nothing else."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.home),
            "HF_HUB_CACHE": str(self.home / "hub"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_TOKEN": self.token,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in order."""
        return list(self._server.requests)

    def forget_requests(self) -> None:
        """From now on `requests` starts anew."""
        self._server.requests.clear()

    def put(
        self,
        repo: str,
        files: Path | Mapping[str, bytes | str],
        *,
        private: bool = False,
        message: str = "test",
    ) -> str:
        """Commits files to the main branch, as if somebody had pushed them.

        Args:
            repo: `org/name`; made if there is none.
            files: the folder that holds them, or path → contents.
            private: whether a new repository is.
            message: of the commit.

        Returns:
            The commit: 40 hex digits.
        """
        if isinstance(files, Path):
            found = [path for path in files.rglob("*") if path.is_file()]
            files = {path.relative_to(files).as_posix(): path.read_bytes() for path in found}
        with self._store.lock:
            kept = self._store.repos.get(repo) or self._store.create(repo, private)
            new = {path: blob(content, path) for path, content in files.items()}
            ref = f"refs/heads/{MAIN}"
            return kept.commit(ref, message, {**kept.commits[kept.refs[ref]].files, **new}).oid

    def commit(self, repo: str, revision: str = MAIN) -> Commit:
        """The files of a branch, a tag, a pull request (`refs/pr/1`) or a commit.

        Raises:
            KeyError: there is none.
        """
        with self._store.lock:
            found = self._store.repos[repo].find(revision)
        if found is None:
            raise KeyError(revision)
        return found

    def is_private(self, repo: str) -> bool:
        """True if a repository is private.

        Raises:
            KeyError: there is none.
        """
        return self._store.repos[repo].private

    def misbehave(self, fault: Fault) -> None:
        """From now on, do as `fault` says."""
        self._faults.add(fault)

    def behave(self) -> None:
        """From now on, be a good Hub again."""
        self._faults.clear()
        self._server.api.reads.listed.clear()

    def flip_byte(self, file: str, at: int = -1) -> None:
        """Sends `file` with the lowest bit of its byte number `at` flipped."""

        def flip(data: bytes) -> bytes:
            changed = bytearray(data)
            changed[at] ^= 1
            return bytes(changed)

        self.misbehave(Fault(file, ("GET",), change=flip))

    def truncate(self, file: str, keep: int) -> None:
        """Sends no more than the first `keep` bytes of `file`, as if that were all."""
        self.misbehave(Fault(file, ("HEAD", "GET"), change=lambda data: data[:keep]))

    def announce(self, file: str, size: int) -> None:
        """Says that `file` has `size` bytes."""
        self.misbehave(Fault(file, ("HEAD", "GET"), size=size))

    def redirect(self, file: str, url: str) -> None:
        """Sends whoever asks for `file` to `url`."""
        self.misbehave(Fault(file, ("HEAD", "GET"), location=url))

    def fail(self, status: int, path: str = "", times: int | None = None, **headers: str) -> None:
        """Answers with an error.

        Args:
            status: of HTTP: 401, 403, 404, 429, 500, ...
            path: the end of the addresses that fail; empty for every one.
            times: how often; None is always.
            **headers: further headers, `_` for `-`.
        """
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.misbehave(Fault(path, times=times, status=status, headers=given))

    def cut(self, file: str, after: int, times: int | None = 1) -> None:
        """Breaks the connection after `after` bytes of `file`."""
        self.misbehave(Fault(file, ("GET",), times=times, cut=after))

    def list_also(self, *paths: str) -> None:
        """Lists these paths too in every repository, though there is nothing behind them."""
        self._server.api.reads.listed += paths
