"""The keyword arguments of a part, read from its source without importing it.

So a recipe's mistakes are known before torch or any plugin is imported. What cannot be read with
certainty (`**kwargs`, a decorated function, a compiled module) is not checked at all.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agekit._annotation import fits
from agekit.definition import (
    DEEPEST,
    Assignment,
    Function,
    ModuleSource,
    find_definition,
    module_source,
)
from agekit.discovery import Entry
from agekit.errors import nearest

__all__ = ["UNKNOWN", "Param", "check", "describe", "parameters"]


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""Stands for a default that is missing or is not a literal."""

_TAKE_NOTHING = {"ABC", "Generic", "Module", "Protocol", "object"}
_Params = dict[str, "Param"]


@dataclass(frozen=True)
class Param:
    """One keyword argument.

    Args:
        annotation: the source of its annotation, or None.
        default: the literal default, or `UNKNOWN`.
        required: whether it has no default.
    """

    annotation: str | None
    default: object
    required: bool


def parameters(entry: Entry) -> dict[str, Param] | None:
    """The keyword arguments a part takes, in their order.

    Names imported from other modules are followed: a base class, a re-exported object.

    Args:
        entry: what a registry's `find` gives.

    Returns:
        name → parameter, or None where they cannot be known.
    """
    return _of_name(entry.module, entry.attribute)


def check(entry: Entry, given: Mapping[str, object], reserved: Iterable[str] = ()) -> list[str]:
    """The mistakes in the arguments given to a part.

    Args:
        entry: what a registry's `find` gives.
        given: argument → value, as a YAML recipe holds them (a list stands for a tuple).
        reserved: the arguments that agekit fills in itself.

    Returns:
        one line per unknown, ill-typed or missing argument; empty if the arguments are right or
        cannot be known.
    """
    known = parameters(entry)
    reserved = set(reserved)
    part = f"{entry.kind} {entry.name!r}"
    mistakes = [f"{part}: {name!r} is set by agekit" for name in given if name in reserved]
    if known is None:
        return mistakes
    open_names = [name for name in known if name not in reserved]
    takes = f"it takes {', '.join(open_names)}" if open_names else "it takes none"
    for name, value in given.items():
        if name in reserved:
            continue
        if name not in known:
            mistakes.append(f"{part} has no argument {name!r}{nearest(name, open_names)} ({takes})")
            continue
        annotation = known[name].annotation
        if annotation is not None and fits(annotation, value) is False:
            mistakes.append(f"{part}: {name} must be {annotation}, not {_show(value)}")
    mistakes += [
        f"{part} needs the argument {name!r}"
        for name in open_names
        if known[name].required and name not in given
    ]
    return mistakes


def describe(entry: Entry) -> str:
    """One line about a part, as its source says it; "" where that says nothing or is not to be had.

    That is the `short_help` or `help` that it is made or decorated with, else the beginning of its
    docstring, else of its module's.

    Args:
        entry: what a registry's `find` gives.
    """
    found = find_definition(entry.module, entry.attribute)
    told = "" if found is None else _said(found.node) or _first_paragraph(found.source.tree)
    source = None if told else module_source(entry.module)
    return told if source is None else _first_paragraph(source.tree)


def _said(node: Function | ast.ClassDef | Assignment) -> str:
    """The help that a command is made with, else the beginning of a docstring."""
    if isinstance(node, Assignment):
        return _given_help([node.value])
    makers = [d for d in node.decorator_list if _callee(d) in ("command", "group")]
    return _given_help(makers) or _first_paragraph(node)


def _given_help(calls: Iterable[ast.expr | None]) -> str:
    """The `short_help`, else the `help`, that one of some calls is given as a plain text."""
    given = {
        keyword.arg: keyword.value.value
        for call in calls
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if isinstance(keyword.value, ast.Constant)
    }
    return str(given.get("short_help") or given.get("help") or "")


def _first_paragraph(node: ast.Module | ast.ClassDef | Function) -> str:
    return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())


def _show(value: object) -> str:
    text = f"{value!r} ({type(value).__name__})"
    if isinstance(value, str) and _is_number(value):
        text += f"; in YAML write {float(value)!r}, without quotes and with a decimal point"
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _of_name(module: str, name: str, depth: int = DEEPEST) -> _Params | None:
    """The arguments of the class or function `name` of a module; None if it is not there."""
    found = find_definition(module, name, depth)
    if found is None or isinstance(found.node, Assignment):
        return None
    if isinstance(found.node, ast.ClassDef):
        return _of_class(found.source, found.node, found.depth - 1)
    return None if found.node.decorator_list else _of_function(found.node, method=False)


def _of_class(source: ModuleSource, node: ast.ClassDef, depth: int) -> _Params | None:
    if any(keyword.arg == "metaclass" for keyword in node.keywords):
        return None
    for statement in node.body:
        if isinstance(statement, Function) and statement.name == "__init__":
            return None if statement.decorator_list else _of_function(statement, method=True)
    inherited: _Params | None = {}
    for base in node.bases:
        target = base.value if isinstance(base, ast.Subscript) else base
        label = target.attr if isinstance(target, ast.Attribute) else ast.unparse(target)
        if label in _TAKE_NOTHING:
            continue
        inherited = _of_name(source.module, label, depth) if isinstance(target, ast.Name) else None
        break
    if not _is_dataclass(node) or inherited is None:
        return inherited
    return {**inherited, **_fields(node)}


def _of_function(node: Function, *, method: bool) -> _Params | None:
    arguments = node.args
    if arguments.kwarg is not None:
        return None
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*defaults, *arguments.defaults], strict=True))
    pairs = pairs[max(len(arguments.posonlyargs), int(method)) :]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {argument.arg: _param(argument.annotation, default) for argument, default in pairs}


def _fields(node: ast.ClassDef) -> _Params:
    """The fields of a dataclass that its `__init__` takes."""
    found: _Params = {}
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if "ClassVar" in ast.unparse(statement.annotation):
            continue
        default = statement.value
        if isinstance(default, ast.Call) and ast.unparse(default.func).endswith("field"):
            options = {keyword.arg: keyword.value for keyword in default.keywords}
            init = options.get("init")
            if isinstance(init, ast.Constant) and init.value is False:
                continue
            default = options.get("default", options.get("default_factory"))
        found[statement.target.id] = _param(statement.annotation, default)
    return found


def _param(annotation: ast.expr | None, default: ast.expr | None) -> Param:
    value: object = UNKNOWN
    if default is not None:
        try:
            value = ast.literal_eval(default)
        except (ValueError, TypeError):
            value = UNKNOWN
    text = None if annotation is None else ast.unparse(annotation)
    return Param(text, value, required=default is None)


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any(_callee(decorator) == "dataclass" for decorator in node.decorator_list)


def _callee(decorator: ast.expr) -> str:
    """The last name of what is called, as in `@click.command(...)`, or names itself."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called).rpartition(".")[2]
