"""``agekit bench``: the commands about suites and results, each imported when it is called."""

from __future__ import annotations

from agekit.cli._lazy import LazyCommand, LazyGroup

__all__ = ["bench"]

_COMMANDS = {
    "list": LazyCommand("agekit.cli.bench_list", "list_", "List the suites, or what one costs."),
    "run": LazyCommand("agekit.cli.bench_run", "run", "Train and score what a suite compares."),
    "report": LazyCommand("agekit.cli.bench_report", "report", "Make the leaderboard."),
    "submit": LazyCommand("agekit.cli.bench_submit", "submit", "Check and add a result."),
    "speed": LazyCommand("agekit.cli.bench_speed", "speed", "Measure throughput and memory."),
}

bench = LazyGroup(_COMMANDS, name="bench", help="Run suites, and make the leaderboard.")
