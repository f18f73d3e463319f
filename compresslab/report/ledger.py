"""What the proofs say of the claims that a report uses: the recorded ledger of ``proofs/``, read if it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compresslab._support.json_text import read_json
from compresslab.errors import UnknownName, did_you_mean

__all__ = ["STATEMENTS", "Verdict", "claim_verdicts"]

# What each claim of the ledger says, in the words of a report; the statements themselves, with their premises, are in
# the ledger. That of a refuted claim is the false one.
STATEMENTS: Final = {
    "prune-mix-commute": "Pruning trees and merging them commute, exactly in counts.",
    "code-length-bounds": "A Huffman code costs less than one bit per phrase above the entropy.",
    "code-length-not-equality": "The paper's ideal code length equals, or bounds, the length of a real code.",
    "code-length-block-limit": "Huffman codes for longer and longer blocks of phrases come down to the entropy.",
    "quantization-overhead": "Whole-number weights in a coder cost less than a known, tiny number of bits per symbol.",
    "rate-identity": "The normalized rate is a difference of two divergences: from the mixture, and from uniform.",
    "rate-bounds": "The normalized rate lies from -log2 M to the logarithm of the inverse volume share.",
    "normalization-units": "The paper's literal normalized rate mixes bits per symbol with bits per phrase.",
    "volume-derivative": "How a code length changes with a volume is a sum over leaves, symmetric in the two datasets.",
    "conservation-law": "The forces on all datasets sum to zero, for any distributions and volumes.",
    "own-rate-falls": "More data of a kind never makes that kind dearer.",
    "overlap-sign": "The perturbation costs a dataset exactly where their overlap under the mixture is below 1.",
    "second-derivative": "How a code length curves as a volume grows is a sum over leaves.",
    "rebound-slows": "Where more data makes another dataset cheaper, each further sample does less.",
    "sign-turns-once": "Once more of a kind of data makes a dataset no cheaper, it never makes it cheaper again.",
    "elasticity-ratio": "The slope of alignment is -k times that of pre-training, less l times the perturbation's own.",
    "elasticity-ratio-limit": "For a small perturbation the slopes of alignment and k times that of "
    "pre-training cancel.",
    "elasticity-signs": (
        "Alignment loses where its overlap with the perturbation is below 1, pre-training gains where its own is above."
    ),
    "elasticity-same-data-reversed": "With more alignment data as the perturbation, both signs are reversed.",
    "elasticity-finite-size": (
        "In the contained reading, averaged over roles, alignment loses, and pre-training gains up to l = 1/2."
    ),
    "elasticity-finite-size-sharp": "The bound l = 1/2 cannot be improved.",
    "elasticity-disjoint": (
        "Where the perturbation shares no leaf with the rest, both slopes have a closed form, and pre-training "
        "turns at l = 1/2."
    ),
    "elasticity-paper": (
        "The paper's Theorem 4.2 holds where pre-training data contains the other two kinds, on average over their "
        "roles."
    ),
    "elasticity-exchangeable": "The theorem's signs hold in expectation for random datasets that could change places.",
    "elasticity-paper-fixed-roles": "The theorem's signs hold for every choice of roles, without an average over them.",
    "elasticity-any-number": "The theorem holds for any number N of pre-training datasets, up to l = 1/(N - 1).",
    "elasticity-any-number-equality": "Nothing is elastic only where all the datasets are alike.",
    "elasticity-rebound-slows": (
        "On average over the roles, the gain of the pre-training data is fast first and then slow."
    ),
    "elasticity-alignment-concave": (
        "On average over the roles, alignment's losses slow down as the perturbation grows."
    ),
    "elasticity-disjoint-any-number": (
        "Of N datasets without a common leaf, pre-training turns from gain to loss exactly at l = 1/(N - 1)."
    ),
    "elasticity-fixed-roles": (
        "For fixed roles two overlaps are enough to tell that alignment loses, and how long pre- training gains."
    ),
    "elasticity-fixed-roles-threshold": (
        "Where the overlap of alignment data and perturbation is above 1, alignment gains once k is large."
    ),
    "elasticity-separate-disjoint-fails": "The theorem's signs hold for unrelated datasets with disjoint supports.",
    "elasticity-separate-iid-reversed": (
        "For unrelated datasets with independent masses on the same leaves and k above 1, both signs are reversed."
    ),
    "pareto-entropy": "The entropy of a large Pareto dataset, relative to log M, depends on alpha only.",
    "pareto-overlap": "The mean that the overlap of contained Pareto masses is said to tend to is a known integral.",
    "pareto-overlap-below-one": "Contained Pareto masses are elastic for every alpha above 1.",
    "hooke-forward": "The forces of Hooke's law sum to zero where divergence is taken from the data to the model.",
    "hooke-reverse-derivative": "The force in the paper's direction of divergence has a closed form.",
    "hooke-reverse-not-conserved": "The forces sum to zero in the paper's direction of divergence as well.",
    "hooke-all-equal": "The forces are the same for all datasets, as for springs in series.",
    "effective-volumes-concave": (
        "The mixture that explains a model best is found for certain: its likelihood is concave in the weights, "
        "and has no false peak."
    ),
    "effective-depth-chain-rule": (
        "Entropy and excess add up symbol by symbol: over the layers of a token tree they sum to those of its leaves."
    ),
    "pareto-overlap-monotone": "Masses that are more spread out overlap less: heavier tails are more elastic.",
    "capacity-depth": (
        "A model with more parameters captures a token tree to a larger depth (the paper's Assumption 3.2)."
    ),
    "turning-point-from-above": (
        "The lower bound of the turning point of the pre-training data, from two overlaps, is an upper bound too."
    ),
}


@dataclass(frozen=True)
class Verdict:
    """One claim and what the proofs say of it.

    Attributes:
        id: the claim's permanent ID.
        statement: what it says, in a sentence.
        verdict: "proved", "refuted", "open", "hypothesis" (no mathematics), or "not recorded".
    """

    id: str
    statement: str
    verdict: str


def claim_verdicts(ids: Sequence[str], path: Path | None = None) -> tuple[Verdict, ...]:
    """Return the recorded verdicts of claims; "not recorded" without a ledger, or for a claim that it lacks.

    Args:
        ids: the claims.
        path: the ledger's file; found beside the package where not given.

    Raises:
        UnknownName: no such claim.

    Example:
        >>> claim_verdicts(["conservation-law"])[0].statement
        'The forces on all datasets sum to zero, for any distributions and volumes.'
    """
    for name in ids:
        if name not in STATEMENTS:
            raise UnknownName(f"unknown claim {name!r}: {did_you_mean(name, STATEMENTS)}")
    recorded = _recorded(_ledger_file() if path is None else path)
    return tuple(Verdict(name, STATEMENTS[name], recorded.get(name, "not recorded")) for name in ids)


def _ledger_file() -> Path:
    """Return the file in an installed wheel (``compresslab/proofs``) or in a checkout (``proofs``)."""
    package = Path(__file__).parent.parent
    installed = package / "proofs" / "ledger.json"
    return installed if installed.is_file() else package.parent / "proofs" / "ledger.json"


def _recorded(path: Path) -> dict[str, str]:
    try:
        verdicts = read_json(path)["verdicts"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # a report is written without it, and says "not recorded"
    return {str(name): str(verdict) for name, verdict in verdicts.items()} if isinstance(verdicts, dict) else {}
