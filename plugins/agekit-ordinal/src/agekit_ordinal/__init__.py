"""Ordinal regression of age: OR-CNN, Ranking-CNN, CORAL and CORN."""
