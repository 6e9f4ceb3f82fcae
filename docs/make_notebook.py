"""Makes the notebook of the first page: its text and its blocks, which a test runs, as cells.

python docs/make_notebook.py docs/start.ipynb
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("index.md")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def notebook(page: str) -> str:
    """The text of a notebook (nbformat 4.5), without outputs."""
    cells: list[dict[str, Any]] = []

    def add(kind: str, text: str, **more: Any) -> None:
        if text.strip():
            lines = text.strip("\n").splitlines(keepends=True)
            name = f"{kind}-{len(cells)}"
            cells.append({"cell_type": kind, "id": name, "metadata": {}, **more, "source": lines})

    last = 0
    for block in BLOCK.finditer(page):
        add("markdown", page[last : block.start()])
        magic = "%%bash\n" if block[1] == "sh" else ""
        add("code", magic + block[2], execution_count=None, outputs=[])
        last = block.end()
    add("markdown", page[last:])
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(notebook(PAGE.read_text("utf-8")), "utf-8")
