"""The text of the pull request that adds somebody's results to the leaderboard."""

from __future__ import annotations

from collections.abc import Sequence

from agekit.errors import counted
from agekit_bench.submit import Verdict, plain_text

__all__ = ["pull_request"]

_MOST_NAMED = 3


def pull_request(verdicts: Sequence[Verdict]) -> str:
    """The text of the pull request that adds results: a title, an empty line, the body in Markdown.

    Args:
        verdicts: none of them refused.
    """
    results = [verdict.result for verdict in verdicts if verdict.result is not None]
    rows = list(dict.fromkeys(result.row for result in results))
    suites = ", ".join(dict.fromkeys(result.suite for result in results))
    named = ", ".join(rows[:_MOST_NAMED]) + (", ..." if len(rows) > _MOST_NAMED else "")
    lines = [
        f"Add {counted(len(results), 'result')} to {suites}: {plain_text(named)}",
        "",
        "| row | recipe | protocol | split | seed | faces | MAE | machine | commit |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        error = result.final.metrics.get("mae")
        cells = [
            result.row,
            f"`{result.recipe_name}`",
            result.protocol,
            f"`{result.final.split_hash}`",
            str(result.seed),
            f"{result.final.n:,}",
            "" if error is None else f"{error:.2f}",
            "" if result.machine is None else result.machine.name,
            "" if result.code is None else result.code.commit[:10],
        ]
        lines.append(
            "| " + " | ".join(plain_text(cell).replace("|", "\\|") for cell in cells) + " |"
        )
    lines += [
        "",
        "Checked by `agekit bench submit`: the figures were computed again from the estimate of "
        "every face; split, faces and labels are those of the results that are there.",
    ]
    remarks = [f"- {verdict.path.name}: {line}" for verdict in verdicts for line in verdict.remarks]
    return "\n".join([*lines, *(["", "To look at:", "", *remarks] if remarks else [])])
