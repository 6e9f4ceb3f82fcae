"""Checks of datasets: the command `agekit data check`, and the report that it prints."""
