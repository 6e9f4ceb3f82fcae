"""Models of agekit for use without it, or without torch: ``agekit export``."""
