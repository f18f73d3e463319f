"""The laws of a language model, to be run on any: `check_language_model`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.errors import BrokenLaw, CompressLabError, InvalidParameter, InvalidTokens
from compresslab.lm.protocol import Ids, LanguageModel, token_nats
from compresslab.lm.scoring import score, tokenize
from compresslab.lm.tree_model import TreeModel
from compresslab.lm.windows import Windows

__all__ = ["DEFAULT_TEXTS", "Law", "check_language_model"]

DEFAULT_TEXTS = ("To be, or not to be: that is the question.\n", "naïve café, 1 + 1 = 2;\tend", "a")
ROWS, COLUMNS = 3, 9


@dataclass(frozen=True)
class Law:
    """One law, and how far the model was from it.

    Attributes:
        name: the law, in words.
        error: the largest deviation seen; nats where the law is about scores, else the number of violations.
        tolerance: the largest that is allowed.
    """

    name: str
    error: float
    tolerance: float

    @property
    def kept(self) -> bool:
        """Whether the error is within the tolerance (an error that is NaN is not)."""
        return self.error <= self.tolerance


def check_language_model(
    model: LanguageModel,
    texts: Sequence[str | bytes] = DEFAULT_TEXTS,
    *,
    tolerance_nats: float = 1e-3,
    variants: Sequence[LanguageModel] = (),
    seed: int = 0,
) -> tuple[Law, ...]:
    """Run the laws of a language model, and return how well each was kept.

    1. rows are distributions: float32 or float64 of shape (B, T, V), no NaN, ``|ln sum p|`` within the tolerance;
    2. token by token equals one pass;
    3. token by token twice gives equal bits: what a decoder needs;
    4. what stands to the right changes nothing: the model is causal, padding harmless;
    5. a sequence scores the same alone, in a batch, and at any place in it; `token_nats` agrees with `log_probs`;
    6. texts come back from their tokens, unless the tokenizer is known not to (then the dataset says so);
    7. the fingerprint is the same when asked twice, and another for each of ``variants``;
    8. wrong calls are refused: ids outside the vocabulary, of a wrong shape, or beyond the context.

    For a `TreeModel` without smoothing also: every phrase has exactly its leaf's weight.

    Args:
        model: the model.
        texts: what to read with it; not used if it has no tokenizer.
        tolerance_nats: how far scores may differ between two ways to compute them; 1e-3 suits float32, 0.25 bfloat16.
        variants: models that differ from it in weights, dtype or settings.
        seed: of the random tokens.

    Raises:
        BrokenLaw: naming every law that was broken, by how much, and what is allowed.
    """
    sequences = _sequences(model, texts, np.random.default_rng(seed))
    laws: list[Law] = []
    for name, check, tolerance in _laws(model, sequences, texts, tolerance_nats, variants):
        try:
            laws.append(Law(name, float(check()), tolerance))
        except CompressLabError as error:
            raise BrokenLaw(f"'{model.name}' breaks the law '{name}': {error}") from error
    broken = [law for law in laws if not law.kept]
    if broken:
        each = "; ".join(f"{law.name} (off by {law.error:.3g}, allowed {law.tolerance:g})" for law in broken)
        raise BrokenLaw(f"'{model.name}' breaks {len(broken)} of {len(laws)} laws of a language model: {each}")
    return tuple(laws)


def _laws(
    model: LanguageModel,
    sequences: Ids,
    texts: Sequence[str | bytes],
    tolerance: float,
    variants: Sequence[LanguageModel],
) -> Iterator[tuple[str, Callable[[], float], float]]:
    yield "rows are distributions", lambda: _normalised(model, sequences), tolerance
    yield "token by token equals one pass", lambda: _stepwise(model, sequences), tolerance
    yield "token by token twice gives equal bits", lambda: _repeatable(model, sequences), 0.0
    yield "what stands to the right changes nothing", lambda: _causal(model, sequences), tolerance
    yield "batching and windows of any place change nothing", lambda: _batching(model, sequences, texts), tolerance
    yield "texts come back from their tokens", lambda: _texts(model, texts), 0.0
    yield "the fingerprint names the model", lambda: _fingerprint(model, variants), 0.0
    yield "wrong calls are refused", lambda: _refusals(model), 0.0
    if isinstance(model, TreeModel) and model.smoothing == 0 and model.tree.parse == "phrases":
        yield "phrases weigh what the tree's leaves weigh", lambda: _leaves(model), 1e-9


def _sequences(model: LanguageModel, texts: Sequence[str | bytes], rng: np.random.Generator) -> Ids:
    """Return a batch of sequences from the prefix: random tokens, and the start of the first text."""
    columns = min(COLUMNS, model.context or COLUMNS)
    ids = rng.integers(0, model.vocab_size, (ROWS, columns))
    ids[:, 0] = model.prefix_id
    if model.tokenizer is not None and texts:
        start = tokenize(model, texts[:1])[0][: columns - 1]
        ids[0, 1 : 1 + start.size] = start
    return ids


def _gap(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return the largest difference of two arrays of log-probabilities; equal infinities do not differ."""
    with np.errstate(invalid="ignore"):
        return float(np.where(a == b, 0.0, np.abs(a.astype(np.float64) - b)).max(initial=0.0))


def _normalised(model: LanguageModel, ids: Ids) -> float:
    rows = model.log_probs(ids)
    if rows.shape != (*ids.shape, model.vocab_size) or rows.dtype not in (np.float32, np.float64):
        raise InvalidParameter(
            f"log_probs gave {rows.dtype} of shape {rows.shape}, not float32 or float64 of shape "
            f"{(*ids.shape, model.vocab_size)}"
        )
    with np.errstate(divide="ignore"):
        return float(np.abs(np.log(np.exp(rows.astype(np.float64)).sum(axis=-1))).max())


def _stepwise(model: LanguageModel, ids: Ids) -> float:
    stepper = model.stepper(len(ids))
    return _gap(np.stack([stepper.step(column) for column in ids.T], axis=1), model.log_probs(ids))


def _repeatable(model: LanguageModel, ids: Ids) -> float:
    first, second = model.stepper(len(ids)), model.stepper(len(ids))
    return float(sum(not np.array_equal(first.step(column), second.step(column)) for column in ids.T))


def _causal(model: LanguageModel, ids: Ids) -> float:
    whole = model.log_probs(ids)
    keep = ids.shape[1] // 2
    changed = ids.copy()
    changed[:, keep:] = (changed[:, keep:] + 1) % model.vocab_size
    return max(
        _gap(model.log_probs(changed)[:, :keep], whole[:, :keep]), _gap(model.log_probs(ids[:, :keep]), whole[:, :keep])
    )


def _batching(model: LanguageModel, ids: Ids, texts: Sequence[str | bytes]) -> float:
    inputs, targets = ids[:, :-1], ids[:, 1:]
    together = token_nats(model, inputs, targets)
    rows = as_array(model.log_probs(inputs), dtype=np.float64)
    table = -np.take_along_axis(rows, targets[:, :, None], axis=2)[:, :, 0]
    gaps = [_gap(together, table), _gap(token_nats(model, inputs[::-1], targets[::-1])[::-1], together)]
    gaps += [_gap(token_nats(model, inputs[i : i + 1], targets[i : i + 1])[0], together[i]) for i in range(len(ids))]
    if model.tokenizer is not None and texts:
        data = tokenize(model, texts)
        windows = Windows(6, 4) if model.context is None or model.context >= 6 else Windows(model.context)
        gaps.append(_gap(score(model, data, windows, batch_tokens=1).nats, score(model, data, windows).nats))
    return max(gaps)


def _texts(model: LanguageModel, texts: Sequence[str | bytes]) -> float:
    if model.tokenizer is None or not texts:
        return 0.0
    lost = 0
    for text in texts:
        data = tokenize(model, [text])
        raw = text.encode() if isinstance(text, str) else text
        lost += (model.decode(model.encode(raw)) == raw) != data.exact
        lost += model.tokenizer.lossless and not data.exact
    return float(lost)


def _fingerprint(model: LanguageModel, variants: Sequence[LanguageModel]) -> float:
    own = model.fingerprint()
    known = [own, *(variant.fingerprint() for variant in variants)]
    return float((model.fingerprint() != own) + (not own) + len(known) - len(set(known)))


def _refusals(model: LanguageModel) -> float:
    wrong: list[tuple[object, type[CompressLabError]]] = [
        ([[model.vocab_size]], InvalidTokens),
        ([[-1]], InvalidTokens),
        ([0.5], InvalidParameter),
        ([0, 1], InvalidParameter),
    ]
    if model.context is not None:
        wrong.append((np.zeros((1, model.context + 1), np.int64), InvalidParameter))
    passed = sum(not 0 <= token < model.vocab_size for token in (model.eos_id, model.prefix_id))
    for ids, law in wrong:
        try:
            model.log_probs(ids)  # type: ignore[arg-type]
            passed += 1
        except law:
            pass
    return float(passed)


def _leaves(model: TreeModel) -> float:
    leaves = model.tree.leaves()
    worst = 0.0
    for key, p in list(leaves.as_dict().items())[:256]:
        symbols = [model.eos_id if token < 0 else token for token in key]
        symbols = symbols[: symbols.index(model.eos_id) + 1] if model.eos_id in symbols else symbols
        nats = model.token_nats([[model.prefix_id, *symbols[:-1]]], [symbols]).sum()
        worst = max(worst, abs(float(np.exp(-nats)) - p))
    return worst
