"""Writes a new plugin from the templates, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import asdict
from pathlib import Path

from agekit.atomic import aside_of, make_folders, remove_folders
from agekit.discovery import CORE, core_version
from agekit.errors import ConfigError
from agekit.kinds import KINDS
from agekit_testkit.scaffold.names import Names
from agekit_testkit.scaffold.parts import PARTS

__all__ = ["LICENCE", "write_plugin"]

LICENCE = "Apache-2.0"

_TEMPLATES = Path(__file__).parent / "templates"
_ENDING = ".tmpl"
_TOOLS = ("agekit-synthfaces", "agekit-testkit", "mypy>=1.14", "pytest>=8.3", "ruff>=0.9")
_FIELD = re.compile(r"\{\{(\w+)\}\}")


def write_plugin(names: Names, folder: Path) -> list[Path]:
    """Writes the plugin's folder.

    The templates are those of ``templates/all`` and ``templates/<kind>``; ``{{field}}`` in a text
    or a path stands for a name.

    Args:
        names: what it and its part are called.
        folder: where; there must be nothing.

    Returns:
        the files, relative to the folder, sorted.

    Raises:
        ConfigError: there is something already, or it cannot be made; then nothing is left.
    """
    if os.path.lexists(folder):
        raise ConfigError(f"{folder} is there already", "choose another name or another --out")
    texts = _texts(names)
    try:
        made = make_folders(folder.absolute().parent)
    except OSError as error:
        raise _failed(folder, f"{error.filename}: {error.strerror}") from error
    aside = aside_of(folder.absolute())
    try:
        for path, text in texts.items():
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            (aside / path).write_text(text, encoding="utf-8")
        os.rename(aside, folder)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        remove_folders(made)
        if isinstance(error, OSError):
            raise _failed(folder, error.strerror or str(error)) from error
        raise
    return sorted(texts)


def _failed(folder: Path, reason: str) -> ConfigError:
    return ConfigError(f"{folder} cannot be made: {reason}", "name another folder with --out")


def _texts(names: Names) -> dict[Path, str]:
    """The text of every file, by its path in the folder."""
    fields = {**asdict(names), "licence": LICENCE, **_about(names)}

    def fill(text: str) -> str:
        return _FIELD.sub(lambda match: fields[match[1]], text)

    texts = {}
    for source in (_TEMPLATES / "all", _TEMPLATES / names.kind):
        for file in source.rglob(f"*{_ENDING}"):
            path = fill(file.relative_to(source).as_posix().removesuffix(_ENDING))
            texts[Path(path)] = fill(file.read_text(encoding="utf-8"))
    return texts


def _about(names: Names) -> dict[str, str]:
    """The fields that the names alone do not give."""
    kind, part = names.kind, names.part
    template = PARTS[kind]
    phrase = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    release = core_version().split(".")
    allowed = f">={release[0]}.{release[1]},<{release[0]}.{int(release[1]) + 1}"
    core = f"{CORE}[{template.extra}]" if template.extra else CORE
    needed = [core, *filter(None, [template.needs])]
    tools = [*filter(None, [template.tests_need]), *_TOOLS]
    points = {}
    if kind != "recipe":
        points[kind] = f"{names.package}.{kind}:{template.target or names.cls}"
    if (_TEMPLATES / kind / "src" / "{{package}}" / "recipes").is_dir():
        points["recipe"] = f"{names.package}.recipes:{names.module}"
    return {
        "summary": phrase[0].upper() + phrase[1:],
        "phrase": phrase,
        "dependencies": ", ".join(f'"{name}{allowed}"' for name in needed),
        "tools": ", ".join(f'"{tool}"' for tool in tools),
        "entry_points": "".join(
            f'\n[project.entry-points."{KINDS[group].group}"]\n{part} = "{value}"\n'
            for group, value in points.items()
        ),
        "usage": template.usage.format(part),
    }
