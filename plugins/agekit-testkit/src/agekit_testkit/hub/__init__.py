"""A Hub on this machine, which the real client speaks to over a real socket."""

from agekit_testkit.hub.faults import Fault
from agekit_testkit.hub.loopback import LoopbackHub

__all__ = ["Fault", "LoopbackHub"]
