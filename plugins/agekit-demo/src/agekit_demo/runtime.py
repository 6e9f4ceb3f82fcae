"""ONNX Runtime Web: one pinned version, fetched from npm's registry and checked by its hash.

Needs the standard library alone, as the build of the wheel calls it too.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path

__all__ = ["FILES", "VERSION", "FetchError", "fetch"]

VERSION = "1.30.0"
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
"""What the page needs of it: for the processor alone, the wasm file of which the module asks."""
_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the package, as npm has it (``npm view onnxruntime-web@VERSION dist.integrity``)."""
_PACKAGE = f"onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
_SECONDS = 60.0
_MOST_BYTES = 100_000_000


class FetchError(Exception):
    """The package cannot be had: why, in one line."""


def fetch(folder: Path) -> list[Path]:
    """Fetches the files of the runtime into a folder.

    Args:
        folder: is there.

    Returns:
        The files, in the order of `FILES`.

    Raises:
        FetchError: the registry is not known or not reached, or what it gives is not the package.
        OSError: the files cannot be written.
    """
    data = _downloaded()
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    if digest != _SHA512:
        raise FetchError(
            f"onnxruntime-web {VERSION} from npm's registry is damaged or another: "
            f"sha512 {digest[:12]}... instead of {_SHA512[:12]}..."
        )
    found = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as package:
        for name in FILES:
            member = package.extractfile(f"package/dist/{name}")
            if member is None:
                raise FetchError(f"onnxruntime-web {VERSION} has no {name}")
            (folder / name).write_bytes(member.read())
            found.append(folder / name)
    return found


def _downloaded() -> bytes:
    address = f"{_registry().rstrip('/')}/{_PACKAGE}"
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer:
            data: bytes = answer.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        raise FetchError(
            f"onnxruntime-web {VERSION} cannot be fetched from npm's registry ({address}): {error}"
        ) from error
    return data


def _registry() -> str:
    """As npm is configured, by the environment or by itself.

    Raises:
        FetchError: neither says where it is.
    """
    for variable in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if told := os.environ.get(variable):
            return told
    npm = shutil.which("npm")
    if npm is not None:
        done = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.startswith("http"):
            return done.stdout.strip()
    raise FetchError(
        f"onnxruntime-web {VERSION} is to be fetched from npm's registry, and nothing says where "
        "that is: install npm, or set npm_config_registry"
    )
