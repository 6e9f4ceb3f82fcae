"""Gender from a face: a task of agekit."""
