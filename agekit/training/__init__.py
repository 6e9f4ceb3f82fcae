"""The engine of training runs; it knows no kind of model."""
