"""The store of a Hub: repositories, their commits, and the contents of files."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Blob", "Commit", "Repo", "Store", "blob", "git_oid", "is_large"]

MAIN = "main"
LFS_ENDINGS = (".safetensors", ".onnx", ".bin", ".pt", ".pth", ".pkl")
LFS_SIZE = 10_000_000
"""Files above this many bytes are kept as large files whatever they are called."""


@dataclass(frozen=True)
class Blob:
    """The contents of a file.

    Args:
        data: its bytes.
        large: whether it is kept as a large file, known by its SHA-256, and in git by a pointer.
    """

    data: bytes = field(repr=False)
    large: bool = False

    @property
    def sha256(self) -> str:
        """Of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        """The text that git keeps in place of a large file."""
        text = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
        return text.format(self.sha256, len(self.data)).encode()

    @property
    def oid(self) -> str:
        """The name git has for it, or for its pointer."""
        return git_oid("blob", self.pointer if self.large else self.data)


@dataclass(frozen=True)
class Commit:
    """One state of a repository.

    Args:
        oid: its name, 40 hex digits.
        message: one line.
        files: path → contents.
        parent: the commit before it; empty for the first.
    """

    oid: str
    message: str
    files: Mapping[str, Blob]
    parent: str = ""


@dataclass
class Repo:
    """A model repository.

    Args:
        name: `org/name`.
        private: whether it is shown to its owner alone.
        refs: full name of a branch, tag or pull request → commit.
        commits: oid → commit.
    """

    name: str
    private: bool = False
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def find(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag, a pull request or an oid names."""
        for name in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if name in self.refs:
                return self.commits[self.refs[name]]
        return self.commits.get(revision)

    def commit(self, ref: str, message: str, files: Mapping[str, Blob]) -> Commit:
        """Puts a new state at `ref`."""
        parent = self.refs.get(ref) or self.refs.get(f"refs/heads/{MAIN}", "")
        tree = "".join(f"{path}\0{files[path].oid}\n" for path in sorted(files))
        text = f"tree {git_oid('tree', tree.encode())}\nparent {parent}\n\n{message}\n"
        made = Commit(git_oid("commit", text.encode()), message, dict(files), parent)
        self.commits[made.oid] = made
        self.refs[ref] = made.oid
        return made


class Store:
    """The repositories of a Hub, and the large files that were uploaded to it.

    Whoever changes them holds `lock`.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.repos: dict[str, Repo] = {}
        self.uploads: dict[str, bytes] = {}

    def create(self, name: str, private: bool = False) -> Repo:
        """A new repository with one commit, as the Hub makes it."""
        repo = self.repos[name] = Repo(name, private)
        attributes = "*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
        repo.commit(f"refs/heads/{MAIN}", "initial commit", {".gitattributes": blob(attributes)})
        return repo


def blob(content: str | bytes, path: str = "") -> Blob:
    """The contents of the file at `path`, which decides whether it is a large one."""
    data = content.encode() if isinstance(content, str) else content
    return Blob(data, is_large(path, len(data)))


def is_large(path: str, size: int) -> bool:
    """True if a Hub keeps a file as a large one."""
    return path.endswith(LFS_ENDINGS) or size > LFS_SIZE


def git_oid(kind: str, data: bytes) -> str:
    """The name git gives an object of `kind`."""
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()
