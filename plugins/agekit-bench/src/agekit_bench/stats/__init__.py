"""Intervals of figures, comparisons of rows on the same faces, and scores on parts of them."""
