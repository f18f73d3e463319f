"""A base, what it was aligned to become, and data for both: what the tests of the audit share."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from compresslab.audit.auditing import audit
from compresslab.audit.result import AuditResult
from compresslab.data.dataset import Dataset
from compresslab.lm.hugging_face import HuggingFaceModel
from tests.probe.small_models import small_llama, train, words

DATA = {"p": words(1, 16, range(6)), "a": words(3, 16, range(2, 8)), "t": words(4, 16, range(6, 11)),
        "n": words(5, 16, range(3, 9))}  # fmt: skip
ROLES: dict[str, Any] = {
    "pretrain": {"p": DATA["p"]},
    "align": {"a": DATA["a"]},
    "perturb": {"t": DATA["t"]},
    "neutral": {"n": DATA["n"]},
}
WITHOUT = {role: sets for role, sets in ROLES.items() if role != "neutral"}  # no placebo
ASKED: dict[str, Any] = {"learning_rate": 1e-3, "examples": (4, 16), "seeds": 2}
SHORT: dict[str, Any] = {**ASKED, "examples": (4,), "linearised": False}


def changed(model: HuggingFaceModel, data: Dataset, steps: int) -> HuggingFaceModel:
    """A copy that is trained."""
    other = copy.copy(model)
    other.module = copy.deepcopy(model.module)
    train(other, {"data": (data, 1.0)}, steps, 3e-3)
    other.module.eval()
    return other


@cache
def base_model() -> HuggingFaceModel:
    model = small_llama(size=16, layers=1)
    train(model, {"p": (DATA["p"], 1.0), "t": (DATA["t"], 0.5)}, 60, 3e-3)
    model.module.eval()
    return model


@cache
def aligned_model() -> HuggingFaceModel:
    return changed(base_model(), DATA["a"], 20)


@cache
def audited() -> AuditResult:
    """An audit with a placebo and the linearised model, which several tests look at."""
    return audit(base_model(), aligned_model(), **ROLES, **ASKED)


@cache
def short() -> AuditResult:
    """A quick one, likewise, without a placebo."""
    return audit(base_model(), aligned_model(), **WITHOUT, **SHORT)
