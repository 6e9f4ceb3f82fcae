"""Kinds of models; those of the core. Others are plugins of `agekit.tasks`."""
