"""The models that experiments train, and what is measured on them."""
