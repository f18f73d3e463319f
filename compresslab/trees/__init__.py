"""Token trees (Definitions 3.1 and 3.3): every phrase of a dataset, counted exactly, at any scale."""
