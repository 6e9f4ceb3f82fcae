"""Suites: what is to be trained and scored, and its cells."""
