"""Hyper-parameters of recipes, found on a dataset."""
