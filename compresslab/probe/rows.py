"""A probe's predictions as flat rows, for data frames and for trackers of experiments."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from compresslab.probe.result import ProbeResult

__all__ = ["LABELS", "rows_of"]

LABELS = ("perturbation", "dataset")


def rows_of(result: ProbeResult) -> list[dict[str, Any]]:
    """Return a row for each perturbation, dataset and number of examples: what is predicted, and what was measured.

    Columns are those of `compresslab.probe.prediction.Prediction`; ``role``; and ``measured_nats``,
    ``measured_bits_per_byte`` and ``measured_standard_error_nats``, None where nothing was measured.
    """
    measured = {(one.perturbation, one.dataset, one.examples): one for one in result.measured}
    rows = []
    for one in result.predicted:
        real = measured.get((one.perturbation, one.dataset, one.examples))
        rows.append({
            **asdict(one),
            "role": result.datasets[one.dataset].role,
            "measured_nats": None if real is None else real.change_nats,
            "measured_bits_per_byte": None if real is None else real.change_bits_per_byte,
            "measured_standard_error_nats": None if real is None else real.standard_error_nats,
        })  # fmt: skip
    return rows
