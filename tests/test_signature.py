from __future__ import annotations

import sys

import pytest

from agekit import signature
from agekit._annotation import fits
from agekit.discovery import Entry
from agekit.signature import UNKNOWN, Param

SOURCE = """
    from __future__ import annotations

    import functools
    from dataclasses import dataclass, field
    from typing import ClassVar, Literal

    from torch import nn

    from .inner import Base, exported as renamed

    1 / 0

    class Plain(nn.Module):
        def __init__(self, in_features: int, *, sigma: float = 2.0, rule=nn.ReLU, bias: "bool"):
            pass

    class Child(Plain):
        pass

    class Imported(Base):
        def forward(self, x): ...

    class Empty(nn.Module):
        pass

    class Elsewhere(functools.partial):
        pass

    class Open(nn.Module):
        def __init__(self, **arguments): ...

    @dataclass(frozen=True)
    class Fields:
        epochs: int
        kind: ClassVar[str] = "x"
        rates: tuple[float, float] = (0.1, 0.2)
        extra: list[int] = field(default_factory=list)
        hidden: int = field(default=0, init=False)

    @dataclass
    class MoreFields(Fields):
        schedule: Literal["step", "cosine"] = "step"

    def function(a, /, b: int, *rest, c: str | None = None): ...

    @functools.cache
    def decorated(a): ...

    assigned = Plain
"""
INNER = """
    class Base:
        def __init__(self, depth: int = 3): ...

    def exported(width: int): ...
"""


def entry(attribute, module="thrown"):
    return Entry("loss", "thrown", f"{module}:{attribute}", "agekit-thrown", "1.0", 1)


@pytest.fixture(autouse=True)
def thrown(write_plugin):
    write_plugin("agekit-thrown", {}, {"thrown/__init__.py": SOURCE, "thrown/inner.py": INNER})
    yield
    assert "thrown" not in sys.modules


PLAIN = {
    "in_features": Param("int", UNKNOWN, True),
    "sigma": Param("float", 2.0, False),
    "rule": Param(None, UNKNOWN, False),
    "bias": Param("'bool'", UNKNOWN, True),
}
FIELDS = {
    "epochs": Param("int", UNKNOWN, True),
    "rates": Param("tuple[float, float]", (0.1, 0.2), False),
    "extra": Param("list[int]", UNKNOWN, False),
}


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("Plain", PLAIN),
        ("Child", PLAIN),
        ("Imported", {"depth": Param("int", 3, False)}),
        ("Empty", {}),
        ("Fields", FIELDS),
        ("MoreFields", FIELDS | {"schedule": Param("Literal['step', 'cosine']", "step", False)}),
        ("function", {"b": Param("int", UNKNOWN, True), "c": Param("str | None", None, False)}),
        ("renamed", {"width": Param("int", UNKNOWN, True)}),
        ("Elsewhere", None),
        ("Open", None),
        ("decorated", None),
        ("assigned", None),
        ("absent", None),
    ],
)
def test_parameters_are_read_from_source(attribute, expected):
    assert signature.parameters(entry(attribute)) == expected


@pytest.mark.parametrize("module", ["package_of_nobody", "thrown.absent", "math"])
def test_modules_without_source_are_unknown(module):
    assert signature.parameters(entry("sqrt", module)) is None


def test_check_reports_every_mistake():
    given = {"sgima": 1, "sigma": "1e-3", "in_features": 5, "rule": object()}
    assert signature.check(entry("Plain"), given, {"in_features"}) == [
        "loss 'thrown': 'in_features' is set by agekit",
        "loss 'thrown' has no argument 'sgima'; did you mean 'sigma'? (it takes sigma, rule, bias)",
        "loss 'thrown': sigma must be float, not '1e-3' (str); "
        "in YAML write 0.001, without quotes and with a decimal point",
        "loss 'thrown' needs the argument 'bias'",
    ]


def test_check_passes_what_is_right_and_what_cannot_be_known():
    assert signature.check(entry("Plain"), {"sigma": 2, "bias": True}, {"in_features"}) == []
    assert signature.check(entry("Open"), {"anything": 1}) == []
    assert signature.check(entry("Empty"), {"a": 1}) == [
        "loss 'thrown' has no argument 'a' (it takes none)"
    ]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        ("int", 1, True),
        ("int", True, False),
        ("int", 1.0, False),
        ("float", 1, True),
        ("float", False, False),
        ("float", "1.0", False),
        ("bool", True, True),
        ("bool", 1, False),
        ("str", "a", True),
        ("str", 1, False),
        ("'float | None'", None, True),
        ("int | str", 1.5, False),
        ("Optional[int]", None, True),
        ("typing.Union[int, str]", [], False),
        ("tuple[float, float]", [0.8, 1], True),
        ("tuple[float, float]", [0.8], False),
        ("tuple[float, ...]", [1, 2, 3], True),
        ("tuple[int, ...]", [1, 2.5], False),
        ("Sequence[str]", "text", False),
        ("collections.abc.Sequence[int]", [1, "2"], False),
        ("list[Thing]", [1], None),
        ("list[Thing]", 1, False),
        ("tuple", [1], True),
        ("Mapping[str, int]", {"a": 1}, True),
        ("dict[str, int]", {"a": "b"}, False),
        ("dict", [], False),
        ("Literal['step', 'cosine']", "step", True),
        ("Literal['step', 'cosine']", "stepp", False),
        ("Literal[1]", True, False),
        ("Any", object(), True),
        ("LossTerms", [], None),
        ("Thing | None", 3, None),
        ("Thing | int", 3, True),
        ("Callable[[int], int]", 3, None),
        ("not an annotation", 3, None),
    ],
)
def test_values_against_annotations(annotation, value, expected):
    assert fits(annotation, value) is expected
