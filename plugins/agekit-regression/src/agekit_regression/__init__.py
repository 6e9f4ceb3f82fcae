"""Age regression for agekit: linear, anchored, and by deep regression forests."""
