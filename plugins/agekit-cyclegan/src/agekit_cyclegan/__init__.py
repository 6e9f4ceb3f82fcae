"""Faces that age: CycleGAN (arXiv 1703.10593) as AgingGAN used it, for agekit."""
