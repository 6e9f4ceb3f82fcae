"""Age regression for agekit: the `regression` head and its L1 loss."""
