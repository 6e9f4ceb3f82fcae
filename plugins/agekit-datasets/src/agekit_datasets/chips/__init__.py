"""Chips: faces cut out of a dataset of photos, by `agekit data prepare`."""
