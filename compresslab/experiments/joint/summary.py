"""What the rows of ``joint`` say: slopes with intervals beside the theory's, signs, conservation, and the fit.

Everything is in nats per phrase, slopes per unit of ``l``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter
from compresslab.experiments.joint.run import ROLES, Arm, JointSpec, scenarios
from compresslab.experiments.rows import Row
from compresslab.theory.code_length import LN2
from compresslab.theory.elasticity import Elasticity
from compresslab.theory.estimates import Estimate, derivatives_on_grid, estimate

__all__ = ["ArmSummary", "Slope", "summarise_joint"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """``dgamma_i/dl`` at one ``l``.

    Attributes:
        role: "pretrain", "align" or "perturb".
        l: ``|D_t| / |D_a|``.
        network: of the networks, over their seeds.
        coded: the same from the coded sizes of sampled streams.
        theory: the exact derivative.
        polynomial: the theory's curve through the polynomial that the networks' curves go through: its own error is
            the difference to ``theory``.
    """

    role: str
    l: float  # noqa: E741 - the paper's symbol
    network: Estimate
    coded: Estimate
    theory: float
    polynomial: float

    @property
    def relative_error(self) -> float:
        """The networks' mean over the theory's derivative, less 1."""
        return self.network.mean / self.theory - 1 if self.theory else float("inf")

    @property
    def sign_agrees(self) -> bool:
        """Whether the interval lies on the side of 0 that the theory names."""
        return self.network.sign == int(np.sign(self.theory)) != 0


@dataclass(frozen=True)
class ArmSummary:
    """What one arm showed.

    Attributes:
        arm: the arm.
        parameters: of its networks.
        leaves: of the tree.
        excess: over the entropy of the mixture, at ``l = 0``.
        largest_excess: over all seeds and ``l``.
        wasted: the share of probability that the networks give to strings that are not leaves.
        slopes: at every ``l`` of the grid, for each role.
        ratio: ``(dgamma_a/dl) / (dgamma_p/dl)`` at ``l = 0``; the theorem says about ``-k``.
        conservation: at each ``l``, ``k dgamma_p/dl + dgamma_a/dl + l dgamma_t/dl`` over the sum of the terms' sizes.
        turning_point: where ``gamma_p`` of the theory turns; None: never.
    """

    arm: Arm
    parameters: int
    leaves: int
    excess: Estimate
    largest_excess: float
    wasted: float
    slopes: tuple[Slope, ...]
    ratio: Estimate
    conservation: tuple[Estimate, ...]
    turning_point: float | None

    def at(self, role: str, l: float) -> Slope:  # noqa: E741
        """Return the slope of a role at a point of the grid."""
        for slope in self.slopes:
            if slope.role == role and slope.l == l:
                return slope
        raise InvalidParameter(f"no slope of {role!r} at l = {l!r}: the grid is {self.arm.l}")


def summarise_joint(spec: JointSpec, rows: Sequence[Row]) -> list[ArmSummary]:
    """Summarise the rows of a finished experiment, arm by arm.

    Raises:
        InvalidParameter: rows are missing.
    """
    return [
        _summary(arm, scenario, [row for row in rows if row["arm"] == arm.name]) for arm, scenario in scenarios(spec)
    ]


def _summary(arm: Arm, scenario: Elasticity, rows: list[Row]) -> ArmSummary:
    at = {(row["seed"], row["l"]): row for row in rows}
    missing = [(seed, l) for seed in arm.seeds for l in arm.l if (seed, l) not in at]  # noqa: E741
    if missing:
        raise InvalidParameter(
            f"arm {arm.name} has no row for seed {missing[0][0]}, l = {missing[0][1]:g}: run it first"
        )

    def column(name: str) -> Values:
        return np.array([[at[seed, l][name] for l in arm.l] for seed in arm.seeds], dtype=np.float64)  # noqa: E741

    slopes: list[Slope] = []
    measured: dict[str, Values] = {}
    exact, codes = scenario.derivatives(arm.l), scenario.code_lengths_nats(arm.l)
    for role in ROLES:
        measured[role] = derivatives_on_grid(arm.l, column(f"gamma_{role}_nats"))
        coded = derivatives_on_grid(arm.l, column(f"coded_{role}_bits") * LN2)
        polynomial = derivatives_on_grid(arm.l, getattr(codes, role))
        theory = getattr(exact, role)
        slopes += [
            Slope(
                role, l, estimate(measured[role][:, i]), estimate(coded[:, i]), float(theory[i]), float(polynomial[i])
            )
            for i, l in enumerate(arm.l)  # noqa: E741
        ]
    terms = np.stack([arm.k * measured["pretrain"], measured["align"], np.array(arm.l) * measured["perturb"]])
    residual = terms.sum(axis=0) / np.abs(terms).sum(axis=0)
    excess, turning = column("excess_nats"), scenario.turning_point()
    return ArmSummary(
        arm=arm,
        parameters=int(rows[0]["parameters"]),
        leaves=int(rows[0]["leaves"]),
        excess=estimate(excess[:, 0]),
        largest_excess=float(excess.max()),
        wasted=float(column("wasted").mean()),
        slopes=tuple(slopes),
        ratio=estimate(measured["align"][:, 0] / measured["pretrain"][:, 0]),
        conservation=tuple(estimate(residual[:, i]) for i in range(len(arm.l))),
        turning_point=turning if math.isfinite(turning) else None,
    )
