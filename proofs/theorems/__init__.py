"""The claims, one file per family of theorems; each file has a tuple ``CLAIMS``."""
