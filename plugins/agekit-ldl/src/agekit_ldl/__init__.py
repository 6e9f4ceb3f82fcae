"""Label distribution learning for agekit: the `ldl` head and its losses."""
