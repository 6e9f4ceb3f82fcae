"""What the authors of plugins test with."""

from agekit.testing.faces import write_face
from agekit.testing.training import train_briefly

__all__ = ["train_briefly", "write_face"]
