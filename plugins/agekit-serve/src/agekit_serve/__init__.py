"""Ages of faces over HTTP."""
