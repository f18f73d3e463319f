"""The mean gradient of each dataset's code length, nats per token, and what differs between groups of its responses.

Every token counts once. Sums are kept in float32 (float64 for a model in float64), one vector for each dataset, in a
file where they do not fit; of each group of responses a sketch is kept (`compresslab.probe.sketch`), from which the
standard errors come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter
from compresslab.probe.flat import Layout, vectors
from compresslab.probe.products import Network, gradient
from compresslab.probe.settings import EPSILON, ProbeSettings
from compresslab.probe.sketch import Sketch
from compresslab.probe.texts import ProbeData

__all__ = ["Gradients", "measure_gradients"]

Values = NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Gradients:
    """What was measured of the gradients.

    Attributes:
        layout: of the weights.
        sketch: how groups are kept.
        means: shape (D, P): the mean gradients, nats per token.
        sketches: shape (D, S): of the means.
        left_out: for each dataset, shape (groups, S): the sketch of the mean gradient without a group of responses,
            less that of all.
        nats: for each dataset, the code length of each response.
        second: shape (P,): the second moment of an AdamW that has seen all datasets; None where it is not asked for.
        steps: shape (D, P): the mean first step of a fresh AdamW on each dataset; None likewise. Both are of whole
            batches: a step on fewer examples is noisier, and hence of another direction.
    """

    layout: Layout
    sketch: Sketch
    means: NDArray[Any]
    sketches: Values
    left_out: tuple[Values, ...]
    nats: tuple[Values, ...]
    second: NDArray[Any] | None
    steps: NDArray[Any] | None


def measure_gradients(
    network: Network,
    sets: Sequence[ProbeData],
    settings: ProbeSettings,
    folder: Path,
    progress: Progress | None = None,
) -> Gradients:
    """Measure the mean gradients of datasets, each in batches of the optimiser's size.

    Args:
        network: the model.
        sets: the datasets.
        settings: of the probe.
        folder: where vectors are kept that are too many for the memory.
        progress: called with (examples done, examples in all).

    Raises:
        InvalidParameter: a gradient that is not finite.
    """
    layout = network.layout
    sketch = Sketch(layout.total, seed=settings.seed)
    means = vectors(len(sets), layout, folder)
    mixed = settings.keeps_state and settings.state == "mixture"
    second = vectors(1, layout, folder)[0] if mixed else None
    steps = vectors(len(sets), layout, folder) if settings.keeps_state and not mixed else None
    part = vectors(1, layout, folder)[0]
    left_out: list[Values] = []
    nats: list[Values] = []
    done, total = 0, sum(len(data.stream) for data in sets)
    for i, data in enumerate(sets):
        costs = np.zeros(data.responses)
        counts = np.zeros(data.groups)
        parts = np.zeros((data.groups, sketch.length))
        whole = settings.batch * data.width
        share = 1 / -(-len(data.stream) // whole)

        def add_step(slopes: Sequence[Any], i: int = i, share: float = share) -> None:
            if second is not None:
                layout.add(second, [g.square() for g in slopes], share / len(sets))
            if steps is not None:
                layout.add(steps[i], [g / (g.abs() + EPSILON) for g in slopes], share)

        for group in range(data.groups):
            part[:] = 0
            for rows in data.batches(settings.batch, group):
                found, slopes, count = gradient(network, network.weights, data, rows)
                costs += np.bincount(data.of(rows), weights=found, minlength=costs.size)
                layout.add(part, slopes, count)
                counts[group] += count
                if rows.size == whole:
                    add_step(slopes)
                done += rows.size
                if progress is not None:
                    progress(done, total)
            parts[group] = sketch.of(part)
            means[i] += part
        if settings.keeps_state:
            for rows in data.left_over(settings.batch):
                add_step(gradient(network, network.weights, data, rows)[1])
        means[i] /= counts.sum()
        if not np.isfinite(costs).all() or not np.isfinite(parts).all():
            raise InvalidParameter(
                f"the gradient of '{data.name}' is not finite: look for an overflow in the model (try float32)"
            )
        every = parts.sum(axis=0) / counts.sum()
        rest = (counts.sum() - counts)[:, None]
        left_out.append(
            (parts.sum(axis=0) - parts) / np.where(rest > 0, rest, 1) - every if data.groups > 1 else np.zeros((0, 0))
        )
        nats.append(costs)
    sketches = np.stack([sketch.of(row) for row in means])
    return Gradients(layout, sketch, means, sketches, tuple(left_out), tuple(nats), second, steps)
