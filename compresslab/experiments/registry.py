"""Experiments by name; each is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any, Final

from compresslab.errors import UnknownName, did_you_mean
from compresslab.experiments.experiment import Experiment

__all__ = ["EXPERIMENTS", "get_experiment"]

EXPERIMENTS: Final = {
    "joint": "JOINT",
    "resistance": "RESISTANCE",
    "rebound": "REBOUND",
    "scaling": "SCALING",
    "effective-volumes": "EFFECTIVE_VOLUMES",
}
_FORMER: Final = {"volumes": "effective-volumes"}  # names in older folders


def get_experiment(name: str) -> Experiment[Any, Any, Any]:
    """Return an experiment.

    Raises:
        UnknownName: no such experiment.

    Example:
        >>> get_experiment("joint").name
        'joint'
    """
    known = _FORMER.get(name, name)
    if known not in EXPERIMENTS:
        raise UnknownName(f"unknown experiment {name!r}: {did_you_mean(name, EXPERIMENTS)}")
    module = importlib.import_module(f"compresslab.experiments.{known.replace('-', '_')}.experiment")
    found: Experiment[Any, Any, Any] = getattr(module, EXPERIMENTS[known])
    return found
