"""What the authors of plugins test with."""

from agekit.testing.faces import write_face
from agekit.testing.hub import LoopbackHub
from agekit.testing.training import train_briefly

__all__ = ["LoopbackHub", "train_briefly", "write_face"]
