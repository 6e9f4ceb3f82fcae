"""Models at work: images in, faces found, ages or aged pictures out."""
