"""Results: one immutable file per cell, and the estimate of every face beside it."""
