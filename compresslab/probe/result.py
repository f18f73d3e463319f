"""The whole answer of a probe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter
from compresslab.probe.overlaps import MeasuredStationarity, NearestMixture, Overlaps
from compresslab.probe.prediction import Measured, Prediction
from compresslab.probe.returning import MeasuredCriterion
from compresslab.probe.settings import ProbeSettings
from compresslab.theory.estimates import Estimate, interval

__all__ = [
    "PRECISION",
    "Agreement",
    "DatasetFacts",
    "ModelFacts",
    "ProbeResult",
    "agreement_of",
    "check_precision",
    "student",
    "texts_needed",
]

PRECISION = 0.01  # nats per token: half an interval, for which the number of texts is said


@dataclass(frozen=True)
class ModelFacts:
    """Which model.

    Attributes:
        name: its name.
        fingerprint: of weights, settings and tokenizer.
        parameters: trained weights.
        parts: part of the network -> how many of them it has.
    """

    name: str
    fingerprint: str
    parameters: int
    parts: Mapping[str, int]


@dataclass(frozen=True)
class DatasetFacts:
    """What was measured of one dataset where the model is.

    Attributes:
        role: "pretrain", "align", "other" or "perturb".
        responses: how many.
        tokens: those that count, each response's EOS among them.
        bytes: of the responses; None where they came as bare tokens.
        code_length_nats: per token.
        code_length_standard_error_nats: over responses; None for a single one.
        code_length_bits_per_byte: None where bytes are not known.
        gradient_norm: of the mean gradient.
        gradient_noise: the length of the gradient's standard error, over groups of responses: a norm that is not well
            above it is noise; None for a single group.
        gained_nats: what alignment has gained per token, from the base to the model; None without a base.
        prefix_token: what each response starts from, as the tokenizer spells it.
        eos_token: what ends each.
        layout: a sentence on the chat template; empty where there is nothing to say.
        template_sha256: digest of the template that laid it out, and of what that was given; None where none did.
        own_prefixes: as of `compresslab.lm.prompts.Dialogues`.
        own_ends: likewise.
        control_tokens: likewise; they are read as characters.
        objective: "code length"; or "dpo": then ``responses`` and ``tokens`` are pairs, what is called a code length is
            the DPO loss of a pair, and ``gained_nats`` is how far it is below ``ln 2``, that of the base.
    """

    role: str
    responses: int
    tokens: int
    bytes: int | None
    code_length_nats: float
    code_length_standard_error_nats: float | None
    code_length_bits_per_byte: float | None
    gradient_norm: float
    gradient_noise: float | None
    gained_nats: float | None = None
    prefix_token: str = ""
    eos_token: str = ""
    layout: str = ""
    template_sha256: str | None = None
    own_prefixes: int = 0
    own_ends: int = 0
    control_tokens: int = 0
    objective: str = "code length"

    @property
    def read_control_tokens(self) -> bool:
        """Whether control tokens that texts spell were read as such."""
        return False


@dataclass(frozen=True)
class Agreement:
    """How a prediction agrees with what was measured, over the datasets of one perturbation at one number of examples.

    Attributes:
        perturbation: what was trained on.
        examples: how many.
        way: "first_order" or "linearised".
        correlation: of predicted and measured changes; None for fewer than three datasets.
        slope: of measured against predicted, through 0.
        r_squared: about zero: 1 - sum (measured - predicted)^2 / sum measured^2.
    """

    perturbation: str
    examples: int
    way: str
    correlation: float | None
    slope: float | None
    r_squared: float | None


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """What a probe found.

    Attributes:
        model: which model.
        settings: how the fine-tuning is done that is predicted.
        prefix: the token that each response starts from.
        eos: the token that it ends in.
        datasets: name -> facts, in the order of the overlaps.
        overlaps: ``g_i . P g_t`` and what belongs to it.
        predicted: a row for each perturbation, dataset and number of examples.
        stationarity: ``"align/pretrain"`` -> how far the model is from a stationary point of the two.
        mixture: datasets of pre-training and alignment -> their weights in the mixture that the model is nearest to a
            stationary point of, and how near; None where there are none.
        criteria: dataset -> perturbation -> who comes back.
        measured: real fine-tuning; empty where it was not asked for.
        sketch_error: of an inner product behind a standard error, as a share of the product of lengths; 0: exact.
        seconds: stage -> how long it took.
    """

    model: ModelFacts
    settings: ProbeSettings
    prefix: int
    eos: int
    datasets: Mapping[str, DatasetFacts]
    overlaps: Overlaps
    predicted: tuple[Prediction, ...]
    stationarity: Mapping[str, MeasuredStationarity]
    mixture: tuple[tuple[str, ...], NearestMixture] | None
    criteria: Mapping[str, Mapping[str, MeasuredCriterion]]
    measured: tuple[Measured, ...]
    sketch_error: float
    seconds: Mapping[str, float]

    @property
    def perturbations(self) -> tuple[str, ...]:
        """The names of what is trained on."""
        return self.of_role("perturb")

    def of_role(self, role: str) -> tuple[str, ...]:
        """Return the names of the datasets of a role."""
        return tuple(name for name, facts in self.datasets.items() if facts.role == role)

    def curve(self, perturbation: str, dataset: str) -> tuple[Prediction, ...]:
        """Return the predictions of one dataset under one perturbation, by rising numbers of examples."""
        return tuple(p for p in self.predicted if (p.perturbation, p.dataset) == (perturbation, dataset))

    def agreement(self) -> tuple[Agreement, ...]:
        """Return how the predictions agree with what was measured; empty where nothing was."""
        real = {(m.perturbation, m.dataset, m.examples): m.change_nats for m in self.measured}
        found = []
        ways = ("first_order", "linearised") if self.settings.linearised else ("first_order",)
        for perturbation in self.perturbations if real else ():
            for seen in self.settings.examples:
                rows = [p for p in self.predicted if (p.perturbation, p.examples) == (perturbation, seen)]
                y = np.array([real[perturbation, p.dataset, seen] for p in rows])
                for way in ways:
                    x = np.array([getattr(p, f"{way}_nats") for p in rows])
                    found.append(Agreement(perturbation, seen, way, *agreement_of(x, y)))
        return tuple(found)


def agreement_of(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float | None, float | None, float | None]:
    """Return correlation, slope through 0 and R^2 about zero of what was measured, y, against what was predicted, x."""
    varies = len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0
    squared = float(y @ y)
    return (
        float(np.corrcoef(x, y)[0, 1]) if varies else None,
        float(x @ y / (x @ x)) if x.any() else None,
        1 - float(np.square(y - x).sum()) / squared if squared else None,
    )


def check_precision(half_width: float) -> float:
    """Return half the width of an interval, nats per token; raise InvalidParameter unless it is above 0, and finite."""
    if not 0 < number_or_nan(half_width) < math.inf:
        raise InvalidParameter(f"a precision is half an interval, in nats per token, above 0: not {half_width!r}")
    return float(half_width)


def texts_needed(result: ProbeResult, half_width: float = PRECISION) -> dict[str, int | None]:
    """Return how many responses of each dataset an interval takes for every predicted change; None where unknown.

    Args:
        result: of a probe, whose standard errors are those of so many responses as it had.
        half_width: half the 95 % interval of a predicted change, nats per token.
    """
    check_precision(half_width)
    found: dict[str, int | None] = {}
    for name, facts in result.datasets.items():
        errors = [p.standard_error_nats for p in result.predicted if p.dataset == name]
        known = [e for e in errors if e is not None]
        found[name] = None
        if len(known) == len(errors) and known:
            found[name] = max(2, math.ceil(facts.responses * (1.96 * max(known) / half_width) ** 2))
    return found


def student(mean: float, error: float | None, runs: int) -> Estimate:
    """Return a mean with its 95 % interval over ``runs`` parts, from a standard error that may not be known."""
    return interval(mean, math.nan if error is None else error, runs)
