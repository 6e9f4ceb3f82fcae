"""Prints how big the house is, room by room, and what in it is not as the design has it.

    python benchmarks/house.py [CHECKOUT]             # one tree
    python benchmarks/house.py BEFORE AFTER           # two, side by side; what moved out by git
    python benchmarks/house.py --check                # exit 1 where a rule of the house is broken

Code lines are those that are neither blank, comment nor docstring.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

MOST_LINES, MOST_OF_A_FILE, MOST_PARAMETERS = 28_000, 300, 8
FLOORS = (
    ("__main__", "cli"),
    ("plugin",),
    ("tasks",),
    ("training", "inference"),
    ("zoo",),
    ("data", "faces", "recipe", "onnx"),
)
"""Rooms of the core from the top floor down; all others lie below. Imports go down, or stay."""
KINDS = (("estimator", "estimating"), ("ager", "aging"))


@dataclass
class Module:
    """One file of Python."""

    path: Path
    name: str
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        """All lines."""
        return self.text.count("\n")

    @cached_property
    def code_lines(self) -> int:
        """Lines that hold code."""
        quiet = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in quiet and token.type != tokenize.ENDMARKER:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                lines.difference_update(range(node.lineno, node.end_lineno + 1))
        return len(lines)

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Functions and methods, the inner ones too."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return [node for node in ast.walk(self.tree) if isinstance(node, kinds)]

    @property
    def wide(self) -> list[str]:
        """Names of the functions with many parameters, self aside."""
        return [
            function.name
            for function in self.functions
            if len(_parameters(function) - {"self", "cls"}) > MOST_PARAMETERS
        ]

    @property
    def inner_imports(self) -> int:
        """Imports that wait for a call."""
        return sum(
            isinstance(node, (ast.Import, ast.ImportFrom))
            for node in {inner for function in self.functions for inner in ast.walk(function)}
        )

    @property
    def public_classes(self) -> set[str]:
        """Classes of the top level that other modules may use."""
        return {
            node.name
            for node in self.tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        }

    @property
    def knows_both_kinds(self) -> bool:
        """Whether the code, not its prose, names estimators and agers."""
        words = " ".join(_words(self.tree)).lower()
        return all(any(word in words for word in kind) for kind in KINDS)

    def imports(self, names: set[str]) -> set[str]:
        """Modules of the house that this one imports when it is imported itself."""
        found: set[str] = set()
        inner = {n for function in self.functions for n in ast.walk(function)}
        checked = {
            inner
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(self.tree):
            if node in inner or node in checked:
                continue
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = (f"{node.module}.{alias.name}" for alias in node.names)
                found |= {name if name in names else node.module for name in whole}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
        return (found & names) - {self.name}


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    arguments = function.args
    return {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}


def _words(tree: ast.Module) -> list[str]:
    """Identifiers and texts of the code, without docstrings and messages' prose."""
    words = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            words.append(node.id)
        elif isinstance(node, ast.Attribute):
            words.append(node.attr)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            words.append(node.name)
        elif isinstance(node, ast.alias):
            words.append(node.name.rsplit(".", 1)[-1])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words += [node.value] if " " not in node.value else []
    return words


@dataclass
class House:
    """The Python files of one checkout."""

    root: Path

    @cached_property
    def files(self) -> list[Path]:
        """The Python files that git tracks."""
        listed = subprocess.run(
            ["git", "ls-files", "*.py"], cwd=self.root, capture_output=True, text=True, check=True
        )
        return [self.root / name for name in listed.stdout.splitlines()]

    def modules(self, part: str) -> list[Module]:
        """Those of `core`, `plugins` or `tests`."""
        found = []
        for path in self.files:
            place = path.relative_to(self.root)
            test = "tests" in place.parts
            own = {"agekit": "core", "plugins": "plugins", "tests": "tests"}.get(place.parts[0])
            if ("tests" if test else own) == part:
                name = ".".join(place.with_suffix("").parts).removesuffix(".__init__")
                found.append(Module(path, name, path.read_text()))
        return found

    @cached_property
    def core(self) -> list[Module]:
        """The modules below agekit/."""
        return self.modules("core")

    @cached_property
    def rooms(self) -> dict[str, list[Module]]:
        """Modules of the core by room."""
        rooms: dict[str, list[Module]] = defaultdict(list)
        for module in self.core:
            rooms[room_of(module.name)].append(module)
        return dict(sorted(rooms.items()))

    @cached_property
    def arrows(self) -> dict[str, set[str]]:
        """Module → modules of the core that it imports."""
        names = {module.name for module in self.core}
        return {module.name: module.imports(names) for module in self.core}

    @property
    def doubled(self) -> dict[str, list[str]]:
        """Public class names that several modules of the core define."""
        where: dict[str, list[str]] = defaultdict(list)
        for module in self.core:
            for name in module.public_classes:
                where[name].append(module.name)
        return {name: places for name, places in sorted(where.items()) if len(places) > 1}

    @property
    def upward(self) -> list[str]:
        """Imports against the order of the floors."""
        return [
            f"{source} imports {target}, which lies above it"
            for source, targets in self.arrows.items()
            for target in sorted(targets)
            if source != "agekit" and floor_of(target) < floor_of(source)
        ]

    @property
    def circles(self) -> list[str]:
        """One line for each circle of modules that import each other."""
        from graphlib import CycleError, TopologicalSorter

        arrows, found = {name: set(targets) for name, targets in self.arrows.items()}, []
        while True:
            try:
                TopologicalSorter(arrows).prepare()
                return found
            except CycleError as error:
                circle = error.args[1]
                found.append(" <- ".join(circle))
                arrows[circle[1]].discard(circle[0])

    @property
    def faults(self) -> list[str]:
        """Broken rules, one line each."""
        lines = sum(module.lines for module in self.core)
        found = [f"{lines:,} lines in the core, over {MOST_LINES:,}"] if lines > MOST_LINES else []
        for part in ("core", "plugins"):
            found += [
                f"{module.path.relative_to(self.root)}: {module.lines} lines"
                for module in self.modules(part)
                if module.lines > MOST_OF_A_FILE
            ]
        found += self.upward + self.circles
        return found + [
            f"{name} is a class of {', '.join(at)}" for name, at in self.doubled.items()
        ]

    def figures(self) -> dict[str, int]:
        """What the table shows."""
        rows: dict[str, int] = {}
        for part in ("core", "plugins", "tests"):
            modules = self.modules(part)
            rows[f"{part}: modules"] = len(modules)
            rows[f"{part}: lines"] = sum(module.lines for module in modules)
            rows[f"{part}: code lines"] = sum(module.code_lines for module in modules)
        core = self.core
        rows["core: modules under 25 lines"] = sum(
            module.lines < 25 and module.path.name != "__init__.py" for module in core
        )
        rows["core: modules over 300 lines"] = sum(module.lines > MOST_OF_A_FILE for module in core)
        rows["core: functions of more than 8 parameters"] = sum(len(m.wide) for m in core)
        rows["core: imports inside functions"] = sum(m.inner_imports for m in core)
        rows["core: modules that know both kinds"] = sum(
            module.knows_both_kinds and room_of(module.name) != "tasks" for module in core
        )
        rows["core: class names of several meanings"] = len(self.doubled)
        rows["core: imports that go up"] = len(self.upward)
        rows["core: circles"] = len(self.circles)
        for room, modules in self.rooms.items():
            rows[f"room {room}: modules"] = len(modules)
            rows[f"room {room}: lines"] = sum(module.lines for module in modules)
            rows[f"room {room}: code lines"] = sum(module.code_lines for module in modules)
        return rows


def room_of(name: str) -> str:
    """The room of the core that a module lies in; single files lie in `top`."""
    parts = name.split(".")
    known = {room for floor in FLOORS for room in floor}
    return parts[1] if len(parts) > 2 or (len(parts) == 2 and parts[1] in known) else "top"


def floor_of(name: str) -> int:
    """The number of the floor of a module, from the top."""
    room = name.split(".")[1] if "." in name else "api"
    return next((level for level, rooms in enumerate(FLOORS) if room in rooms), len(FLOORS))


def moved_out(before: House, after: House) -> Counter[str]:
    """Lines of the core at `before` by what became of their file, as git follows renames."""
    revisions = [
        subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=house.root, capture_output=True, text=True, check=True
        ).stdout.strip()
        for house in (before, after)
    ]
    status = subprocess.run(
        ["git", "diff", "--name-status", "-M40%", "-l2000", *revisions, "--", "*.py"],
        cwd=after.root, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    sizes = {str(m.path.relative_to(before.root)): m.lines for m in before.core}
    counts: Counter[str] = Counter()
    for line in status.splitlines():
        kind, old, *new = line.split("\t")
        if old in sizes and kind.startswith("R") and not new[0].startswith("agekit/"):
            counts["moved out of the core"] += sizes[old]
        elif old in sizes and kind == "D":
            counts["in files that are gone"] += sizes[old]
    return counts


def main() -> None:
    """Prints the table, or the broken rules."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", nargs="*", type=Path, default=[Path(__file__).parents[1]])
    parser.add_argument("--check", action="store_true", help="exit 1 where a rule is broken")
    arguments = parser.parse_args()
    houses = [House(path.resolve()) for path in arguments.checkouts]
    if arguments.check:
        faults = houses[-1].faults
        print("\n".join(faults) or "as the design has it")
        sys.exit(bool(faults))
    tables = [house.figures() for house in houses]
    rows = list(dict.fromkeys(row for table in tables for row in table))
    for row in rows:
        print(f"{row:45}", *(f"{table.get(row, 0):>9,}" for table in tables))
    if len(houses) == 2:
        for row, lines in moved_out(*houses).items():
            print(f"lines {row:39} {lines:>19,}")


if __name__ == "__main__":
    main()
