"""What the site makes from the tree: the pages of models, leaderboard and distributions."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from agekit_testkit.scaffold.names import name_plugin
from agekit_testkit.scaffold.parts import PARTS
from agekit_testkit.scaffold.write import write_plugin
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
OUTSIDE = re.compile(r"\]\(\.\./([\w/.-]+\.md)((?:#[\w-]+)?)\)")
"""A link of a page to a Markdown file of the tree that is no page."""
FILE_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)[^)\s]*\)")
"""A link to a file of the tree, which the site has no page for."""
TABLE = re.compile(r"^\|.*(?:\n\|.*)+", re.MULTILINE)
LEFT_OUT = {
    "interval",
    "CA(5), %",
    "Bias",
    "Coverage, %",
    "parameters",
    "training",
    "seeds",
    "to know",
}
"""Columns of the leaderboard that its own page has, and for which the site has no room."""
UNKNOWN = {"", "–", "waiting"}
BOARD = ROOT / "benchmarks/leaderboard"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made, and the Markdown files of the tree that pages link to."""
    made = {"models.md": _models(), "leaderboard.md": _leaderboard(), "examples.md": _examples()}
    for file in files.documentation_pages():
        for path in OUTSIDE.findall(Path(str(file.abs_src_path)).read_text("utf-8")):
            made.setdefault(_page_of(path[0]), (ROOT / path[0]).read_text("utf-8"))
    for name, text in made.items():
        if name.startswith("tree/"):
            text = FILE_LINK.sub(r"\1", text)
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Leads links out of docs/ to the pages made of those files."""
    return OUTSIDE.sub(lambda m: f"]({_page_of(m[1])}{m[2]})", markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Puts the leaderboard's own page beside, and the results that it links to."""
    place = Path(config.site_dir, "leaderboard")
    shutil.copytree(BOARD, place / "page", dirs_exist_ok=True)
    shutil.copytree(ROOT / "benchmarks/results", place / "results", dirs_exist_ok=True)


def _page_of(path: str) -> str:
    if ROOT / path == BOARD / "leaderboard.md":
        return "leaderboard.md"
    return f"tree/{PurePosixPath(path).parent.as_posix().replace('/', '-')}.md"


def _models() -> str:
    columns = ["name", "kind", "parameters", "error on its test faces", "what it is", "licence"]
    rows = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    folders = (ROOT / "zoo", ROOT / "plugins/agekit-models/src/agekit_models/zoo")
    for path in sorted(path for folder in folders for path in folder.glob("*.json")):
        entry = json.loads(path.read_text("utf-8"))
        error = entry["metrics"].get("mae")
        shown = "" if error is None else f"{error:.2f} years on {entry['data']['dataset']}"
        parameters = f"{entry['parameters'] / 1e6:.2f} M"
        cells = [f"`{entry['name']}`", entry["task"], parameters, shown]
        rows.append("| " + " | ".join([*cells, entry["description"], entry["licence"]]) + " |")
    introduction = (
        "What `agekit zoo list` shows; `agekit zoo info NAME` has the card, with errors by age, "
        "gender and group."
    )
    return "\n".join(["# Models", "", introduction, "", *rows, ""])


def _examples() -> str:
    """Each kind of part whole, as `agekit plugins new` writes it, and a task."""
    text = [
        "# Parts, whole",
        "What `agekit plugins new NAME --part KIND` writes, where it passes its checks, to be made "
        "yours ([guide](plugins.md)); beside each lie a test, `pyproject.toml` and what else there "
        "is in a package.",
    ]
    for kind in PARTS:
        with TemporaryDirectory() as folder:
            write_plugin(name_plugin("example", kind), Path(folder, "new"))
            names = (
                f"new/src/agekit_example/{kind}.py",
                "new/src/agekit_example/recipes/example.yaml",
            )
            path = next(Path(folder, name) for name in names if Path(folder, name).is_file())
            text += _shown(f"{'An' if kind[0] in 'aeo' else 'A'} {kind}", path)
    task = ROOT / "plugins/agekit-gender/src/agekit_gender/task.py"
    text += _shown("A task", task)
    text.append("What it names lies beside it, in `plugins/agekit-gender` of the repository.")
    return "\n\n".join(text) + "\n"


def _shown(title: str, path: Path) -> list[str]:
    code = path.read_text("utf-8").rstrip()
    return [f"## {title}", f"`{path.name}`:", f"```{path.suffix[1:]}\n{code}\n```"]


def _leaderboard() -> str:
    text = (BOARD / "leaderboard.md").read_text("utf-8")
    title, _, rest = text.partition("\n")
    page = '<a href="page/index.html">The page with filters, curves and every result</a>'
    whole = f"{page} has more columns, and the figures of each row by age, gender, group and seed."
    return "\n".join([title, "", whole, TABLE.sub(_narrowed, FILE_LINK.sub(r"\1", rest))])


def _narrowed(table: re.Match[str]) -> str:
    """A table without the columns that are left out, and those in which nothing is known."""
    heads, line, *rows = ([c.strip() for c in r[1:-1].split(" | ")] for r in table[0].split("\n"))
    known = [
        {row[k] for row in rows} - UNKNOWN and head not in LEFT_OUT for k, head in enumerate(heads)
    ]
    kept = (
        [c for c, there in zip(row, known, strict=True) if there] for row in (heads, line, *rows)
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in kept)
