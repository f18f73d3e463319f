"""Run benchmarks of this folder, each in a process of its own: those of speed beside peers, in under five minutes.

Run: python benchmarks/run.py [name ...]     # others by name: elasticity, lm, probe, reliability, scale
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SPEED = ("coding", "alphabets", "trees")


def main() -> None:
    for name in sys.argv[1:] or SPEED:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=True)


if __name__ == "__main__":
    main()
