"""Memory and time of a probe, before a large model is touched: from its settings alone, without its weights."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import isdir, isfile
from pathlib import Path
from typing import Any

from compresslab._support.files import expanded
from compresslab.errors import CorruptFile, InvalidParameter, UnknownName
from compresslab.probe.settings import ProbeSettings

__all__ = ["Plan", "measured_flops", "plan_probe", "weights_of"]

_BYTES_PER_TOKEN = 4  # about, for English text under a large vocabulary; 1 for a model over bytes
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
            f"{self.parameters:,} weights, about {self.tokens:,} tokens: {_size(self.memory_bytes)} of memory, "
            f"{_size(self.disk_bytes)} of temporary files{took}"
        )


def plan_probe(
    parameters: int,
    data_bytes: Mapping[str, int],
    settings: ProbeSettings,
    *,
    perturbations: int,
    verify: bool,
    bytes_per_token: float = _BYTES_PER_TOKEN,
    flops: float | None = None,
) -> Plan:
    """Return what a probe will take.

    Args:
        parameters: weights that are trained.
        data_bytes: dataset -> its bytes.
        settings: of the probe.
        perturbations: how many of the datasets are trained on.
        verify: whether real fine-tuning is asked for.
        bytes_per_token: about.
        flops: multiplications and additions a second; measured here where None.

    Raises:
        InvalidParameter: no weights.

    Example:
        >>> short = ProbeSettings(linearised=False)
        >>> plan = plan_probe(10**8, {"a": 4000}, short, perturbations=1, verify=False, flops=1e11)
        >>> plan.tokens, plan.memory_bytes // 10**8, plan.disk_bytes // 10**8
        (1000, 28, 16)
    """
    if parameters < 1:
        raise InvalidParameter(f"a model has weights: not {parameters}")
    tokens = max(1, round(sum(data_bytes.values()) / bytes_per_token))
    steps = perturbations * settings.examples[-1] * min(settings.length, 1 + tokens / max(1, len(data_bytes)))
    vector = _FLOAT * parameters
    state = 2 if settings.keeps_state else 0
    # Weights, gradients, the step, one vector that is added up, the optimiser's state, the linearised model's tangent.
    held = 4 + state + (2 if settings.linearised or verify else 0) + 1
    kept = len(data_bytes) * (2 if settings.keeps_state and settings.state == "fresh" else 1) + 2
    passes = _GRADIENT * tokens + _GRADIENT * steps
    stops = perturbations * len(settings.examples)
    if settings.linearised:
        passes += _LINEARISED_STEP * steps + stops * _EVALUATION * tokens
    if verify:
        passes += _REAL_STEP * steps + stops * tokens
    speed = measured_flops() if flops is None else flops
    return Plan(parameters, tokens, held * vector, kept * vector, 2 * parameters * passes / speed)


def weights_of(name: str) -> int:
    """Return how many weights a model has, by its settings alone where it is a folder or a file; nothing is trained.

    Raises:
        UnknownName: no such model.
        CorruptFile: a folder without settings.
        MissingExtra: transformers is not installed.
    """
    from compresslab.lm.checkpoints import quiet_transformers

    if name == "tiny":
        return _tiny_weights()
    path, file = _place(name)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with quiet_transformers():
            config = AutoConfig.from_pretrained(path, local_files_only=True, **({"gguf_file": file} if file else {}))
            with torch.device("meta"):
                module: Any = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError, KeyError) as error:
        raise CorruptFile(f"the settings of '{name}' cannot be read ({str(error).splitlines()[0]})") from error
    return sum(int(p.numel()) for p in module.parameters())


def _tiny_weights() -> int:
    from compresslab.lm.tiny import make_tiny

    return sum(int(p.numel()) for p in make_tiny(device="cpu").module.parameters())


def _place(name: str) -> tuple[str, str | None]:
    """Return the folder and, where it is one file, the file of a model's settings."""
    if name == "smollm2":
        from compresslab.lm.smollm2 import smollm2_file

        name = str(smollm2_file())
    given = name.removeprefix("hf:")
    path: Path = expanded(given)
    if isfile(path) and path.suffix.lower() == ".gguf":
        return str(path.parent), path.name
    if isdir(path):
        return str(path), None
    if name.startswith("hf:"):
        return given, None
    raise UnknownName(f"the size of '{name}' is not known without loading it: give tiny, smollm2, hf:NAME or a folder")


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
