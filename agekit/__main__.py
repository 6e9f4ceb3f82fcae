"""`python -m agekit` is the `agekit` command."""

from __future__ import annotations

from agekit.cli import main

if __name__ == "__main__":
    main()
