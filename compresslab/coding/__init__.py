"""Real bits."""
