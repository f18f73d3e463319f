"""The DPO loss as an objective of the probe: pairs of a chosen and a rejected response, against a reference model.

Of a pair the loss is ``-ln sigmoid(beta m)``, ``m`` how much more a model prefers the chosen response than the
reference does: ``m = (ln p(chosen) - ln p_ref(chosen)) - (ln p(rejected) - ln p_ref(rejected))``. It depends on the
logits through two code lengths alone, so that its gradient is theirs with the weights ``beta sigmoid(-beta m)`` and
minus that.

Source: Rafailov et al., Direct Preference Optimization, arXiv 2305.18290, equation 7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compresslab.data.dataset import Dataset
from compresslab.errors import EmptyDataset, InvalidParameter
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.prompts import Dialogues
from compresslab.lm.scoring import check_tokens
from compresslab.probe.settings import ProbeSettings
from compresslab.probe.texts import (
    Given,
    ProbeData,
    dealt_groups,
    dialogues_of,
    every_window,
    longest_example,
)

__all__ = ["Preferences", "dpo_nats", "dpo_slopes", "prepare_pairs"]

Tensor = Any


@dataclass(frozen=True, eq=False)
class Preferences:
    """Pairs of responses: the i-th of ``chosen`` is preferred to the i-th of ``rejected``.

    Attributes:
        chosen: as the probe takes data.
        rejected: likewise, as many.
    """

    chosen: Given
    rejected: Given


def dpo_nats(nats: Tensor, reference: Tensor, beta: float) -> Tensor:
    """Return the DPO loss of each pair, nats.

    Args:
        nats: code lengths, chosen and rejected in turn, shape ``(2 pairs,)``.
        reference: those under the reference model, likewise.
        beta: how strictly the reference is kept to.
    """
    import torch

    gained = (reference - nats).view(-1, 2)
    return -torch.nn.functional.logsigmoid(beta * (gained[:, 0] - gained[:, 1]))


def dpo_slopes(nats: Tensor, reference: Tensor, beta: float) -> Tensor:
    """Return the derivative of the loss of each pair with respect to its two code lengths, shape ``(2 pairs,)``."""
    import torch

    gained = (reference - nats).view(-1, 2)
    weight = beta * torch.sigmoid(-beta * (gained[:, 0] - gained[:, 1]))
    return torch.stack([weight, -weight], 1).flatten()


def prepare_pairs(model: HuggingFaceModel, name: str, role: str, given: object, settings: ProbeSettings) -> ProbeData:
    """Put pairs into a model's tokens; those of equal responses, of which nothing is learned, are left out.

    Args:
        model: the model.
        name: for the data.
        role: likewise.
        given: `Preferences`, or a list of (prompt, chosen, rejected).
        settings: of the probe.

    Raises:
        EmptyDataset: no pairs, or none of different responses.
        InvalidParameter: something else than pairs, or a response of more than one example.
        MismatchedVocabulary: other tokens than the model's.
    """
    pairs = _preferences(name, given)
    one, two = (dialogues_of(model, name, side, settings) for side in (pairs.chosen, pairs.rejected))
    if len(one.data) != len(two.data):
        raise InvalidParameter(
            f"'{name}' has {len(one.data):,} chosen responses and {len(two.data):,} rejected ones: give a pair of each"
        )
    kept = [i for i in range(len(one.data)) if one.data[i].tolist() != two.data[i].tolist()]
    if not kept:
        raise EmptyDataset(f"'{name}' has no pair of different responses: there is nothing to prefer")
    lists = [side.data[i].tolist() for i in kept for side in (one, two)]
    laid: Dialogues = replace(
        one,
        data=Dataset.from_token_lists(lists, one.data.vocab_size, tokenizer=one.data.tokenizer, name=name),
        hidden=np.stack([one.hidden[kept], two.hidden[kept]], axis=1).flatten(),
        num_bytes=0,
        own_prefixes=one.own_prefixes + two.own_prefixes,
        own_ends=one.own_ends + two.own_ends,
        control_tokens=one.control_tokens + two.control_tokens,
    )
    check_tokens(model, laid.data)
    stream = every_window(model, name, laid, settings)
    if len(stream) != len(lists):
        raise InvalidParameter(
            f"'{name}' has responses of more than {longest_example(model, settings)} tokens with their prompts, and a "
            "pair is compared whole: raise the length, or leave them out"
        )
    stream = stream.taking(np.argsort(stream.plan.document, kind="stable")).hiding(laid.hidden)
    if len(stream) != len(lists):
        raise InvalidParameter(f"'{name}' has responses of which no token counts: leave them out")
    return ProbeData(name, role, laid, stream, dealt_groups(len(kept), settings), width=2, beta=settings.dpo_beta)


def _preferences(name: str, given: object) -> Preferences:
    if isinstance(given, Preferences):
        return given
    rows = list(given) if isinstance(given, list | tuple) else []
    if not rows or not all(isinstance(row, tuple) and len(row) == 3 for row in rows):
        raise InvalidParameter(
            f"'{name}' holds pairs of responses for the DPO loss: give a list of (prompt, chosen, rejected), or "
            f"Preferences(chosen, rejected): not {str(given)[:80]!r}"
        )
    return Preferences([(p, chosen) for p, chosen, _ in rows], [(p, rejected) for p, _, rejected in rows])
