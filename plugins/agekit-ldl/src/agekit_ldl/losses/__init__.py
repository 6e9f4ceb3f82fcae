"""Losses of a distribution over the label ages against a true age."""

from agekit_ldl.losses.age_comparison import AgeComparison
from agekit_ldl.losses.concentration import Concentration
from agekit_ldl.losses.cross_entropy import CrossEntropy
from agekit_ldl.losses.expectation_l1 import ExpectationL1
from agekit_ldl.losses.gaussian_ldl import GaussianLDL
from agekit_ldl.losses.mean import Mean
from agekit_ldl.losses.posterior_cross_entropy import PosteriorCrossEntropy
from agekit_ldl.losses.sord import SORD
from agekit_ldl.losses.unimodal import Unimodal
from agekit_ldl.losses.variance import Variance

__all__ = [
    "SORD",
    "AgeComparison",
    "Concentration",
    "CrossEntropy",
    "ExpectationL1",
    "GaussianLDL",
    "Mean",
    "PosteriorCrossEntropy",
    "Unimodal",
    "Variance",
]
