"""Memory and time of a probe, before a large model is touched: from its settings alone, without its weights."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import isdir, isfile
from typing import Any

from compresslab._support.files import expanded
from compresslab.errors import InvalidParameter, UnknownName
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.probe.flat import Layout
from compresslab.probe.settings import ProbeSettings

__all__ = ["Plan", "measured_flops", "model_of_settings", "plan_probe", "weights_of"]

_FLOAT = 4
# Passes over the tokens, in units of one forward pass: a gradient takes three, a forward product two more than a pass.
_GRADIENT, _LINEARISED_STEP, _EVALUATION, _REAL_STEP = 3.0, 7.0, 14.0, 3.0


@dataclass(frozen=True)
class Plan:
    """What a probe will take, roughly: within a factor of two where the model is much larger than its vocabulary.

    Attributes:
        parameters: weights that are trained.
        tokens: of all datasets.
        memory_bytes: weights and vectors of their size that are in memory at once.
        disk_bytes: vectors that are kept in files.
        seconds: all stages, at the speed of this machine's matrix products; None where it was not measured.
    """

    parameters: int
    tokens: int
    memory_bytes: int
    disk_bytes: int
    seconds: float | None

    def __str__(self) -> str:
        """Return a sentence."""
        took = "" if self.seconds is None else f", about {_spoken(self.seconds)}"
        return (
            f"{self.parameters:,} weights, {self.tokens:,} tokens: {_size(self.memory_bytes)} of memory, "
            f"{_size(self.disk_bytes)} of temporary files{took}"
        )


def plan_probe(
    parameters: int,
    data_tokens: Mapping[str, int],
    settings: ProbeSettings,
    *,
    perturbations: int,
    verify: bool,
    frozen: int = 0,
    flops: float | None = None,
) -> Plan:
    """Return what a probe will take.

    Args:
        parameters: weights that are trained.
        data_tokens: dataset -> its tokens, those of prompts too.
        settings: of the probe.
        perturbations: how many of the datasets are trained on.
        verify: whether real fine-tuning is asked for.
        frozen: weights that are not trained, of which there are two copies: those of a model with a LoRA.
        flops: multiplications and additions a second; measured here where None.

    Raises:
        InvalidParameter: no weights.

    Example:
        >>> short = ProbeSettings(linearised=False)
        >>> plan = plan_probe(10**8, {"a": 1000}, short, perturbations=1, verify=False, flops=1e11)
        >>> plan.tokens, plan.memory_bytes // 10**8, plan.disk_bytes // 10**8
        (1000, 28, 16)
    """
    if parameters < 1:
        raise InvalidParameter(f"a model has weights: not {parameters}")
    tokens = max(1, sum(data_tokens.values()))
    steps = perturbations * settings.examples[-1] * min(settings.length, 1 + tokens / max(1, len(data_tokens)))
    vector = _FLOAT * parameters
    state = 2 if settings.keeps_state else 0
    # Weights, gradients, the step, one vector that is added up, the optimiser's state, the linearised model's tangent.
    held = 4 + state + (2 if settings.linearised or verify else 0) + 1
    kept = len(data_tokens) * (2 if settings.keeps_state and settings.state == "fresh" else 1) + 2
    passes = _GRADIENT * tokens + _GRADIENT * steps
    stops = perturbations * len(settings.examples)
    if settings.linearised:
        passes += _LINEARISED_STEP * steps + stops * _EVALUATION * tokens
    if verify:
        passes += _REAL_STEP * steps + stops * tokens
    speed = measured_flops() if flops is None else flops
    memory = held * vector + 2 * _FLOAT * frozen
    return Plan(parameters, tokens, memory, kept * vector, 2 * (parameters + frozen) * passes / speed)


def model_of_settings(name: str, device: str | None = None, dtype: str | None = None) -> HuggingFaceModel:
    """Return a model by name without its weights: what it refuses, a run refuses too, and nothing is trained.

    Args:
        name: "tiny", "smollm2", "hf:NAME" or a folder.
        device: where it would be; checked alone.
        dtype: what it would be computed in; checked alone.

    Raises:
        UnknownName: no such model, or none whose settings are known without it.
        CompressLabError: as `compresslab.lm.checkpoints.load` does.
    """
    from compresslab.lm.checkpoints import load

    settings: dict[str, Any] = {"device": device, "dtype": dtype, "weights": False, "label": name}
    if name == "tiny":
        from compresslab.lm.tiny import make_tiny

        return make_tiny(device="cpu")
    if name == "smollm2":
        from compresslab.lm.smollm2 import TOKENS, smollm2_file

        return load(smollm2_file(), **{**settings, **TOKENS})
    given = name.removeprefix("hf:")
    path = expanded(given)
    if not (name.startswith("hf:") or isdir(path) or (isfile(path) and path.suffix.lower() == ".gguf")):
        raise UnknownName(
            f"the size of '{name}' is not known without loading it: give tiny, smollm2, hf:NAME or a folder"
        )
    return load(given, **settings)


def weights_of(model: HuggingFaceModel) -> int:
    """Return how many weights of a model are trained."""
    return Layout.of(model.module).total


def measured_flops() -> float:
    """Return how many operations a second matrix products take here."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    a = torch.ones(512, 512, device=device)
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        float((a @ a)[0, 0])
        best = max(best, 2 * 512**3 / (time.perf_counter() - start))
    return best / 3  # what a network reaches of it


def _size(count: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _spoken(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
