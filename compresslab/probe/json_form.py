"""A probe's result as JSON: the names are fixed, and published in ``schema.json`` beside this file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.probe.overlaps import MeasuredStationarity
from compresslab.probe.result import PRECISION, ProbeResult, texts_needed
from compresslab.probe.sentences import who_pays

__all__ = ["SCHEMA_VERSION", "as_json", "schema", "stationarity_as_json", "table_as_json"]

SCHEMA_VERSION = 1


def as_json(result: ProbeResult, half_width: float = PRECISION) -> dict[str, Any]:
    """Return a probe's result as JSON has it; what is not a number is null. The names are those of ``schema.json``."""
    settings = asdict(result.settings)
    names = list(result.datasets)
    overlaps = result.overlaps
    value: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "model": asdict(result.model),
        "settings": {
            **settings,
            "state": result.settings.state if result.settings.keeps_state else "none",
            "prefix": result.prefix,
            "eos": result.eos,
        },
        "roles": {name: facts.role for name, facts in result.datasets.items()},
        "datasets": {
            name: {key: x for key, x in asdict(facts).items() if key != "role"}
            for name, facts in result.datasets.items()
        },
        "overlap": table_as_json(overlaps.matrix, names),
        "overlap_standard_error": table_as_json(overlaps.error, names),
        "overlap_symmetric": table_as_json(overlaps.symmetric, names),
        "overlap_by_part": {part: table_as_json(matrix, names) for part, matrix in overlaps.parts.items()},
        "cosine": table_as_json(overlaps.cosine, names),
        "predicted": [asdict(row) for row in result.predicted],
        "stationarity": {pair: stationarity_as_json(found) for pair, found in result.stationarity.items()},
        "mixture": None
        if result.mixture is None
        else {
            "weights": dict(zip(result.mixture[0], result.mixture[1].weights, strict=True)),
            "residual": result.mixture[1].residual,
        },
        "return_criterion": {
            name: {perturbation: asdict(found) for perturbation, found in row.items()}
            for name, row in result.criteria.items()
        },
        "precision": {"half_width_nats": half_width, "texts": texts_needed(result, half_width)},
        "who_pays": who_pays(result),
        "sketch_error": result.sketch_error,
        "seconds": dict(result.seconds),
    }
    if result.measured:
        value["measured"] = [asdict(row) for row in result.measured]
        value["agreement"] = [asdict(row) for row in result.agreement()]
    plain: dict[str, Any] = _plain(value)
    return plain


def schema() -> dict[str, Any]:
    """Return the JSON Schema of what `as_json` gives."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "schema.json").read_text(encoding="utf-8"))
    return found


def table_as_json(matrix: NDArray[np.float64], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return a matrix of pairs of datasets: row -> column -> number."""
    return {row: dict(zip(names, values, strict=True)) for row, values in zip(names, matrix.tolist(), strict=True)}


def stationarity_as_json(found: MeasuredStationarity) -> dict[str, dict[str, float | None]]:
    """Return how far a model is from a stationary point, each number with its interval."""
    return {name: {"value": x.mean, "low": x.low, "high": x.high} for name, x in vars(found).items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: lists for tuples, and null for what is not a finite number."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
