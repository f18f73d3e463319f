"""Run every benchmark of this folder, each in a process of its own.

Run: python benchmarks/run.py [name ...]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    chosen = sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.py") if path.stem != "run")
    for name in chosen:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=True)


if __name__ == "__main__":
    main()
