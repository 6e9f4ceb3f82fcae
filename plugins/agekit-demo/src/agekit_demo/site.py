"""The files of the page: its own, the detector's, the model's and the runtime's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from onnxruntime import InferenceSession  # type: ignore[import-untyped]

from agekit.errors import AgekitError, ConfigError
from agekit.plugin import (
    MTCNN_GRAPHS,
    TASKS,
    OnnxAges,
    cache_home,
    core_version,
    known_points,
    load,
    locate,
    tell,
    written_folder,
)
from agekit_demo import runtime

__all__ = ["Site", "make_site", "write_site"]

Site = dict[str, Path | bytes]
"""The name of each file → the file, or its contents."""
_OWN = Path(__file__).with_name("site")
_BUILT = Path(__file__).with_name("onnxruntime-web")
_DETECTOR = "mtcnn"
_README = """\
---
title: {title}
sdk: static
app_file: index.html
---
The ages of faces by the model {name}, in the browser: nothing leaves the machine. Terms of the
model's weights: {licence}. Made by `agekit demo --out`; needs a web server, or a static Space.
"""
"""Its header is what the Hub reads of a Space."""


def make_site(model: str | None, ager: str | None = None) -> Site:
    """The page for a model.

    Args:
        model: of the zoo or the Hub, a model or run folder, or an .onnx file; None takes the
            default.
        ager: likewise, of an ager by age; ``default`` takes the zoo's, where there is one; None
            makes a page that only tells ages.

    Raises:
        AgekitError: there is no such model, it is of another kind or was not exported; or the
            runtime cannot be had.
    """
    engine = load(model, device="cpu", runtime="onnx").engine
    assert isinstance(engine, OnnxAges)
    card = engine.card
    target = known_points(card.face)
    if target is not None and card.face.detector != _DETECTOR:
        raise ConfigError(
            f"{card.name} wants its faces found by {card.face.detector!r}; the page has only "
            f"{_DETECTOR!r}"
        )
    about = {
        "name": card.name,
        "agekit": core_version(),
        "runtime": runtime.VERSION,
        "file": "model.onnx",
        "size": card.size,
        "target": None if target is None else target.tolist(),
        "detects": card.face.align == "five-points",
        "ages": card.ages,
        "level": card.level,
        "licence": card.licence,
    }
    site: Site = {path.name: path for path in sorted(_OWN.iterdir()) if path.is_file()}
    site |= {path.name: path for path in MTCNN_GRAPHS.values()} if target is not None else {}
    there = _runtime()
    site |= {name: there / name for name in runtime.FILES}
    if ager is not None and target is None:
        tell(f"{card.name} takes faces cut out already: the page makes none older or younger")
    elif ager is not None and (found := _ager(ager)) is not None:
        about["ager"], site["ager.onnx"] = found
    title = json.dumps(f"Ages of faces by {card.name}")
    readme = _README.format(title=title, name=card.name, licence=card.licence)
    site["README.md"] = readme.encode()
    site["model.onnx"] = engine.path
    site["model.json"] = json.dumps(about, indent=1).encode()
    return site


def write_site(site: Site, folder: Path) -> None:
    """Writes the page into a folder that is not there yet, or empty.

    Raises:
        ConfigError: something lies there.
        OSError: it cannot be written; then nothing is.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already", "name a folder that is new or empty")
    with written_folder(folder) as aside:
        for name, file in site.items():
            (aside / name).write_bytes(file if isinstance(file, bytes) else file.read_bytes())


def _ager(name: str) -> tuple[dict[str, Any], Path] | None:
    """What the page must know of an ager, and its file; None where the zoo has no default one."""
    try:
        ager = TASKS.get("ager").load(None if name == "default" else name, "cpu", "onnx")
    except AgekitError as error:
        if name != "default":
            raise
        tell(f"the page makes no face older or younger: {error.message}")
        return None
    target = known_points(ager.face)
    if ager.ages is None or target is None:
        raise ConfigError(
            f"{name} is no ager by age, which makes of an upright face one of any age",
            "name another --ager, or none",
        )
    place = ager.name if name == "default" else name
    path = Path(place) if place.endswith(".onnx") else locate(place) / "model.onnx"
    card = InferenceSession(path, providers=["CPUExecutionProvider"]).get_modelmeta()
    about = {
        "name": ager.name,
        "file": "ager.onnx",
        "size": ager.size,
        "target": target.tolist(),
        "ages": ager.ages,
        "steering": ager.steering,
        "licence": json.loads(card.custom_metadata_map["agekit"])["licence"],
    }
    return about, path


def _runtime() -> Path:
    """The folder of ONNX Runtime Web: the wheel's own, or the cache's, fetched once.

    Raises:
        ConfigError: it cannot be fetched.
    """
    if _BUILT.is_dir():
        return _BUILT
    there = cache_home() / "onnxruntime-web" / runtime.VERSION
    if not there.is_dir():
        tell(f"fetching onnxruntime-web {runtime.VERSION} from npm's registry (33 MB), once")
        try:
            with written_folder(there) as aside:
                runtime.fetch(aside)
        except runtime.FetchError as error:
            raise ConfigError(
                str(error), "try again with a network, or set npm_config_registry to a mirror"
            ) from error
    return there
