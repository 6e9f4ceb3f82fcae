"""SSR-Net for agekit: the soft stagewise regression head, its network, and its baselines."""
