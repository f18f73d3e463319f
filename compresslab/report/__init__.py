"""What a reader sees of a result."""
