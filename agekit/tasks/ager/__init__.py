"""Networks that make a face older or younger."""
