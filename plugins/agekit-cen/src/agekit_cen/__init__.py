"""Coupled Evolutionary Networks (arXiv 1809.07447): the losses that learn from an ancestor."""
