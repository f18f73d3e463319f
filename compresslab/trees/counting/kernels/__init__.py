"""Compiled loops of counting and merging."""
