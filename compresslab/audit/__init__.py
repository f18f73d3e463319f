"""The audit: how elastic an aligned model is, measured on the model and on the base that it was aligned from.

``compresslab.audit(base, aligned, pretrain=..., align=..., perturb=...)`` is
:func:`compresslab.audit.auditing.audit`: the package itself is called.

====================  ===============================================================================
settings              what is asked
reading               the data, in tokens that both models read
standing              both models side by side: code lengths, divergence by position
layers                effective volumes and effective depth of a model
arms                  short fine-tunings: the aligned model, the control, the placebo
gate                  the learning rate at which the control moves little
counting              changes net of a control, and shares, with their intervals
predicting            the same, by the probe
result, json_form     the whole answer, and its JSON
sentences             the answer in words
planning              memory and time, before a large model is touched
journal               where it is kept, so that it goes on after a kill
auditing              one call, for a pair or a series
====================  ===============================================================================

Source: theory, sections 7 to 11 and 13; Ji et al., arXiv 2406.06144, section 5.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compresslab.audit.auditing import audit, audit_series
    from compresslab.audit.result import AuditResult
    from compresslab.audit.settings import AuditSettings

__all__ = ["AuditResult", "AuditSettings", "audit", "audit_series"]

_HOME = {"AuditResult": "result", "AuditSettings": "settings", "audit_series": "auditing"}


class _Callable(ModuleType):
    """A package of the same name as its main function, which is therefore called itself."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Return what :func:`compresslab.audit.auditing.audit` finds."""
        return importlib.import_module("compresslab.audit.auditing").audit(*arguments, **settings)


sys.modules[__name__].__class__ = _Callable


def __getattr__(name: str) -> Any:
    if name == "audit":
        return sys.modules[__name__]
    if name not in _HOME:
        raise AttributeError(f"module 'compresslab.audit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"compresslab.audit.{_HOME[name]}"), name)
