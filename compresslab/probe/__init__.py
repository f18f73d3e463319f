"""The probe: what fine-tuning a model on new data will do to the data it was trained on, said before it is done.

``compresslab.probe(model, pretrain=..., align=..., perturb=...)`` is :func:`compresslab.probe.probing.probe`: the
package itself is called.

====================  ===============================================================================
settings, texts       what is asked, and the data in the model's tokens
flat, sketch          all weights as one vector; that vector in fewer numbers
gradients             the mean gradient of each dataset's code length, with its error
preferences           the DPO loss of pairs of responses, as one more objective of alignment data
overlaps              ``g_i . P g_t``, and how far the model is from a stationary point
walk, products        an optimiser's steps; the products of the linearised model
prediction            what each perturbation does to each dataset, by first order and linearised
returning             who comes back: the criterion of logit elasticity, on the model
result, json_form     the whole answer, and its JSON
sentences             who pays, in words
lora                  which weights are trained: all, or those of a LoRA
lora_against_whole    what is lost where the space of a LoRA stands for all weights
planning              memory and time, before a large model is touched
callback              for transformers' Trainer: overlaps and code lengths as a model is trained
====================  ===============================================================================

Source: theory, sections 9 to 11 and 13.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compresslab.probe.callback import probe_callback, read_steps
    from compresslab.probe.lora_against_whole import LoraAccuracy, lora_accuracy
    from compresslab.probe.preferences import Preferences
    from compresslab.probe.probing import probe
    from compresslab.probe.result import ProbeResult
    from compresslab.probe.settings import ProbeSettings

__all__ = [
    "LoraAccuracy",
    "Preferences",
    "ProbeResult",
    "ProbeSettings",
    "lora_accuracy",
    "probe",
    "probe_callback",
    "read_steps",
]

_HOME = {
    "LoraAccuracy": "lora_against_whole",
    "lora_accuracy": "lora_against_whole",
    "Preferences": "preferences",
    "ProbeResult": "result",
    "ProbeSettings": "settings",
    "probe_callback": "callback",
    "read_steps": "callback",
}


class _Callable(ModuleType):
    """A package of the same name as its main function, which is therefore called itself."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Return what :func:`compresslab.probe.probing.probe` finds."""
        return importlib.import_module("compresslab.probe.probing").probe(*arguments, **settings)


sys.modules[__name__].__class__ = _Callable


def __getattr__(name: str) -> Any:
    if name == "probe":
        return sys.modules[__name__]
    if name not in _HOME:
        raise AttributeError(f"module 'compresslab.probe' has no attribute {name!r}")
    return getattr(importlib.import_module(f"compresslab.probe.{_HOME[name]}"), name)
