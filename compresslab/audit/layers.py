"""What mixture of the data a model behaves like, and how far into a dataset's token tree it has come.

Effective volumes (theory, section 7) are those of the first `PHRASE` symbols of a response: the components are what the
datasets begin with, the model's own distribution on these beginnings is exact. Where responses have prompts it is the
mean over some of them, each dataset's with the same weight. The effective depth (section 8) is of datasets without
prompts, whose tree is that of the responses measured: its deeper layers know them by heart, so that depths are to be
compared, not read alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compresslab.audit.standing import TokenScores
from compresslab.data.dataset import Dataset
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.scoring import score
from compresslab.probe.texts import ProbeData
from compresslab.theory.code_length import LN2
from compresslab.theory.effective_depth import effective_depth, layer_entropies_bits
from compresslab.theory.effective_volumes import effective_volumes
from compresslab.trees.tree import TokenTree

__all__ = ["LAYERS", "PHRASE", "TOLERANCE_BITS", "Depth", "Volumes", "measure_depth", "measure_volumes"]

PHRASE = 2  # symbols of a beginning
LAYERS = 8  # of a tree, at most
TOLERANCE_BITS = 1.0  # per response: what an effective depth may cost above the entropy

_LEAVES = 512  # beginnings that are asked for, those first that make up most of a dataset
_PROMPTS = 8  # of each dataset
_DRAWS = 50  # of responses, for standard errors

Phrase: TypeAlias = tuple[int, ...]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Volumes:
    """The mixture of the data that explains what a model begins responses with.

    Attributes:
        weights: dataset -> its weight in the mixture; they sum to 1.
        errors: dataset -> standard error, by drawing responses anew.
        covered: the model's mass on beginnings that the data have; the mixture is of that part.
        residual_nats: what no mixture of the datasets explains of it.
    """

    weights: dict[str, float]
    errors: dict[str, float]
    covered: float
    residual_nats: float


@dataclass(frozen=True)
class Depth:
    """How far into the token tree of a dataset a model has come.

    Attributes:
        dataset: which.
        layers: the effective depth at `TOLERANCE_BITS`.
        excess_bits: what the model spends on each layer above the data's own entropy, per response.
    """

    dataset: str
    layers: int
    excess_bits: tuple[float, ...]


def measure_volumes(model: HuggingFaceModel, sets: Sequence[ProbeData], seed: int = 0) -> Volumes:
    """Return the effective volumes of a model among some datasets.

    Args:
        model: the model.
        sets: the components.
        seed: of the prompts, and of the draws for standard errors.
    """
    rng = np.random.default_rng([seed, 3])
    counts = [Counter(_beginnings(data)) for data in sets]
    leaves = _heaviest(counts)
    table = np.array([[one[leaf] for leaf in leaves] for one in counts], dtype=np.float64)
    logs = _log_mass(model, sets, leaves, rng)
    covered = float(np.logaddexp.reduce(logs))
    q = np.exp(logs - covered)
    found = effective_volumes(_components(sets, table), q, bootstrap=0)
    draws = [
        _weights(sets, np.array([rng.multinomial(int(r.sum()), r / r.sum()) for r in table]), q) for _ in range(_DRAWS)
    ]
    spread = np.std(np.array(draws), axis=0, ddof=1)
    errors = dict(zip(found.names, spread.tolist(), strict=True))
    return Volumes(found.as_dict(), errors, math.exp(covered), found.residual_nats)


def measure_depth(scores: TokenScores, nats: Values, data: ProbeData) -> Depth | None:
    """Return the effective depth of one of two models; None where responses have prompts.

    Args:
        scores: of both models.
        nats: the model's code length of each token, `TokenScores.base` or `TokenScores.aligned`.
        data: the dataset.
    """
    if data.dialogues.hidden.any():
        return None
    depth = min(LAYERS, int(scores.position.max()))
    entropy = layer_entropies_bits(TokenTree.build(data.dialogues.data, depth, parse="prefix"))
    inside = scores.position <= depth
    spent = np.bincount(scores.position[inside] - 1, weights=nats[inside], minlength=depth) / LN2 / data.responses
    excess = spent - entropy
    return Depth(data.name, effective_depth(excess, TOLERANCE_BITS), tuple(excess.tolist()))


def _beginnings(data: ProbeData) -> list[Phrase]:
    """Return the first symbols of each response after its prompt, EOS among them; a response without any has none."""
    end = [data.stream.eos_id] if data.dialogues.ends else []
    texts = zip(data.dialogues.data, data.dialogues.hidden.tolist(), strict=True)
    every = (tuple([*tokens[hidden : hidden + PHRASE].tolist(), *end][:PHRASE]) for tokens, hidden in texts)
    return [one for one in every if one]


def _heaviest(counts: Sequence[Counter[Phrase]]) -> list[Phrase]:
    """Return the beginnings that make up the largest share of some dataset, in a fixed order."""
    share: dict[Phrase, float] = {}
    for one in counts:
        for leaf, count in one.items():
            share[leaf] = max(share.get(leaf, 0.0), count / one.total())
    return sorted(sorted(share, key=lambda leaf: (-share[leaf], leaf))[:_LEAVES])


def _log_mass(
    model: HuggingFaceModel, sets: Sequence[ProbeData], leaves: Sequence[Phrase], rng: np.random.Generator
) -> Values:
    """Return the log of the probability that the model gives to each beginning, the mean over prompts."""
    stream = sets[0].stream
    reader = model.with_tokens(stream.prefix_id, stream.eos_id)
    total = np.full(len(leaves), -np.inf)
    for data in sets:
        prompts = _prompts(data, rng)
        for prompt in prompts:
            asked = Dataset.from_token_lists([[*prompt, *leaf] for leaf in leaves], model.vocab_size)
            scores = score(reader, asked, eos=False, fingerprint="")
            nats = np.add.reduceat(
                np.where(_counted(scores.offsets, len(prompt)), scores.nats, 0.0), scores.offsets[:-1]
            )
            total = np.logaddexp(total, -nats - math.log(len(prompts) * len(sets)))
    return total


def _prompts(data: ProbeData, rng: np.random.Generator) -> list[Phrase]:
    texts = zip(data.dialogues.data, data.dialogues.hidden.tolist(), strict=True)
    every = sorted({tuple(tokens[:hidden].tolist()) for tokens, hidden in texts})
    return [every[i] for i in rng.permutation(len(every))[:_PROMPTS]]


def _counted(offsets: NDArray[np.int64], prompt: int) -> NDArray[np.bool_]:
    """Tell which tokens stand after the prompt."""
    sizes = np.diff(offsets)
    place = np.arange(int(offsets[-1])) - np.repeat(offsets[:-1], sizes)
    after: NDArray[np.bool_] = place >= prompt
    return after


def _components(sets: Sequence[ProbeData], table: NDArray[Any]) -> dict[str, Values]:
    return {data.name: row / row.sum() for data, row in zip(sets, table, strict=True)}


def _weights(sets: Sequence[ProbeData], table: NDArray[np.int64], q: Values) -> Values:
    """Return the weights on those beginnings that drawn responses have; equal ones where the model has none of them."""
    held = table.any(axis=0)
    left = q[held]
    if not left.sum() > 0:
        return np.full(len(sets), 1 / len(sets))
    return effective_volumes(_components(sets, table[:, held]), left / left.sum(), bootstrap=0).weights
