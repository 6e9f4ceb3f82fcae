"""A page that estimates the ages of faces in the browser."""
