"""Readers of what a user has on the first day: a folder of images, a csv of labels."""
