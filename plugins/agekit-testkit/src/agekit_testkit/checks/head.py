"""The checks of a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from agekit.tasks.estimator.base import Head
from agekit.tasks.estimator.estimate import Estimate
from agekit_testkit.checks.modules import check_module, check_tensor, drawn, forward
from agekit_testkit.checks.subject import Part, Subject

__all__ = ["LABEL_AGES", "check_head"]

LABEL_AGES = ((0, 100), (16, 77))
"""The first and the last label age that parts are tried with, years."""
_N = 6
_CLOSE = 1e-3


def check_head(
    part: Part,
    *,
    in_features: int = 32,
    arguments: Mapping[str, object] | None = None,
    ages: Sequence[tuple[int, int]] = LABEL_AGES,
    device: str = "cpu",
    meta: bool = True,
) -> None:
    """Checks that a head keeps its contract: features (N, F) to raw output, and that to ages.

    Args:
        part: its registry name, or the class.
        in_features: F.
        arguments: its keyword arguments, as a recipe gives them.
        ages: the label ages to try it with.
        device: where to run it.
        meta: whether to run it on torch's meta device too; see `check_backbone`.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("head", part, arguments)
    for low, high in ages:
        label = subject.label
        subject.label = f"{label}, label ages {low}-{high}"
        _check(subject, in_features, (low, high), device, meta)
        subject.label = label


def _check(
    subject: Subject, in_features: int, ages: tuple[int, int], device: str, meta: bool
) -> None:
    def make() -> nn.Module:
        head: nn.Module = subject.build(in_features, ages)
        return head

    with drawn():
        head = make().to(device).eval()
        features = torch.randn(_N, in_features).to(device)
    assert isinstance(head, Head)
    kept = (getattr(head, "in_features", None), tuple(getattr(head, "ages", ())))
    subject.require(
        kept == (in_features, ages), "it does not pass in_features and ages to Head.__init__"
    )
    with subject.doing("a forward pass"), torch.no_grad():
        raw = forward(head, features)
    rest = (None,) * (raw.ndim - 1)
    check_tensor(subject, "the raw outputs", raw, (_N, *rest), like=features)
    half = check_module(subject, make, head, features, meta=meta)
    _check_estimates(subject, head.eval(), raw, ages)
    _check_estimates(subject, head, half.float(), ages)


def _check_estimates(subject: Subject, head: Head, raw: Tensor, ages: tuple[int, int]) -> None:
    """Ages, intervals and distributions of raw outputs, by every rule."""
    mirrored = (raw + raw.flip(0)) / 2
    for rule in ("expectation", "median"):
        for given, of in ((raw, ""), (mirrored, " of the mean of two raw outputs")):
            what = f"by the rule {rule!r}{of}"
            with subject.doing(f"estimating {what}"), torch.no_grad():
                narrow = head.estimate(given, rule, 0.5)
                wide = head.estimate(given, rule, 0.9)
            subject.require(isinstance(wide, Estimate), f"{what} it gives no Estimate")
            _check_estimate(subject, wide, given, ages, what)
            width = [e.high - e.low for e in (narrow, wide)]
            subject.require(
                bool((width[0] <= width[1] + _CLOSE).all()),
                f"{what} an interval that holds 0.5 is wider than one that holds 0.9",
            )


def _check_estimate(
    subject: Subject, estimate: Estimate, raw: Tensor, ages: tuple[int, int], what: str
) -> None:
    for name in ("age", "low", "high"):
        value = getattr(estimate, name)
        check_tensor(subject, f"{what} the values of {name!r}", value, (_N,), like=raw)
    low, age, high = estimate.low, estimate.age, estimate.high
    ordered = (low <= age + _CLOSE) & (age <= high + _CLOSE)
    subject.require(bool(ordered.all()), f"{what} an age lies outside of its interval")
    inside = (age >= ages[0] - 0.5 - _CLOSE) & (age <= ages[1] + 0.5 + _CLOSE)
    subject.require(
        bool(inside.all()), f"{what} an age lies outside of the label ages; clamp it to self.ages"
    )
    p = estimate.distribution
    if p is None:
        return
    k = ages[1] - ages[0] + 1
    check_tensor(subject, f"{what} the distributions", p, (_N, k), like=raw)
    subject.require(bool((p >= -1e-6).all()), f"{what} a probability is below 0")
    subject.require(
        bool((p.sum(-1) - 1).abs().max() < 1e-3), f"{what} the probabilities do not sum to 1"
    )
