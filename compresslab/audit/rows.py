"""What audits measured as flat rows, for data frames and for trackers of experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from compresslab.audit.result import AuditResult
from compresslab.theory.estimates import Estimate

__all__ = ["LABELS", "rows_of"]

LABELS = ("aligned_model", "what", "perturbation", "dataset")
_SHARES = ("raw", "net_of_control", "net_of_placebo")
_CHANGES = ("aligned", "control", "placebo", "net_of_control", "net_of_placebo")


def rows_of(results: Sequence[AuditResult]) -> list[dict[str, Any]]:
    """Return a row for each change and each share of audits.

    ``what`` is "change", "undone" or "returned". A change has a ``dataset`` and columns in nats per token, such as
    ``net_of_control_nats``; a share has none, and columns such as ``net_of_control``. Beside each value stand
    ``..._low`` and ``..._high``, the ends of its 95 % interval; what is not defined is None.
    """
    rows: list[dict[str, Any]] = []
    for result in results:
        models = {"base_model": result.base.name, "aligned_model": result.aligned.name}
        rows += (
            {
                **models,
                "what": "change",
                "perturbation": change.perturbation,
                "dataset": change.dataset,
                "examples": change.examples,
                **_values(change, _CHANGES, "_nats"),
            }
            for change in result.changes
        )
        rows += (
            {
                **models,
                "what": share.what,
                "perturbation": share.perturbation,
                "dataset": None,
                "examples": share.examples,
                **_values(share, _SHARES, ""),
            }
            for share in result.shares
        )
    return rows


def _values(one: Any, names: Sequence[str], unit: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in names:
        value: Estimate | None = getattr(one, name)
        found[f"{name}{unit}"] = None if value is None else value.mean
        found[f"{name}{unit}_low"] = None if value is None else value.low
        found[f"{name}{unit}_high"] = None if value is None else value.high
    return found
