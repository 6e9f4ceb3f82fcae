"""``agekit bench``: the commands about suites and results, each imported when it is called."""

from __future__ import annotations

from agekit.cli.groups import LazyCommand, LazyGroup

__all__ = ["bench"]

_COMMANDS = {
    "list": LazyCommand("agekit_bench.cli.list", "list_", "List the suites, or what one costs."),
    "run": LazyCommand("agekit_bench.cli.run", "run", "Train and score what a suite compares."),
    "report": LazyCommand("agekit_bench.cli.report", "report", "Make the leaderboard."),
    "submit": LazyCommand("agekit_bench.cli.submit", "submit", "Check and add a result."),
    "speed": LazyCommand("agekit_bench.cli.speed", "speed", "Measure throughput and memory."),
}

bench = LazyGroup(_COMMANDS, name="bench", help="Run suites, and make the leaderboard.")
