"""Those who say how old a face looks, for measuring what an ager does."""
