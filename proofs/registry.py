"""All claims, in reading order. An ID is permanent; a second claim with the same ID raises.

Example:
    >>> claims = all_claims()
    >>> "conservation-law" in claims
    True
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module

from .facts import Claim

__all__ = ["FAMILIES", "all_claims", "collect"]

FAMILIES = (
    "trees",
    "code_length",
    "coding",
    "rate",
    "mixture",
    "rebound",
    "elasticity_ratio",
    "elasticity_three",
    "elasticity_paper",
    "elasticity_any_number",
    "elasticity_bend",
    "elasticity_fixed",
    "elasticity_separate",
    "pareto",
    "hooke",
    "effective",
    "open_questions",
)


def collect(claims: Iterable[Claim]) -> dict[str, Claim]:
    """Return the claims by ID.

    Raises:
        ValueError: two claims have one ID.
    """
    found: dict[str, Claim] = {}
    for claim in claims:
        if claim.id in found:
            raise ValueError(f"the claim ID {claim.id!r} is taken: an ID is permanent, choose a new one")
        found[claim.id] = claim
    return found


@lru_cache(maxsize=1)
def all_claims() -> dict[str, Claim]:
    """Return every claim of every family, in reading order."""
    package = __name__.rpartition(".")[0]
    modules = (import_module(f"{package}.theorems.{family}") for family in FAMILIES)
    return collect(claim for module in modules for claim in module.CLAIMS)
