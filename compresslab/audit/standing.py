"""Two models side by side on the same responses: code lengths, and how far apart they are at each position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import Int64Array
from compresslab.lm.curriculum import IGNORE
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.memory import Parts, in_parts
from compresslab.lm.places import pieces, places_of, sent
from compresslab.probe.prediction import symbols_of
from compresslab.probe.texts import ProbeData
from compresslab.theory.code_length import LN2
from compresslab.theory.estimates import Estimate, interval, ratio_standard_error

__all__ = [
    "DIRECTIONS",
    "CodeLength",
    "KlAt",
    "TokenScores",
    "code_length",
    "kl_by_position",
    "position_label",
    "score_pair",
]

Tensor: TypeAlias = Any
Values = NDArray[np.float64]

DIRECTIONS = ("aligned_to_base", "base_to_aligned")
_APART = 8  # first positions of a response that stand alone; later ones are joined, each group twice the last one


@dataclass(frozen=True, eq=False)
class TokenScores:
    """What two models give each token of a dataset that counts. All arrays have the shape ``(tokens,)``.

    Attributes:
        response: which response it is of.
        position: its place there, from 1 on, EOS too.
        base: its code length under the base, nats.
        aligned: under the aligned model.
        kl: direction -> KL at its place, exact over the whole vocabulary, nats: ``KL(aligned || base)``, and the other.
    """

    response: Int64Array
    position: Int64Array
    base: Values
    aligned: Values
    kl: dict[str, Values]

    def per_response(self, values: Values, responses: int) -> Values:
        """Return the sums of a value over the tokens of each response, shape ``(responses,)``."""
        return np.bincount(self.response, weights=values, minlength=responses).astype(np.float64)


@dataclass(frozen=True)
class CodeLength:
    """A model's code length of a dataset, with its 95 % interval over responses.

    Attributes:
        nats: per token.
        bits_per_byte: of the responses; None where their bytes are not known.
    """

    nats: Estimate
    bits_per_byte: Estimate | None


@dataclass(frozen=True)
class KlAt:
    """The mean divergence over some positions of the responses of a dataset.

    Attributes:
        dataset: which.
        direction: one of `DIRECTIONS`.
        first: position in the response, from 1 on.
        last: likewise.
        nats: per token, with its 95 % interval over responses.
        tokens: how many there are.
        share: of the divergence of all positions.
    """

    dataset: str
    direction: str
    first: int
    last: int
    nats: Estimate
    tokens: int
    share: float


def score_pair(base: HuggingFaceModel, aligned: HuggingFaceModel, data: ProbeData) -> TokenScores:
    """Read a dataset with two models at once; every token that counts is predicted exactly once.

    Raises:
        OutOfMemory: a single sequence does not fit into the memory.
    """
    parts, found = Parts(), list[list[NDArray[Any]]]()
    for rows in data.everything(max(1, base.batch_tokens // 2)):
        work = partial(_compared, base, aligned, data, rows)
        found += in_parts(work, rows.size, parts, f"comparing '{aligned.name}' with its base")
    response, position, of_base, of_aligned, forward, backward = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    kl = dict(zip(DIRECTIONS, (np.maximum(forward, 0.0), np.maximum(backward, 0.0)), strict=True))
    return TokenScores(response, position, of_base, of_aligned, kl)


def _compared(
    base: HuggingFaceModel, aligned: HuggingFaceModel, data: ProbeData, batch: NDArray[np.intp], part: slice
) -> list[NDArray[Any]]:
    """Return response, position, both code lengths and both divergences of each token of some rows of a batch."""
    import torch

    rows, plan = batch[part], data.stream.plan
    ids, wanted = data.stream.padded(rows)
    counted = wanted != IGNORE
    row, place = np.nonzero(counted)
    response = plan.document[rows][row]
    position = plan.start[rows][row] + place - data.dialogues.hidden[response] + 1
    columns: list[Tensor] = []
    with torch.inference_mode():
        ours, theirs = (
            places_of(one.module, one.apart, sent(ids, one.device), sent(counted, one.device))
            for one in (aligned, base)
        )
        targets = sent(wanted[counted], ours.states.device)[:, None]
        for some in pieces(ours):
            p, q = (torch.log_softmax(one.logits(some).to(targets.device), dim=-1) for one in (ours, theirs))
            gap = p - q
            costs = (-one.gather(1, targets[some])[:, 0] for one in (q, p))
            columns.append(torch.stack([*costs, (p.exp() * gap).sum(1), -(q.exp() * gap).sum(1)]).double())
        every = torch.cat(columns, dim=1) if columns else torch.zeros(4, 0, dtype=torch.float64)
    return [response, position, *every.cpu().numpy()]


def code_length(nats: Values, data: ProbeData) -> CodeLength:
    """Return a dataset's code length from that of each response, nats, shape ``(responses,)``."""
    found = _ratio(nats, symbols_of(data))
    scale = None if data.num_bytes is None else data.symbols / LN2 / data.num_bytes
    return CodeLength(found, None if scale is None else _times(found, scale))


def kl_by_position(scores: TokenScores, data: ProbeData) -> tuple[KlAt, ...]:
    """Return the divergence of two models by position in the response, both ways; the first positions stand alone."""
    ones = np.ones(scores.position.size)
    found = []
    for direction, kl in scores.kl.items():
        whole = float(kl.sum())
        for first, last in _groups(int(scores.position.max())):
            inside = (scores.position >= first) & (scores.position <= last)
            sums, counts = (scores.per_response(v * inside, data.responses) for v in (kl, ones))
            held = counts > 0
            share = float(sums.sum()) / whole if whole > 0 else 0.0
            found.append(
                KlAt(data.name, direction, first, last, _ratio(sums[held], counts[held]), int(inside.sum()), share)
            )
    return tuple(found)


def position_label(first: int, last: int) -> str:
    """Write some positions: ``3``, or ``9-16``."""
    return str(first) if first == last else f"{first}-{last}"


def _groups(longest: int) -> Sequence[tuple[int, int]]:
    """Return the first positions one by one, then groups that double, up to the longest response."""
    found = [(i, i) for i in range(1, min(_APART, longest) + 1)]
    first, size = _APART + 1, _APART
    while first <= longest:
        found.append((first, min(longest, first + size - 1)))
        first, size = first + size, 2 * size
    return found


def _ratio(over: Values, under: Values) -> Estimate:
    error = ratio_standard_error(over, under)
    return interval(float(over.sum() / under.sum()), np.nan if error is None else error, over.size)


def _times(x: Estimate, scale: float) -> Estimate:
    low, high = (None if end is None else end * scale for end in (x.low, x.high))
    return Estimate(x.mean * scale, low, high, x.runs)
