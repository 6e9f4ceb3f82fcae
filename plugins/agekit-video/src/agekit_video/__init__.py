"""Ages of the faces in videos and before cameras."""
