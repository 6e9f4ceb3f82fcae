"""Check of a value out of a YAML file against an annotation, given as source text."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

__all__ = ["fits"]

_SEQUENCES = {"Collection", "Iterable", "List", "Sequence", "Tuple", "list", "tuple"}
_MAPPINGS = {"Dict", "Mapping", "dict"}


def fits(annotation: str, value: object) -> bool | None:
    """True if `value` is of the annotated type.

    An int is a float, a bool is no number, and a list stands for any sequence, a tuple too.

    Args:
        annotation: such as `float | None`, `tuple[float, float]`, `Literal["step", "cosine"]`.
        value: plain data.

    Returns:
        None where the annotation names a type that this module does not know.
    """
    try:
        node = ast.parse(annotation.strip(), mode="eval").body
    except SyntaxError:
        return None
    return _fits(node, value)


def _fits(node: ast.expr, value: object) -> bool | None:
    match node:
        case ast.Constant(value=None):
            return value is None
        case ast.Constant(value=str(text)):
            return fits(text, value)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _any(_fits(side, value) for side in (left, right))
        case ast.Subscript(value=outer, slice=inner):
            options = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _fits_generic(_last_name(outer), options, value)
        case _:
            return _fits_name(_last_name(node), value)


def _fits_name(name: str, value: object) -> bool | None:
    if name in ("Any", "object"):
        return True
    if name in _SEQUENCES:
        return isinstance(value, list | tuple)
    if name in _MAPPINGS:
        return isinstance(value, Mapping)
    if isinstance(value, bool):
        return {"bool": True, "int": False, "float": False, "str": False}.get(name)
    kinds = {"bool": bool, "int": int, "float": int | float, "str": str}
    return isinstance(value, kinds[name]) if name in kinds else None


def _fits_generic(name: str, options: list[ast.expr], value: object) -> bool | None:
    if name == "Literal":
        return _any(_equals(option, value) for option in options)
    if name == "Optional":
        return value is None or _fits(options[0], value)
    if name == "Union":
        return _any(_fits(option, value) for option in options)
    if name in ("Annotated", "Final"):
        return _fits(options[0], value)
    if name in _MAPPINGS:
        if not isinstance(value, Mapping):
            return False
        return _all(_fits(options[-1], item) for item in value.values())
    if name not in _SEQUENCES:
        return None
    if not isinstance(value, list | tuple):
        return False
    any_length = name not in ("tuple", "Tuple") or (
        isinstance(options[-1], ast.Constant) and options[-1].value is Ellipsis
    )
    if any_length:
        return _all(_fits(options[0], item) for item in value)
    if len(value) != len(options):
        return False
    return _all(_fits(option, item) for option, item in zip(options, value, strict=True))


def _equals(option: ast.expr, value: object) -> bool | None:
    try:
        literal = ast.literal_eval(option)
    except ValueError:
        return None
    return type(literal) is type(value) and bool(literal == value)


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _any(answers: Iterable[bool | None]) -> bool | None:
    given = list(answers)
    return True if True in given else None if None in given else False


def _all(answers: Iterable[bool | None]) -> bool | None:
    given = list(answers)
    return False if False in given else None if None in given else True
