"""What comes of the claims of a rebound with a placebo, worked out a second time: see recompute_results.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import nct
from scipy.stats import t as student

from tests.experiments.recompute_results import Found, Rebound, Table, Values, over_seeds, pm, shown_p


@dataclass(frozen=True)
class Tried:
    """A claim: its statistic as one number a seed (of a share, its linear part about the value), and its margin."""

    name: str
    side: int
    value: float
    parts: Values
    margin: float
    nothing: str

    @property
    def found(self) -> Found:
        return Found(self.value, over_seeds(self.parts).half)

    def p(self, null: float = 0.0, alternative: str = "two-sided") -> float:
        t = (self.value - null) / (self.parts.std(ddof=1) / math.sqrt(len(self.parts)))
        if alternative == "two-sided":
            return float(2 * student.sf(abs(t), len(self.parts) - 1))
        return float((student.sf if alternative == "greater" else student.cdf)(t, len(self.parts) - 1))

    @property
    def p_equivalent(self) -> float:
        return max(self.p(-self.margin, "greater"), self.p(self.margin, "less"))


def share_slope(volumes: Sequence[int], lost: Values, gained: Values) -> tuple[float, Values] | None:
    """The slope for each doubling of the shares of two means, and what each seed adds to it, by the delta method."""
    if any(over_seeds(one).sign == 0 for one in gained.T):
        return None
    shares = lost.mean(axis=0) / gained.mean(axis=0)
    x = np.log2(np.array(volumes, dtype=np.float64))
    weights = np.linalg.pinv(np.stack([x, np.ones_like(x)], axis=1))[0]
    return float(np.polyfit(x, shares, 1)[0]), ((lost - shares * gained) / gained.mean(axis=0)) @ weights


def claims(spec: dict[str, Any], arm: Rebound) -> list[Tried | str]:
    """The claims in their order; the name alone of one whose statistic is not defined."""
    placebo = arm.placebo
    if placebo is None:
        raise ValueError("there is no placebo")
    bits, share_margin = spec["margin_bits"], spec["margin_share"]
    made: list[Tried | str] = []

    def add(name: str, side: int, parts: Values, margin: float = bits) -> None:
        made.append(Tried(name, side, float(parts.mean()), parts, margin, "equivalent to nothing"))

    last = "by all negative data after the largest positive volume"
    add(f"the score falls {last}, net of the placebo", 1, (arm.falls - placebo.falls)[:, -1])
    add(f"the score falls {last}, net of the control", 1, arm.net_falls[:, -1])
    for name, way in (("positive", "dearer"), ("negative", "cheaper"), ("pretrain", "cheaper")):
        off = (arm.changed(name, arm.negative[-1]) - placebo.changed(name, arm.negative[-1]))[:, -1]
        kind = "pre-training" if name == "pretrain" else name
        add(f"{kind} texts get {way} {last}, net of the placebo", 1 if way == "dearer" else -1, off)
    add("the score falls faster at first than the placebo's", 1, (arm.rates() - placebo.rates())[:, -1], 0.0)
    x = np.log2(np.array(arm.positive[1:], dtype=np.float64))
    slopes = np.array([np.polyfit(x, one, 1)[0] for one in arm.rates()[:, 1:]])
    add("the score falls faster at first the more positive data there was", 1, slopes, 0.0)
    share_falls = "not a spring: the share of the gain that is taken back falls with each doubling of the positive data"
    nets = {"placebo": (arm.falls - placebo.falls, arm.score - placebo.score), "control": (arm.net_falls, arm.score)}
    for of, (lost, score) in nets.items():
        name = f"{share_falls}, net of the {of}"
        slope = share_slope(arm.positive[1:], lost[:, 1:], score[:, 1:, 0])
        made.append(
            name if slope is None else Tried(name, -1, *slope, share_margin, "loss in proportion, as a spring's")
        )
    return made


def holm(p: Sequence[float]) -> list[float]:
    """Each test's least level at which Holm's steps reject it, the smallest p first."""
    order, found, most = np.argsort(p, kind="stable"), [1.0] * len(p), 0.0
    for left, i in zip(range(len(p), 0, -1), order, strict=True):
        most = max(most, min(1.0, left * p[i]))
        found[i] = most
    return found


def corrected(spec: dict[str, Any], made: Sequence[Tried | str]) -> tuple[list[float], list[float]]:
    """The p-values of no effect and of equivalence of each claim; all but the primary one's are one family."""
    margins = [spec["margin_share"] if isinstance(one, str) else one.margin for one in made]
    p = [1.0 if isinstance(one, str) else one.p() for one in made]
    within = [
        math.nan if not margin else 1.0 if isinstance(one, str) else one.p_equivalent
        for one, margin in zip(made, margins, strict=True)
    ]
    family = holm([*p[1:], *(q for q in within[1:] if not math.isnan(q))])
    left = iter(family[len(p) - 1 :])
    return [p[0], *family[: len(p) - 1]], [within[0], *(q if math.isnan(q) else next(left) for q in within[1:])]


def power(one: Tried) -> float:
    """The chance that the two-sided t test sees an effect as large as the margin, on its side."""
    n, spread = len(one.parts), float(one.parts.std(ddof=1))
    return float(nct.sf(student.ppf(0.975, n - 1), n - 1, one.margin / spread * math.sqrt(n)))


def claims_table(spec: dict[str, Any], arm: Rebound) -> tuple[str, Table]:
    made = claims(spec, arm)
    rows: Table = []
    for i, (one, p, q) in enumerate(zip(made, *corrected(spec, made), strict=True)):
        if isinstance(one, str):
            margin = f"{spec['margin_share']:g}" if spec["margin_share"] else "-"
            rows.append([one, "< 0", "not defined", "-", shown_p(p), margin, "-", shown_p(q), "-", "not defined"])
            continue
        sign = "seen" if one.value * one.side > 0 else "the opposite seen"
        kind = one.nothing if q <= 0.05 else sign if p <= 0.05 else None
        rows.append(
            [
                one.name, "> 0" if one.side > 0 else "< 0", pm(one.found), shown_p(one.p()),
                "primary" if not i else shown_p(p), f"{one.margin:g}" if one.margin else "-",
                shown_p(one.p_equivalent if one.margin else math.nan),
                "primary" if not i and one.margin else shown_p(q),
                f"{power(one):.2f}" if one.margin else "-",
                kind if kind is not None else lambda said, _: said.startswith("undecided"),
            ]
        )  # fmt: skip
    return f"Claims of the design, arm {arm.name}: the primary one, then the family, corrected by Holm", rows
