"""Claims that Coq alone checks: what each says, for people; what is proved is ``coq/Statements.v``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

__all__ = ["CoqClaim", "coq_claims"]


@dataclass(frozen=True)
class CoqClaim:
    """A claim whose formal statement is a theorem in Coq. Formulas are LaTeX between dollar signs.

    Attributes:
        id: permanent name; never reused. The theorem has it, with ``_`` for ``-``.
        title: a few words.
        statement: what holds.
        premises: what is assumed.
        proof: why, for a reader.
        test: the test of its numbers, ``file::function`` under ``tests/``, or "".
    """

    id: str
    title: str
    statement: str
    premises: tuple[str, ...]
    proof: str
    test: str = ""


@cache
def coq_claims() -> dict[str, CoqClaim]:
    """Return these claims by ID, in reading order.

    Example:
        >>> coq_claims()["logit-own-rate"].title
        'What is trained gets cheaper'
    """
    from . import coq_logit, coq_parametric

    return {claim.id: claim for claim in (*coq_parametric.CLAIMS, *coq_logit.CLAIMS)}
