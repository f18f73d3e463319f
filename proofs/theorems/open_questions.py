"""What is not proved here, and said to be open."""

from __future__ import annotations

from ..facts import Claim

__all__ = ["CLAIMS"]

monotone = Claim(
    id="pareto-overlap-monotone",
    title="Heavier tails, more elastic: for every pair of exponents?",
    statement="The contained overlap o(α) of Pareto masses increases with α on all of (1, ∞), from 0 to 1.",
    latex=r"The contained overlap $o(\alpha)$ of Pareto masses increases with $\alpha$ on all of $(1,\infty)$.",
    premises=("masses X, Y, Z independent Pareto(α, x_m), α > 1", "o(α) = 3 E[YZ/(X+Y+Z)]/E[X] (pareto-overlap)"),
    source="theory, section 4 (heavier tails, more elastic)",
    kind="open",
    idea="",
    assumptions=(),
    definitions=(),
    steps=(),
    goals=(),
    finding="Proved: 0 < o(α) < 1, and (1 - o(α)) E[X] = E[(X-Y)²/(2(X+Y+Z))] (pareto-overlap-below-one). The values "
    "computed by quadrature "
    "increase with α, but no proof for every pair of exponents is known here, and numbers are no proof.",
)

capacity = Claim(
    id="capacity-depth",
    title="More parameters, more depth",
    statement="A model with more parameters captures the token tree to a larger depth (Assumption 3.2 of the paper).",
    latex=r"A model with more parameters captures the token tree to a larger depth (Assumption 3.2 of the paper).",
    premises=("trained language models; the effective depth of effective-depth-chain-rule",),
    source="Assumption 3.2 of the paper",
    kind="open",
    idea="",
    assumptions=(),
    definitions=(),
    steps=(),
    goals=(),
    finding="This is a statement about training, not a theorem. effective-depth-chain-rule makes it a measurement: "
    "the excess of every "
    "position is >= 0, and they sum to the divergence from the data.",
)

turning = Claim(
    id="turning-point-from-above",
    title="The latest possible turning point, from finitely many overlaps",
    statement="For given overlaps o_at and o_tt, the turning point l* of dγ_p/dl has a finite upper bound that "
    "depends on them and k alone.",
    latex=r"For given overlaps $o_{at}$ and $o_{tt}$, the turning point $l^*$ of $d\gamma_p/dl$ has a finite upper "
    r"bound that depends on them "
    r"and $k$ alone.",
    premises=("any three distributions, p_p > 0 on every leaf; overlaps as in elasticity-fixed-roles",),
    source="new",
    kind="open",
    idea="",
    assumptions=(),
    definitions=(),
    steps=(),
    goals=(),
    finding="Proved: l* is unique (sign-turns-once), l* >= (1 - o_at)/(o_tt - 1) (elasticity-fixed-roles), and with "
    "N disjoint parts "
    "l* = 1/(N-1) for every k (elasticity-disjoint-any-number).",
)

CLAIMS = (monotone, capacity, turning)
