"""Running a suite: each cell in a process of its own, until it is done or has failed."""
