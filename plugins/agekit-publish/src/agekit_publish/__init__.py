"""Models published on the Hub: ``agekit zoo push``, ``agekit zoo publish``."""
