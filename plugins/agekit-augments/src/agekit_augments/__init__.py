"""Augmentations for agekit: changes of training images in batches, on the device they lie on."""
