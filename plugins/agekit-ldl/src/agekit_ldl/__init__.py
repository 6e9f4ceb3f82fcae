"""Label distribution learning for agekit: heads, losses and networks of the LDL family."""
