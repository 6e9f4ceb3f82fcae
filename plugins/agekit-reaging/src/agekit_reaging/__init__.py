"""A network that changes the age of faces: a plugin of agekit."""
