"""How sure figures are, how rows compare on the same faces, and how they do on parts of them."""
