"""Which parts of a face its age comes from."""
