"""Every proved claim of the ledger is named by a test of its numbers, but for those that are listed."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARKER = re.compile(r"@pytest\.mark\.claim\(([^)]*)\)")

# Proved, and without a test of numbers of their own.
WITHOUT = {
    "code-length-block-limit",
    "elasticity-fixed-roles",
    "elasticity-fixed-roles-threshold",
    "elasticity-rebound-slows",
}


def marked() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for listed in MARKER.findall(path.read_text(encoding="utf-8")):
            found |= set(re.findall(r'"([a-z-]+)"', listed))
    return found


def test_every_proved_claim_with_a_numeric_twin_is_named_by_it() -> None:
    verdicts = json.loads((ROOT / "proofs" / "ledger.json").read_text(encoding="utf-8"))["verdicts"]
    named = marked()
    assert named <= set(verdicts)
    proved = {
        name for name, found in verdicts.items() if (found if isinstance(found, str) else found["verdict"]) == "proved"
    }
    assert proved - named == WITHOUT
