"""Model cards, and the evaluation results that the Hub reads."""
