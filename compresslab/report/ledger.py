"""What the proofs say of the claims that a report uses: the recorded ledger of ``proofs/``, read if it is there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Verdict", "claim_verdicts"]

# What each claim says, in the words of a report; the statements themselves, with their premises, are in the ledger.
STATEMENTS = {
    "code-length-bounds": "A Huffman code costs less than one bit per phrase above the entropy.",
    "code-length-not-equality": "The paper's ideal code length equals, or bounds, the length of a real code.",
    "rate-bounds": "The normalized rate lies from -log2 M to the logarithm of the inverse volume share.",
    "normalization-units": "The paper's literal normalized rate mixes bits per symbol with bits per phrase.",
    "prune-mix-commute": "Pruning trees and merging them commute, exactly in counts.",
    "conservation-law": "The forces on all datasets sum to zero, for any distributions and volumes.",
    "overlap-sign": "The perturbation costs a dataset exactly where their overlap under the mixture is below 1.",
    "elasticity-ratio": "The slope of alignment is -k times that of pre-training, less l times the perturbation's own.",
    "elasticity-finite-size": "In the contained reading, averaged over roles, alignment loses, and pre-training gains "
    "up to l = 1/2.",
    "elasticity-finite-size-sharp": "The bound l = 1/2 cannot be improved.",
    "elasticity-separate-disjoint-fails": "The theorem's signs hold for unrelated datasets with disjoint supports.",
    "elasticity-same-data-reversed": "With more alignment data as the perturbation, both signs are reversed.",
    "pareto-entropy": "The entropy of a large Pareto dataset, relative to log M, depends on alpha only.",
}


@dataclass(frozen=True)
class Verdict:
    """One claim and what the proofs say of it.

    Attributes:
        id: the claim's permanent ID.
        statement: what it says, in a sentence.
        verdict: "proved", "refuted", "open", or "not recorded".
    """

    id: str
    statement: str
    verdict: str


def claim_verdicts(ids: Sequence[str], path: Path | None = None) -> tuple[Verdict, ...]:
    """Return the recorded verdicts of claims; "not recorded" where this installation has no ledger, or not that claim.

    Args:
        ids: the claims.
        path: the ledger's file; found beside the package where not given.
    """
    recorded = _recorded(_ledger_file() if path is None else path)
    return tuple(Verdict(name, STATEMENTS.get(name, ""), recorded.get(name, "not recorded")) for name in ids)


def _ledger_file() -> Path:
    """The file in an installed wheel (``compresslab/proofs``) or in a checkout (``proofs``)."""
    package = Path(__file__).parent.parent
    installed = package / "proofs" / "ledger.json"
    return installed if installed.is_file() else package.parent / "proofs" / "ledger.json"


def _recorded(path: Path) -> dict[str, str]:
    try:
        verdicts = json.loads(path.read_text(encoding="utf-8"))["verdicts"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # a report is written without it, and says "not recorded"
    return {str(name): str(verdict) for name, verdict in verdicts.items()} if isinstance(verdicts, dict) else {}
