"""Structure-aware fuzzing of everything that compresslab reads: see `engine`, and benchmarks/reliability.py."""
