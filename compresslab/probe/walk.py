"""An optimiser's steps from where a model is: one loop for the frozen, the linearised and the real training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter
from compresslab.lm.steps import adamw
from compresslab.probe.flat import Layout
from compresslab.probe.settings import BETAS, EPSILON, ProbeSettings
from compresslab.probe.texts import ProbeData

__all__ = ["Slope", "diverged", "walk"]

Tensor: TypeAlias = Any
Slope: TypeAlias = Callable[[Sequence[Any], NDArray[np.intp]], Sequence[Any]]

_LONG_RUN = 1e9  # steps that an AdamW has made which begins with a measured second moment: nothing is corrected


def diverged(data: ProbeData, settings: ProbeSettings) -> InvalidParameter:
    """Return the error to raise where training leaves what floats hold."""
    return InvalidParameter(f"training on '{data.name}' diverges at learning rate {settings.learning_rate:g}: lower it")


def walk(
    weights: list[Tensor],
    slope: Slope,
    data: ProbeData,
    settings: ProbeSettings,
    *,
    layout: Layout,
    second: NDArray[Any] | None,
    at: Callable[[int, Sequence[Tensor]], None],
) -> None:
    """Take an optimiser's steps, in place.

    Args:
        weights: what is moved, a tensor for each parameter.
        slope: gives the gradient of a batch's mean code length at weights.
        data: what is trained on; its examples in their order, again from the first one after the last.
        settings: of the probe.
        layout: of the weights.
        second: shape (P,): the second moment that AdamW begins with; None for a fresh one.
        at: called with each number of `ProbeSettings.examples` when so many were seen, and the weights.

    Raises:
        InvalidParameter: a gradient or a weight that is not finite: the learning rate is too high.
    """
    import torch

    optimizer: Any
    if settings.optimizer == "adamw":
        optimizer = adamw(weights, lr=settings.learning_rate, betas=BETAS, eps=EPSILON, weight_decay=0.0)
        if second is not None:
            for w, place in zip(weights, layout.slices(), strict=True):
                moment = torch.from_numpy(np.array(second[place])).to(w).view(w.shape)
                steps = torch.tensor(_LONG_RUN, device=w.device)
                optimizer.state[w] = {"step": steps, "exp_avg": torch.zeros_like(w), "exp_avg_sq": moment}
    else:
        optimizer = torch.optim.SGD(weights, lr=settings.learning_rate, foreach=False)
    finite: Any = torch.zeros((), dtype=torch.float64, device=weights[0].device)
    for number in range(settings.examples[-1] // settings.batch):
        slopes = slope(weights, data.step(number, settings.batch))
        for w, g in zip(weights, slopes, strict=True):
            w.grad = (torch.sign(g) if settings.optimizer == "sign" else g).to(w.dtype)
        # 0, until a gradient is not finite: then never again. To ask a GPU for it at each step is to wait for it.
        for w in weights:
            finite = finite + 0.0 * w.grad.double().square().sum().to(finite.device)
        try:
            optimizer.step()
        except RuntimeError as error:  # the rate itself is more than the weights' type holds
            if "overflow" not in str(error):
                raise
            raise diverged(data, settings) from error
        optimizer.zero_grad(set_to_none=True)
        seen = (number + 1) * settings.batch
        if seen in settings.examples:
            with torch.no_grad():
                if not all(bool(torch.isfinite(w).all()) for w in (finite, *weights)):
                    raise diverged(data, settings)
                at(seen, weights)
