"""Token by token through a model of transformers: whatever a model carries from one token to the next.

Families call what they carry by different names (a KV cache, the states of a recurrence), and some count positions
themselves while others are told them. Which way a model is stepped is found out once, by trial: two batches that
advance in turn must be given the probabilities that one pass gives. Where no way does that, coding with the
model is refused before anything is coded: a decoder would follow, but every token would cost what it costs without
the text before it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.errors import InvalidParameter, is_out_of_memory
from compresslab.lm.evaluating import evaluating
from compresslab.lm.growing_cache import grow_in_place
from compresslab.lm.protocol import as_ids

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

__all__ = ["HuggingFaceStepper", "Way", "way_to_step"]

_CARRIED = ("cache", "past_key_values", "cache_params", "state")  # "cache" is every family's from 5.24 on, but RWKV's
_TRIED = 5  # tokens of a trial
_SAME, _NEAR = 1e-4, 0.02  # total variation: no other way need be tried; coding loses next to nothing
_OF_STATE = 0.25  # in half precision, rounding is measured by what the text before a token changes


@dataclass(frozen=True)
class Way:
    """How a model is stepped.

    Attributes:
        carried: the name, as argument and as result, of what is carried.
        positions: whether it is told the position of each token.
        apart: whether each sequence is a batch of its own: RWKV mixes those of a batch.
    """

    carried: str
    positions: bool = False
    apart: bool = False


class HuggingFaceStepper:
    """Sequences that advance together through a model's cache; see `compresslab.lm.protocol.Stepper`.

    Attributes:
        grows_in_place: whether a KV cache does (`compresslab.lm.growing_cache`); set before the first step.
    """

    def __init__(self, model: HuggingFaceModel, batch: int, way: Way) -> None:
        self._model, self._batch, self._way = model, batch, way
        self._carried: list[Any] = [None] * (batch if way.apart else 1)
        self._steps = 0
        self.grows_in_place = True

    def step(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Append one token to every sequence (B,) and return ``ln p(next)``, (B, V), float32."""
        import torch

        with torch.inference_mode():
            rows: NDArray[np.float32] = torch.log_softmax(self._logits(tokens), dim=-1).cpu().numpy()
        return rows

    def probabilities(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Append one token to every sequence (B,) and return ``p(next)``, (B, V), float32: a pass less than `step`."""
        import torch

        with torch.inference_mode():
            rows: NDArray[np.float32] = torch.softmax(self._logits(tokens), dim=-1).cpu().numpy()
        return rows

    def _logits(self, tokens: NDArray[np.int64]) -> Any:
        """Append one token to every sequence (B,); return its logits (B, V), float32, on the model's device."""
        import torch

        model = self._model
        column = as_ids(as_array(tokens)[:, None], model.vocab_size)
        if len(column) != self._batch:
            raise InvalidParameter(f"{self._batch} sequences advance together, not {len(column)}: one token each")
        if model.context is not None and self._steps >= model.context:
            raise InvalidParameter(
                f"the context of '{model.name}' holds {model.context} tokens, all of them taken: start a new stepper"
            )
        given = torch.from_numpy(column).to(model.device)
        parts = given.split(1) if self._way.apart else (given,)
        with evaluating(model.module):
            logits = torch.cat([self._advance(i, part) for i, part in enumerate(parts)])
        self._steps += 1
        return logits.float()

    def _advance(self, i: int, given: Any) -> Any:
        """Append tokens (b, 1) to a part of the sequences, and return their logits (b, V)."""
        import torch

        more = {"position_ids": torch.full_like(given, self._steps)} if self._way.positions else {}
        name = self._way.carried
        out = self._model.module(input_ids=given, use_cache=True, **{name: self._carried[i]}, **more)
        self._carried[i] = getattr(out, name, None)
        if self._carried[i] is None:
            raise _refused(self._model, "keeps no cache that can be given back to it")
        if self.grows_in_place and not self._steps:
            self._carried[i] = grow_in_place(self._carried[i])
        return out.logits[:, -1]


def way_to_step(model: HuggingFaceModel) -> Way:
    """Return the way in which a model is stepped, having tried it.

    Raises:
        InvalidParameter: it cannot be stepped: what it carries is nowhere to be had, or does not do.
    """
    length = min(_TRIED, model.context or _TRIED)
    ids = np.arange(4 * length, dtype=np.int64).reshape(4, length) * 7919 % model.vocab_size
    whole = np.exp(model.log_probs(ids).astype(np.float64))
    if not np.isfinite(whole).all():  # nothing can be compared: what is coded refuses such rows itself
        return next(_ways(model.module), Way(_CARRIED[0]))
    allowed = _allowed(model, ids, whole)
    found: list[tuple[float, Way]] = []
    for way in _ways(model.module):
        if way.apart and found and min(gap for gap, _ in found) <= allowed:
            break  # it is slow, and taken only where nothing else does
        try:
            gap = _distance(_in_turn(model, way, ids), whole)
        except (InvalidParameter, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            continue  # of this name there is nothing to carry, or the model cannot take it back
        found.append((gap, way))
        if gap <= _SAME:
            break
    if not found:
        raise _refused(model, "keeps no cache that can be given back to it")
    least, best = min(found, key=lambda one: one[0])
    if not least <= allowed:
        raise _refused(model, f"predicts otherwise token by token than in one pass (by {least:.2f} of the probability)")
    return best


def _ways(module: Any) -> Iterator[Way]:
    """Give the ways to try, with what `forward` takes; those that keep sequences apart are the last."""
    inner = getattr(module, "get_base_model", lambda: module)()  # what peft wraps around a model takes anything
    taken = inspect.signature(inner.forward).parameters
    names = [name for name in _CARRIED if name in taken]
    for carried in names:
        yield Way(carried)
        if "position_ids" in taken:
            yield Way(carried, positions=True)
    yield from (Way(carried, apart=True) for carried in names)


def _in_turn(model: HuggingFaceModel, way: Way, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probabilities of sequences, half of them with a stepper of its own, that advance in turn."""
    halves = np.split(ids, 2)
    steppers = [HuggingFaceStepper(model, len(half), way) for half in halves]
    rows = [
        np.concatenate([stepper.step(half[:, t]) for stepper, half in zip(steppers, halves, strict=True)])
        for t in range(ids.shape[1])
    ]
    return np.exp(np.stack(rows, axis=1).astype(np.float64))


def _allowed(model: HuggingFaceModel, ids: NDArray[np.int64], whole: NDArray[np.float64]) -> float:
    """Return how far apart the two may be: more in half precision, in which rounding shows."""
    import torch

    if model.module.dtype in (torch.float32, torch.float64) or ids.shape[1] < 2:
        return _NEAR
    alone = np.exp(model.log_probs(ids.reshape(-1, 1)).astype(np.float64)).reshape(whole.shape)
    return max(_NEAR, _OF_STATE * _distance(alone, whole))


def _distance(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """Return the largest total variation between rows; NaN where a row is not finite."""
    return float(np.abs(one - two).sum(-1).max()) / 2


def _refused(model: HuggingFaceModel, why: str) -> InvalidParameter:
    return InvalidParameter(
        f"'{model.name}' ({model.module.config.model_type}) {why}: it can score texts, but not code them token by "
        "token; use another model to compress"
    )
