"""What a perturbation does to each dataset: predicted by the frozen gradient and by the linearised model, and measured.

All three take the same steps of the same optimiser on the same batches. They differ in where the gradient is taken: at
``theta_0`` (first order), under the linearised model, or where the training is (measured). The predictions are made
first, and see nothing of what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compresslab.probe.flat import Layout, vectors
from compresslab.probe.gradients import Gradients
from compresslab.probe.overlaps import change_error
from compresslab.probe.products import Evaluation, Network, code_lengths_nats, gradient, linearised_gradient, moved
from compresslab.probe.settings import ProbeSettings
from compresslab.probe.texts import ProbeData
from compresslab.probe.walk import Slope, Tensor, diverged, walk
from compresslab.theory.code_length import LN2
from compresslab.theory.estimates import ratio_standard_error

__all__ = ["RANGE", "Measured", "Prediction", "measure", "per_byte", "predict", "symbols_of"]

RANGE = 0.2  # what the linearised model leaves out, as a share of the change, up to which it counts as in range

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Prediction:
    """The predicted change of one dataset's code length, nats per token; None where the linearised model was not asked.

    Attributes:
        perturbation: what is trained on.
        dataset: whose code length changes.
        examples: how many were trained on.
        first_order_nats: by the gradient where training begins: ``g . delta``, ``delta`` the steps of the optimiser on
            gradients that are frozen there.
        first_order_standard_error_nats: over the dataset's responses; None for a single group of them.
        first_order_bits_per_byte: the same change, per byte of the responses; None where bytes are not known.
        linearised_nats: by the linearised model.
        linearised_standard_error_nats: over the dataset's responses.
        linearised_bits_per_byte: likewise.
        certain_low_nats: the tangent of the linearised step; the linearised change is at least that.
        certain_high_nats: the tangent and the most that a softmax can add (theory, section 13.4).
        leading_error_nats: ``delta^T (H - G) delta / 2``: what the linearised model leaves out, to leading order.
        at_step_nats: the change under the model itself at the linearised step, which real training need not take.
        within_linear_range: whether both of these leave the linearised change to within a fifth.
    """

    perturbation: str
    dataset: str
    examples: int
    first_order_nats: float
    first_order_standard_error_nats: float | None
    first_order_bits_per_byte: float | None
    linearised_nats: float | None = None
    linearised_standard_error_nats: float | None = None
    linearised_bits_per_byte: float | None = None
    certain_low_nats: float | None = None
    certain_high_nats: float | None = None
    leading_error_nats: float | None = None
    at_step_nats: float | None = None
    within_linear_range: bool | None = None

    @property
    def nats(self) -> float:
        """The linearised change where there is one, else that to first order."""
        return self.first_order_nats if self.linearised_nats is None else self.linearised_nats

    @property
    def standard_error_nats(self) -> float | None:
        """Of `nats`."""
        if self.linearised_nats is None:
            return self.first_order_standard_error_nats
        return self.linearised_standard_error_nats

    @property
    def certain_sign(self) -> int:
        """1 or -1 where the sign of the linearised change is certain, else 0."""
        if self.certain_low_nats is None or self.certain_high_nats is None:
            return 0
        return 1 if self.certain_low_nats > 0 else -1 if self.certain_high_nats < 0 else 0


@dataclass(frozen=True)
class Measured:
    """The change of one dataset's code length in real fine-tuning.

    Attributes:
        perturbation: what was trained on.
        dataset: whose code length changed.
        examples: how many were trained on.
        change_nats: nats per token.
        change_bits_per_byte: bits per byte; None where bytes are not known.
        standard_error_nats: over the dataset's responses, before and after paired; None for a single one.
    """

    perturbation: str
    dataset: str
    examples: int
    change_nats: float
    change_bits_per_byte: float | None
    standard_error_nats: float | None


def predict(
    network: Network,
    sets: Sequence[ProbeData],
    found: Gradients,
    settings: ProbeSettings,
    folder: Path,
    progress: Progress | None = None,
) -> tuple[Prediction, ...]:
    """Predict what each perturbation does to each dataset.

    Args:
        network: the model; it is not changed.
        sets: the datasets; those of the role "perturb" are trained on.
        found: their gradients.
        settings: of the probe.
        folder: where vectors are kept that are too many for the memory.
        progress: called with (trainings done, trainings in all).

    Raises:
        InvalidParameter: a change that no float holds: the learning rate is too high.
    """
    perturbations = [data for data in sets if data.role == "perturb"]
    ways = 2 if settings.linearised else 1
    out: list[Prediction] = []
    step = vectors(1, network.layout, folder)[0]

    def tell(done: int) -> None:
        if progress is not None:
            progress(done, ways * len(perturbations))

    for place, trained in enumerate(perturbations):
        frozen: dict[int, tuple[list[float], list[float]]] = {}

        def slope(_: Sequence[Tensor], rows: NDArray[np.intp], trained: ProbeData = trained) -> Sequence[Tensor]:
            return gradient(network, network.weights, trained, rows)[1]

        def to_first_order(
            seen: int, delta: Sequence[Tensor], frozen: dict[int, tuple[list[float], list[float]]] = frozen
        ) -> None:
            step[:] = 0
            network.layout.add(step, delta)
            frozen[seen] = [_product(row, step, network.layout) for row in found.means], change_error(found, step)

        _walk(network, slope, trained, settings, found, to_first_order)
        tell(ways * place + 1)
        linear: dict[int, list[Evaluation]] = {}
        if settings.linearised:

            def linear_slope(
                delta: Sequence[Tensor], rows: NDArray[np.intp], trained: ProbeData = trained
            ) -> Sequence[Tensor]:
                return linearised_gradient(network, delta, trained, rows)

            def evaluate(seen: int, delta: Sequence[Tensor], linear: dict[int, list[Evaluation]] = linear) -> None:
                linear[seen] = [moved(network, delta, data) for data in sets]

            _walk(network, linear_slope, trained, settings, found, evaluate)
            tell(ways * (place + 1))
        for i, data in enumerate(sets):
            for seen in settings.examples:
                change, error = (values[i] for values in frozen[seen])
                evaluated = linear[seen][i] if settings.linearised else None
                out.append(_prediction(trained.name, data, seen, change, error, evaluated))
    return tuple(out)


def measure(
    network: Network,
    sets: Sequence[ProbeData],
    found: Gradients,
    settings: ProbeSettings,
    progress: Progress | None = None,
) -> tuple[Measured, ...]:
    """Fine-tune on each perturbation for real, on copies of the weights, and measure what changes; as for `predict`."""
    perturbations = [data for data in sets if data.role == "perturb"]
    before = [code_lengths_nats(network, network.weights, data) for data in sets]
    out: list[Measured] = []
    for done, trained in enumerate(perturbations, start=1):
        after: dict[int, list[NDArray[np.float64]]] = {}

        def slope(weights: Sequence[Tensor], rows: NDArray[np.intp], trained: ProbeData = trained) -> Sequence[Tensor]:
            return gradient(network, weights, trained, rows)[1]

        def score(
            seen: int,
            weights: Sequence[Tensor],
            after: dict[int, list[NDArray[np.float64]]] = after,
            trained: ProbeData = trained,
        ) -> None:
            after[seen] = [code_lengths_nats(network, weights, data) for data in sets]
            if not all(np.isfinite(nats).all() for nats in after[seen]):
                raise diverged(trained, settings)

        _walk(network, slope, trained, settings, found, score, start=network.weights)
        for i, data in enumerate(sets):
            for seen in settings.examples:
                change = after[seen][i] - before[i]
                nats = float(change.sum() / data.symbols)
                error = ratio_standard_error(change, symbols_of(data))
                out.append(Measured(trained.name, data.name, seen, nats, per_byte(nats, data), error))
        if progress is not None:
            progress(done, len(perturbations))
    return tuple(out)


def _walk(
    network: Network,
    slope: Slope,
    trained: ProbeData,
    settings: ProbeSettings,
    found: Gradients,
    at: Callable[[int, Sequence[Tensor]], None],
    start: Sequence[Tensor] | None = None,
) -> None:
    """Walk from a copy of weights; from 0 where there are none: what is moved is then ``delta``."""
    import torch

    dtype = torch.float64 if network.layout.dtype == np.float64 else torch.float32
    if start is None:
        weights = [torch.zeros(w.shape, dtype=dtype, device=w.device) for w in network.weights]
    else:
        weights = [w.detach().to(dtype, copy=True) for w in start]
    walk(weights, slope, trained, settings, layout=network.layout, second=found.second, at=at)


def _prediction(
    perturbation: str, data: ProbeData, seen: int, change: float, error: float, evaluated: Evaluation | None
) -> Prediction:
    spread = None if math.isnan(error) else error
    if evaluated is None:
        return Prediction(perturbation, data.name, seen, change, spread, per_byte(change, data))
    nats, low, slack, actual = (
        float(values.sum()) / data.symbols
        for values in (evaluated.linearised, evaluated.first, evaluated.slack, evaluated.actual)
    )
    leading = evaluated.curvature / data.symbols
    return Prediction(
        perturbation,
        data.name,
        seen,
        change,
        spread,
        per_byte(change, data),
        linearised_nats=nats,
        linearised_standard_error_nats=ratio_standard_error(evaluated.linearised, symbols_of(data)),
        linearised_bits_per_byte=per_byte(nats, data),
        certain_low_nats=None if math.isnan(slack) else low,
        certain_high_nats=None if math.isnan(slack) else low + slack,
        leading_error_nats=leading,
        at_step_nats=actual,
        within_linear_range=max(abs(leading), abs(actual - nats)) <= RANGE * abs(nats),
    )


def symbols_of(data: ProbeData) -> NDArray[np.float64]:
    """Return how many tokens of each response count; 1 for each pair."""
    plan = data.stream.plan
    if data.width > 1:
        return np.ones(data.responses)
    return np.bincount(plan.document, weights=plan.new, minlength=data.responses).astype(np.float64)


def per_byte(nats: float, data: ProbeData) -> float | None:
    """Return nats per token as bits per byte of the responses; None where their bytes are not known."""
    return None if data.num_bytes is None else nats * data.symbols / LN2 / data.num_bytes


def _product(a: NDArray[np.floating], b: NDArray[np.floating], layout: Layout) -> float:
    """Return an inner product, added up in double precision."""
    return float(sum(a[at].astype(np.float64) @ b[at].astype(np.float64) for _, at in layout.pieces()))
