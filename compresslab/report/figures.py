"""Figures of the theory, of data and of models, by one import: ``from compresslab.report import figures``.

Those of a single experiment are in its folder, such as :mod:`compresslab.experiments.resistance.figures`.

Each function takes results and returns a matplotlib ``Figure``; :func:`save_figure` writes it as SVG or PNG. They need
the extra ``report``.

Example:
    >>> from compresslab import Elasticity
    >>> scenario = Elasticity.contained([1, 0, 0], [0, 1, 0], [0, 0, 1], k=10)
    >>> figure = force_figure(scenario, [0.0, 0.5, 1.0])
    >>> [axis.get_ylabel() for axis in figure.axes]
    ['force $n_i$ dγ$_i$/dl, bits per phrase']
"""

from __future__ import annotations

from compresslab.report.curve_figures import (
    Measured,
    code_length_figure,
    force_figure,
    measured_slope_figure,
    slope_figure,
)
from compresslab.report.model_figures import (
    Bar,
    Cell,
    Trend,
    Weight,
    depth_figure,
    rate_figure,
    rebound_figure,
    rebound_heatmap,
    scaling_figure,
    volumes_figure,
)
from compresslab.report.sign_map import SignMap, sign_map, sign_map_figure
from compresslab.report.style import save_figure
from compresslab.report.tree_figures import leaf_mass_figure, tree_figure

__all__ = [
    "Bar",
    "Cell",
    "Measured",
    "SignMap",
    "Trend",
    "Weight",
    "code_length_figure",
    "depth_figure",
    "force_figure",
    "leaf_mass_figure",
    "measured_slope_figure",
    "rate_figure",
    "rebound_figure",
    "rebound_heatmap",
    "save_figure",
    "scaling_figure",
    "sign_map",
    "sign_map_figure",
    "slope_figure",
    "tree_figure",
    "volumes_figure",
]
