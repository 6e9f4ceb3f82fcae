"""The zoo's way to the Hub and back."""

from agekit.zoo.hub_model import Progress
from agekit.zoo.pull import Pulled, PulledFile, plan_pull, pull, pull_files

__all__ = ["Progress", "Pulled", "PulledFile", "plan_pull", "pull", "pull_files"]
