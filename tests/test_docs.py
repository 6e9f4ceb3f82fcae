"""The pages of docs/: their commands exist, the guides run, the site builds strictly."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
from agekit_bench.catalog import load_suite
from agekit_bench.cells import cells
from agekit_testkit.scaffold.parts import PARTS

from agekit.cli import agekit, main
from agekit.recipe import resolve
from agekit.registry import COMMANDS, DATASETS, REGISTRIES
from agekit.zoo.index import known_names
from tests import warm

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "zoo" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
]
BLOCK = re.compile(r"^<!-- before:\n(.*?)-->|^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""A fenced block, or what has to be there before a page's own blocks can run."""


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """The language and the text of each block."""
    for before, language, text in BLOCK.findall(page.read_text("utf-8")):
        yield ("sh", before) if before else (language, text)


def commands() -> Iterator[tuple[str, str]]:
    """Each command line, in a block or between backticks, and the page that it is of."""
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        for language, text in blocks(page):
            if language in ("", "sh"):
                lines = re.sub(r"\\\n\s*", "", text).splitlines()
                yield from ((name, line) for line in lines if line.startswith("agekit "))
        prose = BLOCK.sub("", page.read_text("utf-8"))
        found = re.findall(r"`(agekit [^`]+)`", prose)
        yield from ((name, " ".join(line.split())) for line in found)


def called(page: str, line: str) -> tuple[click.Command, list[str]]:
    """The command of a line, and the words that it gets."""
    # In an outline of a command, what may be left out stands in brackets.
    outline = line.split(" #")[0]
    if "evolver." not in outline and "data." not in outline:
        outline = re.sub(r"[\[\]|]", " ", outline)
    words = shlex.split(outline)[1:]
    command: click.Command = agekit
    context = click.Context(command)
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
        found = command.get_command(context, words[0])
        assert found is not None, f"{page}: there is no command {words[0]!r} in {line!r}"
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize(("page", "line"), list(commands()))
def test_commands_options_and_names_exist(page: str, line: str) -> None:
    command, words = called(page, line)
    if isinstance(command, click.Group) and words and "." in words[0]:
        return  # `agekit convert FILE`: which converter reads it, the file says
    options = [*command.params]
    if command.name == "predict":  # which hands lines of other files than images over
        options += COMMANDS.get("video").params
    known = {flag for option in options for flag in (*option.opts, *option.secondary_opts)}
    used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert used <= known | {"--help", "-h"}, f"{page}: {line}"
    if isinstance(command, click.Group):
        return
    with suppress(click.UsageError):
        given, _, _ = command.make_parser(click.Context(command)).parse_args([*words])
        for argument, value in given.items():
            for name in value if isinstance(value, list | tuple) else [value]:
                if isinstance(name, str) and re.fullmatch(r"[a-z0-9+/_-]+", name):
                    assert exists(argument, name), f"{page}: {line}: there is no {name}"


MADE = {"run", "log-cosh-resnet10-tiny"}
"""What pages make themselves before they use it."""


def exists(argument: str, name: str) -> bool:
    """Whether there is what an argument of a command names, as far as that is known."""
    if name in MADE:
        return True
    if argument == "recipe":
        resolve(name)
    if argument in ("dataset", "datasets"):
        return {*name.split("+")} <= {*DATASETS.names()}
    if argument in ("model", "models") and "/" not in name:
        return name in known_names()
    return True


def rows() -> Iterator[tuple[str, str, str]]:
    """Page, kind and name of each row of the tables of parts in the plugins' own pages."""
    for page in PAGES:
        if page.parent.parent.name != "plugins":
            continue
        for kind, names in re.findall(r"^\| (\w+) \| (`[^|]+) \|", page.read_text("utf-8"), re.M):
            for name in re.findall(r"`([\w./-]+)`", names):
                yield page.parent.name, kind, name


@pytest.mark.parametrize(("page", "kind", "name"), list(rows()))
def test_parts_in_tables_of_plugins_exist(page: str, kind: str, name: str) -> None:
    assert kind in REGISTRIES, f"{page}: {kind} is no kind of part"
    entry = REGISTRIES[kind].find(name)
    assert entry.distribution == page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_holds_a_merge_that_was_not_finished(page: Path) -> None:
    assert not re.search(r"^(<{7} |={7}$|>{7} )", page.read_text("utf-8"), re.MULTILINE)


def test_a_group_of_which_nothing_is_installed_prints_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "agekit-cyclegan,agekit-ssrnet")
    with pytest.raises(SystemExit) as left:
        main(("convert", "--help"))
    assert left.value.code == 0 and "Usage: " in capsys.readouterr().out


@pytest.mark.parametrize("words", [(), ("zoo",), ("bench",), ("data",)])
def test_a_group_by_itself_prints_its_help(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Usage: agekit")
    assert "\\x0a" not in lines[0]


def test_the_notebook_is_the_first_page_and_holds_no_outputs() -> None:
    code = runpy.run_path(str(ROOT / "docs" / "make_notebook.py"))
    text = (ROOT / "docs" / "start.ipynb").read_text("utf-8")
    page = code["PAGE"].read_text("utf-8")
    assert text == code["notebook"](page), "python docs/make_notebook.py docs/start.ipynb"
    cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    run = [body for language, body in blocks(code["PAGE"]) if language in ("sh", "python")]
    told = ["".join(cell["source"]).removeprefix("%%bash\n").strip() for cell in cells]
    assert told == [body.strip() for body in run]
    assert not any(cell["outputs"] for cell in cells)


def guide_environment(folder: Path) -> dict[str, str]:
    """A user's, with what guides make of their own in a folder, and no network."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "AGEKIT_CACHE": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
        "IPYTHONDIR": str(folder / "ipython"),
    }


@pytest.mark.slow
def test_the_notebook_and_so_the_first_page_runs_as_it_stands(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs" / "start.ipynb", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", "from nbclient.cli import main; main()", "start.ipynb"],
        cwd=tmp_path,
        env=guide_environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "answer.png").is_file() and [*tmp_path.glob("aged/photo*")]


@pytest.mark.slow
def test_a_guide_runs_as_it_stands(tmp_path: Path) -> None:
    environment = guide_environment(tmp_path)
    for language, text in blocks(ROOT / "docs" / "own-photos.md"):
        lines = text.replace("\\\n", " ").splitlines()
        if language == "sh" and all(line.startswith("agekit ") for line in lines):
            for line in lines:
                words = shlex.split(line, comments=True)[1:]
                done = warm.run(*words, env=environment, cwd=tmp_path)
                assert done.returncode == 0, line + done.stdout + done.stderr
        elif language in ("sh", "python"):
            command = ["bash", "-euc", text] if language == "sh" else ["python", "-c", text]
            ran = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert ran.returncode == 0, text + ran.stdout + ran.stderr


@pytest.mark.slow
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for page in ("index.html", "models/index.html", "leaderboard/page/index.html"):
        assert (tmp_path / page).is_file()
    whole = (tmp_path / "examples/index.html").read_text("utf-8")
    assert all(f"{kind}</h2>" in re.sub("<a .*?</a>", "", whole) for kind in [*PARTS, "task"])
    board = (tmp_path / "leaderboard/index.html").read_text("utf-8")
    first = re.findall(r"<th>(.*?)</th>", board)[:4]
    assert first == ["rank", "method", "MAE", "to the baseline"], "as many as a page holds"
    assert "<td>waiting</td>" not in board


def test_the_suite_that_is_written_out_is_one(tmp_path: Path) -> None:
    """With recipes that are there and values that they take."""
    [text] = [text for language, text in blocks(ROOT / "docs/benchmarks.md") if language == "yaml"]
    (tmp_path / "mine.yaml").write_text(text, "utf-8")
    suite = load_suite(tmp_path / "mine.yaml")
    assert len(cells(suite)) == len(suite.rows) * len(suite.seeds) == 6
