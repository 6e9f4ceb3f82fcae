"""The index: names of models, what is known of them, where they are."""
