"""Structure-aware fuzzing of everything that compresslab reads: see `engine`, and benchmarks/reliability.py."""

from __future__ import annotations

import os

# Each process has a core, and one thread of its own for all that asks here how many it may have.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
