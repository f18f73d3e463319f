"""The answer of an audit in words: how elastic the model is, in two shares, and what stands beside them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from compresslab.audit.counting import Share
from compresslab.audit.result import MODELS, AuditResult, verdict_of
from compresslab.report.digits import measured, ranged, rounded, significant
from compresslab.theory.estimates import Estimate

__all__ = ["FIRST_TOKENS", "beside", "elastic", "first_tokens_share", "not_defined", "of_perturbation", "shallow"]

FIRST_TOKENS = 4  # of a response, whose share of the divergence says how shallow an alignment is

_OF = {"undone": "what alignment gained on its data", "returned": "what alignment cost pre-training"}
_DOES = {"undone": "is undone", "returned": "comes back"}


def elastic(result: AuditResult, perturbation: str | None = None) -> str:
    """Return how elastic a model is: the two shares, net of control, with their 95 % intervals."""
    name = perturbation or result.perturbations[0]
    parts = []
    for what in ("undone", "returned"):
        share = result.share(what, name)
        if share.net_of_control is None:
            parts.append(f"the share of {_OF[what]} that {_DOES[what]} is not defined ({not_defined(share)})")
        else:
            parts.append(f"{_percent(share.net_of_control)} of {_OF[what]} {_DOES[what]}")
    return f"After {result.settings.last:,} examples of '{name}', net of control, {parts[0]}, and {parts[1]}."


def not_defined(share: Share) -> str:
    """Return why a share is not defined."""
    changed = measured(share.of_nats)
    if share.of_nats.mean <= 0:
        none = "alignment gained nothing" if share.what == "undone" else "alignment cost nothing"
        return f"{none}: {changed} nats per token"
    return f"its denominator's interval holds 0: {changed} nats per token"


def of_perturbation(result: AuditResult, perturbation: str) -> Iterator[str]:
    """Yield what one perturbation does: the shares by every control and by the probe, the verdict, the divergence."""
    yield elastic(result, perturbation)
    for what in ("undone", "returned"):
        share = result.share(what, perturbation)
        yield _beside(result, share)
    undone = result.share("undone", perturbation).net_of_control
    yield _verdict(undone)
    yield _divergence(result, perturbation)


def _beside(result: AuditResult, share: Share) -> str:
    """Return a share as it is raw, net of the placebo, and by the probe."""
    said = [f"raw {ranged(share.raw, percent=True)}", f"net of control {ranged(share.net_of_control, percent=True)}"]
    if result.neutral_examples:
        said.append(f"net of the placebo {ranged(share.net_of_placebo, percent=True)}")
    found = result.prediction(share.what, share.perturbation, share.examples)
    if found.net_of_control is not None:
        reach = ", beyond the linear range" if found.within_linear_range is False else ""
        way = "" if result.settings.linearised else ", by first order alone"
        said.append(f"predicted net of control {significant(100 * found.net_of_control)}%{way}{reach}")
    return f"Of {_OF[share.what]} ({measured(share.of_nats)} nats per token) {_DOES[share.what]}: {'; '.join(said)}."


def _verdict(undone: Estimate | None) -> str:
    said = verdict_of(undone)
    line = f"That new data undoes alignment, net of control: {said}"
    if said == "undecided" and undone is not None and undone.low is not None and undone.mean:
        times = math.ceil((undone.half_width / undone.mean) ** 2)
        line += f" (about {max(2, times):,} times the texts and seeds would decide)"
    return f"{line}."


def _divergence(result: AuditResult, perturbation: str) -> str:
    last, parts = result.settings.last, []
    for arm, said in (("aligned", "the aligned model"), ("control", "the base"), ("placebo", "the placebo")):
        if arm in result.kl_to_base:
            before, after = (result.kl_to_base[arm][perturbation][seen].mean for seen in (0, last))
            parts.append(f"{said} from {significant(before)} to {significant(after)}")
    return f"Divergence from the base, nats per token of pre-training and alignment data: {'; '.join(parts)}."


def beside(result: AuditResult) -> Iterator[str]:
    """Yield what has to be known of the runs: the gate, the placebo, the first tokens, the mixtures."""
    tried = ", ".join(f"{rate:g}: {'diverged' if kl is None else significant(kl)}" for rate, kl in result.tried.items())
    level = f"{result.settings.level_nats:g}"
    yield (
        f"The learning rate is {result.learning_rate:g}, the first at which the control moves by less than {level} "
        f"nats per token ({tried})."
    )
    if result.neutral_examples:
        known = "the alignment's" if result.settings.alignment_sum else "that of the longest fine-tuning here"
        yield (
            f"The placebo was aligned to {result.neutral_examples:,} neutral examples, at a sum of learning rates that "
            f"is {known}; that moved it by {significant(result.placebo_kl_nats)} nats per token, alignment moved the "
            f"model by {significant(result.aligned_kl_nats)}."
        )
    else:
        yield "There is no placebo, which needs neutral data (--neutral): the base alone has more to lose."
    yield shallow(result)
    for side in MODELS:
        found = result.volumes[side]
        mixture = ", ".join(f"{name} {weight:.2f}" for name, weight in found.weights.items())
        yield (
            f"The {side} model begins responses as this mixture would: {mixture} (of the "
            f"{rounded(100 * found.covered, 0)}% of its beginnings that the data have)."
        )


def first_tokens_share(result: AuditResult) -> tuple[float, float]:
    """Return the share of the divergence on alignment data in the first tokens of responses, and that of tokens."""
    rows = [k for k in result.kl if k.direction == "aligned_to_base" and k.dataset in result.of_role("align")]
    sums = [(k.nats.mean * k.tokens, k.tokens, k.last <= FIRST_TOKENS) for k in rows]
    whole, tokens = sum(s for s, _, _ in sums), sum(n for _, n, _ in sums)
    early = sum(s for s, _, first in sums if first)
    return (early / whole if whole > 0 else 0.0), sum(n for _, n, first in sums if first) / tokens


def shallow(result: AuditResult) -> str:
    """Return how shallow the alignment is: what of the divergence lies in the first tokens of responses."""
    kl, tokens = first_tokens_share(result)
    return (
        f"The first {FIRST_TOKENS} tokens of responses of alignment data hold {rounded(100 * kl, 0)}% of the "
        f"divergence of the two models, and {rounded(100 * tokens, 0)}% of the tokens."
    )


def _percent(share: Estimate) -> str:
    return ranged(share, percent=True)
