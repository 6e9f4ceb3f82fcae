"""agekit-models: weights for agekit, named in the folder `zoo`; no code."""
