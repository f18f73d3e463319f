"""The whole answer of an audit: one pair of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compresslab.audit.counting import Change, Share
from compresslab.audit.layers import Depth, Volumes
from compresslab.audit.predicting import PredictedShare
from compresslab.audit.settings import AuditSettings
from compresslab.audit.standing import CodeLength, KlAt
from compresslab.theory.estimates import Estimate
from compresslab.theory.verdicts import verdict

__all__ = ["MARGIN", "MODELS", "AuditResult", "DataFacts", "PairModel", "verdict_of"]

MODELS = ("base", "aligned")
MARGIN = 0.05  # a share that is certainly smaller than that counts as nothing


@dataclass(frozen=True)
class PairModel:
    """One model of a pair.

    Attributes:
        name: its name.
        fingerprint: SHA-256 of weights and settings; the same on every machine.
        parameters: weights.
    """

    name: str
    fingerprint: str
    parameters: int


@dataclass(frozen=True)
class DataFacts:
    """One dataset.

    Attributes:
        role: "pretrain", "align", "perturb" or "neutral".
        responses: how many are used.
        tokens: those of them that count, EOS too.
        bytes: of the responses; None where unknown.
        prompts: whether some stand after a prompt.
    """

    role: str
    responses: int
    tokens: int
    bytes: int | None
    prompts: bool


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What an audit found of a pair.

    Attributes:
        base: the model before its alignment.
        aligned: the model that it became.
        settings: what was asked.
        data: name -> facts.
        code_lengths: "base" or "aligned" -> dataset -> code length.
        kl: by dataset, direction and position.
        volumes: "base" or "aligned" -> effective volumes.
        depths: "base" or "aligned" -> effective depths of datasets without prompts.
        learning_rate: of all arms: the one that passed the gate.
        tried: rate -> the control's divergence, nats per token; None where it diverged.
        neutral_examples: that the placebo was aligned with; 0 without it.
        placebo_kl_nats: its divergence from the base then, nats per token: was it moved as far as the aligned model?
        aligned_kl_nats: the aligned model's divergence from the base, on the same data.
        kl_to_base: arm -> perturbation -> examples -> divergence from the base, nats per token, over seeds.
        changes: what each perturbation does to each dataset.
        shares: what is undone, and what comes back.
        predicted: the same shares by the probe.
        probe: the probe of the aligned model, as its JSON has it.
    """

    base: PairModel
    aligned: PairModel
    settings: AuditSettings
    data: Mapping[str, DataFacts]
    code_lengths: Mapping[str, Mapping[str, CodeLength]]
    kl: tuple[KlAt, ...]
    volumes: Mapping[str, Volumes]
    depths: Mapping[str, tuple[Depth, ...]]
    learning_rate: float
    tried: Mapping[float, float | None]
    neutral_examples: int
    placebo_kl_nats: float | None
    aligned_kl_nats: float
    kl_to_base: Mapping[str, Mapping[str, Mapping[int, Estimate]]]
    changes: tuple[Change, ...]
    shares: tuple[Share, ...]
    predicted: tuple[PredictedShare, ...]
    probe: Mapping[str, Any]

    @property
    def perturbations(self) -> tuple[str, ...]:
        """What was trained on."""
        return self.of_role("perturb")

    def of_role(self, role: str) -> tuple[str, ...]:
        """Return the names of the datasets of a role."""
        return tuple(name for name, facts in self.data.items() if facts.role == role)

    def share(self, what: str, perturbation: str | None = None, examples: int | None = None) -> Share:
        """Return a share, of the first perturbation after the last number of examples where nothing is said."""
        wanted = (what, perturbation or self.perturbations[0], examples or self.settings.last)
        return next(one for one in self.shares if (one.what, one.perturbation, one.examples) == wanted)

    def prediction(self, what: str, perturbation: str | None = None, examples: int | None = None) -> PredictedShare:
        """Return the same share by the probe."""
        wanted = (what, perturbation or self.perturbations[0], examples or self.settings.last)
        return next(one for one in self.predicted if (one.what, one.perturbation, one.examples) == wanted)

    def curve(self, perturbation: str, dataset: str) -> tuple[Change, ...]:
        """Return the changes of one dataset under one perturbation, by rising numbers of examples."""
        return tuple(one for one in self.changes if (one.perturbation, one.dataset) == (perturbation, dataset))


def verdict_of(share: Estimate | None) -> str:
    """Return what a share says: "seen", "the opposite seen", "equivalent to nothing", "undecided" or "not defined".

    Example:
        >>> verdict_of(Estimate(0.4, 0.2, 0.6, 9)), verdict_of(Estimate(0.01, -0.01, 0.03, 9)), verdict_of(None)
        ('seen', 'equivalent to nothing', 'not defined')
    """
    return "not defined" if share is None else verdict(share, margin=MARGIN).kind
