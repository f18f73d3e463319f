"""Run the examples and record what they print, for the docs to show: ``python docs/record_examples.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def printed(example: Path) -> str:
    """Run an example with warnings as errors, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        capture_output=True, text=True, encoding="utf-8", check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{example.name} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    for path in sorted((ROOT / "examples").glob("[0-9]*.py")):
        (ROOT / "docs" / "output" / f"{path.stem}.txt").write_text(printed(path), encoding="utf-8")
        print(path.name)
