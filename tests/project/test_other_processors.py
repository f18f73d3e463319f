"""No doctest and no reference value depends on how a processor rounds logarithms, orders sums or signs zeros."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXACT = [
    f"tests/{name}.py"
    for name in ("theory/test_code_length", "theory/test_rate", "theory/test_mixture", "trees/test_distribution")
]


@pytest.mark.slow
def test_other_logarithms_and_another_order_of_sums_change_no_verdict() -> None:
    other = {"OPENBLAS_CORETYPE": "Prescott", "ATEN_CPU_CAPABILITY": "default", "PYTHONPATH": str(ROOT)}
    options = ["-q", "-p", "tests.other_logarithms", "-p", "no:cacheprovider", "-m", "not slow"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "compresslab", *EXACT],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=600, env={**os.environ, **other},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
