"""The model folder, the index of models, the Hub."""
