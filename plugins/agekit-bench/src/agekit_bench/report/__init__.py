"""From result files to a leaderboard, as Markdown and as one page."""
