"""Coding symbols, each under its own row of probabilities."""
