"""The sign map: for which overlaps, ``l`` and ``k`` the theorem's signs hold, and which hold instead.

The family: ``D_p`` contains all three parts, ``D_t`` is like the third, and ``D_a`` is like the second but for a share
``s`` that is like the third. At ``s = 0`` it is the theorem's reading; at ``s = 1`` the perturbation is more alignment
data. What decides is the overlap ``<p_a, p_t>_D``: alignment loses exactly where it is below 1.

Both cannot gain: ``k dgamma_p/dl + dgamma_a/dl = -l dgamma_t/dl >= 0`` (theory, sections 3 and 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter
from compresslab.report.style import COLOURS, inner_ticks, new_figure, style
from compresslab.theory.elasticity import Elasticity
from compresslab.theory.sources import Source

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["REGIONS", "SignMap", "sign_map", "sign_map_figure"]

REGIONS = ("elastic: alignment loses, pre-training gains", "both lose", "reversed: alignment gains, pre-training loses")
_TINTS = ("tint-orange", "tint-grey", "tint-blue")


@dataclass(frozen=True, eq=False)
class SignMap:
    """Slopes over a grid.

    Attributes:
        share: shape ``(S,)``: the part of ``D_a`` that is like ``D_t``.
        l: shape ``(L,)``.
        k: shape ``(K,)``.
        align: ``dgamma_a/dl`` in nats per phrase, shape ``(K, L, S)``.
        pretrain: ``dgamma_p/dl``, likewise.
        overlap: ``<p_a, p_t>_D``, likewise.
    """

    share: NDArray[np.float64]
    l: NDArray[np.float64]  # noqa: E741 - the paper's symbol
    k: NDArray[np.float64]
    align: NDArray[np.float64]
    pretrain: NDArray[np.float64]
    overlap: NDArray[np.float64]

    @property
    def regions(self) -> NDArray[np.int64]:
        """Shape ``(K, L, S)``: indices into ``REGIONS``."""
        return np.where(self.align <= 0, 2, np.where(self.pretrain < 0, 0, 1)).astype(np.int64)


def sign_map(
    p1: Source,
    p2: Source,
    p3: Source,
    share: Sequence[float],
    l: Sequence[float],  # noqa: E741
    k: Sequence[float],
    *,
    depth: int | None = None,
) -> SignMap:
    """Compute the slopes of the family over a grid.

    Args:
        p1: the part of ``D_p`` that neither ``D_a`` nor ``D_t`` resembles.
        p2: the part that ``D_a`` resembles.
        p3: the part that ``D_t`` is distributed as.
        share: values of ``s``, 0 to 1, two or more, rising.
        l: values of ``|D_t| / |D_a|``, two or more, rising.
        k: values of ``|D_p| / |D_a|``.
        depth: symbols per phrase, for datasets.

    Raises:
        InvalidParameter: shares that are not shares.

    Example:
        >>> found = sign_map([1, 0, 0], [0, 1, 0], [0, 0, 1], share=[0.0, 1.0], l=[0.1, 0.9], k=[10])
        >>> [REGIONS[i].split(":")[0] for i in found.regions[0].ravel()]
        ['elastic', 'reversed', 'both lose', 'reversed']
    """
    shares = np.asarray(share, dtype=np.float64)
    if shares.ndim != 1 or len(shares) < 2 or not ((shares >= 0) & (shares <= 1)).all():
        raise InvalidParameter(f"shares are two or more numbers from 0 to 1: not {share!r}")
    base = Elasticity.contained(p1, p2, p3, k[0], depth=depth)
    pretrain, second, third = base.probabilities
    curves = [
        Elasticity(pretrain, (1 - s) * second + s * third, third, float(k[0])).curve(l, k) for s in shares.tolist()
    ]
    return SignMap(
        share=shares,
        l=np.asarray(l, dtype=np.float64),
        k=np.asarray(k, dtype=np.float64),
        align=np.stack([curve.derivatives.align for curve in curves], axis=-1),
        pretrain=np.stack([curve.derivatives.pretrain for curve in curves], axis=-1),
        overlap=np.stack([curve.overlaps.align for curve in curves], axis=-1),
    )


def sign_map_figure(found: SignMap) -> Figure:
    """Draw a sign map, one panel for each ``k``.

    The solid line is where alignment turns (there the overlap ``<p_a, p_t>_D`` is 1), the dashed one where pre-training
    does.
    """
    from matplotlib.patches import Patch

    with style():
        K = len(found.k)
        figure = new_figure(max(4.9, 2.3 * K), 3.6)
        panels = np.atleast_1d(figure.subplots(1, K, sharey=True))
        for i, axes in enumerate(panels):
            _panel(axes, found, i)
            axes.set_title(f"k = {found.k[i]:g}")
        panels[0].set_ylabel("$l = |D_t| / |D_a|$")
        figure.supxlabel("share of the alignment data that is like the perturbation", fontsize=9)
        shown = [Patch(facecolor=COLOURS[tint], edgecolor=COLOURS["ink"], linewidth=0.5) for tint in _TINTS]
        figure.legend(shown, REGIONS, loc="outside upper left", ncols=1)
    return figure


def _panel(axes: Axes, found: SignMap, i: int) -> None:
    # Areas end on the slopes' own zero lines, so that they are smooth whatever the grid.
    x, y = found.share, found.l
    axes.grid(False)
    axes.set_facecolor(COLOURS[_TINTS[1]])
    for values, tint, dash in ((found.pretrain[i], _TINTS[0], "dashed"), (found.align[i], _TINTS[2], "solid")):
        if values.min() < 0:
            axes.contourf(x, y, values, levels=[values.min() - 1, 0], colors=[COLOURS[tint]])
        if values.min() < 0 < values.max():
            axes.contour(x, y, values, levels=[0], colors=[COLOURS["ink"]], linewidths=1.0, linestyles=[dash])
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    inner_ticks(axes, (float(x[0]), float(x[0] + x[-1]) / 2, float(x[-1])))
