"""What a loop of training steps takes so that a GPU is never waited for, nor waits: its optimizer, its batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from compresslab.lm.curriculum import Curriculum
from compresslab.lm.places import sent

__all__ = ["adam", "adamw", "batches_ahead"]


def adam(parameters: Sequence[Any], **settings: Any) -> Any:
    """Return torch's Adam, one kernel for all that a step does where the device of the weights has it.

    Its numbers are those of the plain one but for rounding.
    """
    import torch

    return torch.optim.Adam(parameters, **settings, **_fused(parameters))


def adamw(parameters: Sequence[Any], **settings: Any) -> Any:
    """Return torch's AdamW, likewise."""
    import torch

    return torch.optim.AdamW(parameters, **settings, **_fused(parameters))


def _fused(parameters: Sequence[Any]) -> dict[str, bool]:
    held = all(one.is_floating_point() and one.device.type in ("cpu", "cuda") for one in parameters)
    return {"fused": True} if held and parameters else {}


def batches_ahead(seen: Curriculum, size: int, steps: range, device: Any) -> Iterator[tuple[int, Any, Any]]:
    """Yield the number, the inputs and the targets of each step; on a GPU those of the next are on their way.

    Args:
        seen: the examples, in order.
        size: of a batch; the last one may be smaller.
        steps: which of them.
        device: where the model is.
    """

    def made(step: int) -> tuple[int, Any, Any]:
        rows = range(step * size, min(len(seen), (step + 1) * size))
        inputs, targets = (sent(array, device) for array in seen.padded(rows))
        return step, inputs, targets

    ahead: deque[tuple[int, Any, Any]] = deque()
    for step in steps:
        ahead.append(made(step))
        if device.type != "cuda" or len(ahead) > 1:
            yield ahead.popleft()
    yield from ahead
