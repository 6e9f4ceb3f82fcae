"""Benchmarks: suites of cells, the runner, immutable results, statistics, the leaderboard."""
