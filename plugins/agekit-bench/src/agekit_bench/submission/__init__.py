"""Somebody's result: checked, then added."""
