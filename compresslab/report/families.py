"""The elasticity explorer's scenarios: families of distributions with one parameter, the same here and in a page.

`templates/explorer.js` makes the same distributions and computes with the same formulas; a test holds its numbers to
this library's in a real browser.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter, UnknownName, did_you_mean
from compresslab.theory.elasticity import Elasticity

__all__ = ["FAMILIES", "Family", "compact_scenario", "explorer_settings", "family_scenario"]

Values = NDArray[np.float64]

PARETO_LEAVES: Final = 1000
_STEPS: Final = (
    0.7548776662466927,
    0.5698402909980532,
)  # 1/g and 1/g**2, g**3 = g + 1: evenly spread in three dimensions
_MOST_COLUMNS = 20_000  # different leaves that a page carries; 32 bytes each before base64


@dataclass(frozen=True)
class Family:
    """Distributions ``p_p``, ``p_a``, ``p_t`` that depend on one parameter.

    Attributes:
        key: its name in code.
        title: its name in a menu.
        about: one sentence for a reader.
        parameter: "alpha" or "share".
        label: what a slider says.
        low: the parameter's least value.
        high: its greatest.
        start: where the slider begins.
    """

    key: str
    title: str
    about: str
    parameter: str
    label: str
    low: float
    high: float
    start: float


_ALPHA = ("alpha", "α, Pareto exponent", 1.05, 5.0, 2.0)

FAMILIES: Final[dict[str, Family]] = {
    family.key: family
    for family in (
        Family(
            "contained-pareto",
            "Contained, Pareto masses (the theorem)",
            "Pre-training data contains a part like the alignment data and one like the perturbation; all masses are "
            "Pareto. Heavier tails (smaller α) are more elastic.",
            *_ALPHA,
        ),
        Family(
            "contained-leaves",
            "Contained, three parts with a common share",
            "The three parts of the pre-training data share s of their mass and are disjoint otherwise. At s = 0 the "
            "pre-training data turns from gaining to losing at l = 1/2.",
            *("share", "s, mass that all parts share", 0.0, 0.99, 0.2),
        ),
        Family(
            "alike",
            "Contained, alignment partly like the perturbation",
            "A share s of the alignment data is like the perturbation. At s = 1 the perturbation is more alignment "
            "data, and both signs are reversed.",
            *("share", "s, share of D_a that is like D_t", 0.0, 1.0, 0.2),
        ),
        Family(
            "separate-pareto",
            "Separate, Pareto masses",
            "Three unrelated datasets on the same leaves, with independent Pareto masses: for k > 1 both signs are "
            "reversed.",
            *_ALPHA,
        ),
        Family(
            "separate-leaves",
            "Separate, three datasets with a common share",
            "Three datasets share s of their mass; none contains another. At s = 0 they are disjoint and both lose.",
            *("share", "s, mass that all datasets share", 0.0, 0.99, 0.2),
        ),
    )
}


def family_scenario(key: str, value: float, k: float) -> Elasticity:
    """Return one scenario of a family.

    Args:
        key: the family.
        value: its parameter.
        k: ``|D_p| / |D_a|``.

    Raises:
        UnknownName: no such family.
        InvalidParameter: a value outside the family's range.

    Example:
        >>> round(family_scenario("contained-leaves", 0.0, k=8).derivatives(0.25).align * (8 + 1 + 0.25), 12)
        1.0
    """
    if key not in FAMILIES:
        raise UnknownName(f"unknown family {key!r}: {did_you_mean(key, FAMILIES)}")
    family = FAMILIES[key]
    if not family.low <= value <= family.high:
        raise InvalidParameter(f"{family.label} lies from {family.low:g} to {family.high:g}, not at {value!r}")
    pretrain, align, perturb = _MAKERS[key](value)
    return Elasticity(pretrain, align, perturb, k)


def _pareto(alpha: float) -> Values:
    """Return three sets of Pareto masses at evenly spread quantiles, as independent as such points can be."""
    j = np.arange(PARETO_LEAVES)
    u = np.stack([(j + 0.5) / PARETO_LEAVES, *((0.5 + (j + 1) * step) % 1 for step in _STEPS)])
    masses: Values = u ** (-1 / alpha)
    masses /= masses.sum(axis=1, keepdims=True)
    return masses


def _leaves(share: float) -> Values:
    return (1 - share) * np.eye(3) + share / 3


def _contained(p: Values) -> Values:
    return np.stack([(p[0] + p[1] + p[2]) / 3, p[1], p[2]])


def _alike(share: float) -> Values:
    return np.array([[1 / 3, 1 / 3, 1 / 3], [0.0, 1 - share, share], [0.0, 0.0, 1.0]])


_MAKERS: Final[Mapping[str, Callable[[float], Values]]] = {
    "contained-pareto": lambda alpha: _contained(_pareto(alpha)),
    "contained-leaves": lambda share: _contained(_leaves(share)),
    "alike": _alike,
    "separate-pareto": _pareto,
    "separate-leaves": _leaves,
}


def compact_scenario(scenario: Elasticity) -> dict[str, Any] | None:
    """Return a scenario for a page: the different columns of its probabilities, and how often each occurs.

    Nothing is lost by it: leaves with equal masses count alike in every sum.

    Returns:
        ``{"columns": number, "data": base64 of float64 (little-endian): p_p, p_a, p_t, times}``; None where there are
        more than 20,000 different columns.
    """
    p = np.ascontiguousarray(scenario.probabilities.T)
    kinds, times = np.unique(p.view([("", np.float64)] * 3).ravel(), return_counts=True)
    if len(kinds) > _MOST_COLUMNS:
        return None
    columns = kinds.view(np.float64).reshape(-1, 3).T
    packed = np.ascontiguousarray(np.concatenate([columns, times[None].astype(np.float64)]), dtype="<f8")
    return {"columns": len(kinds), "data": base64.b64encode(packed.tobytes()).decode()}


def explorer_settings(
    data: Mapping[str, Elasticity] | None = None,
    k: float = 10.0,
    l: float = 0.05,  # noqa: E741
) -> dict[str, Any]:
    """Return what the explorer needs to know, ready for JSON.

    Args:
        data: scenarios of the reader's own data, by title.
        k: where the slider of ``k`` begins.
        l: where the slider of ``l`` begins.
    """
    held = {title: compact_scenario(scenario) for title, scenario in (data or {}).items()}
    return {
        "families": [vars(family) for family in FAMILIES.values()],
        "data": [{"title": title, **compact} for title, compact in held.items() if compact is not None],
        "paretoLeaves": PARETO_LEAVES,
        "steps": list(_STEPS),
        "k": k,
        "l": l,
    }
