"""From a photo to face chips: detect, align, cut."""
