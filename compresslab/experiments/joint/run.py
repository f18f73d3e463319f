"""Does the elasticity theorem hold for a trained network? Measured without sampling noise.

Responses are words: the most frequent ones of the three embedded corpora, so that the leaves of the token tree are
whole words and a byte-level network gives each of them a probability exactly. For each *arm* (a network, its size, a
reading of "D_p, D_a, D_t", a ``k``) and each seed:

1. the trunk: a network is trained on the exact mixture at ``l = 0``, full-batch;
2. the branches: from the trunk, for every ``l`` of the grid (``l = 0`` too), the same number of steps with the same
   learning rates on the mixture at that ``l``; what training alone changes is common to all branches;
3. one row a branch: ``gamma_p, gamma_a, gamma_t`` over all leaves, the excess over the entropy, and the coded
   size of sampled streams of phrases under the range coder (the same phrases for every ``l``).

=============  =====================================================================================================
reading        what it is (theory, section 4)
=============  =====================================================================================================
``contained``  the theorem's: ``D_p`` = prose, names of characters and code in equal parts; ``D_a`` like one of them
               (names, if nothing else is said), ``D_t`` like another (code)
``separate``   three unrelated datasets with i.i.d. Pareto masses on the same words: both signs reversed
``same``       as contained, but the perturbation is more alignment data: both signs reversed
=============  =====================================================================================================

Source: Ji et al., arXiv 2406.06144, Thm 4.2; theory, section 4.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.checks import number_or_nan
from compresslab.data.corpora import corpus_texts
from compresslab.errors import InvalidParameter, UnknownName, did_you_mean
from compresslab.experiments.models.networks import Parameters, check_network
from compresslab.experiments.models.trie import Trie
from compresslab.experiments.pool import worker_device
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.theory.elasticity import Elasticity

__all__ = ["READINGS", "Arm", "JointSpec", "Unit", "joint_scenario", "joint_units", "joint_words"]

Values = NDArray[np.float64]

READINGS = ("contained", "separate", "same")
CORPORA = ("prose", "names", "code")


@dataclass(frozen=True)
class Arm:
    """Networks that differ in their seeds alone.

    Attributes:
        name: what it is called in rows and tables.
        network: "gru" or "transformer".
        size: its units.
        seeds: of the parameters and of the sampled streams.
        l: the grid of ``|D_t| / |D_a|``, increasing, from 0.
        reading: one of `READINGS`.
        k: ``|D_p| / |D_a|``.
        roles: the corpora as ``D_1``, ``D_2`` (like ``D_a``) and ``D_3`` (like ``D_t``).
        steps: of the trunk.
        branch_steps: of each branch.
        learning_rate: of the trunk, the highest.
        branch_learning_rate: of each branch, the highest.
    """

    name: str
    network: str
    size: int
    seeds: tuple[int, ...]
    l: tuple[float, ...]  # noqa: E741 - the paper's symbol
    reading: str = "contained"
    k: float = 10.0
    roles: tuple[str, str, str] = ("prose", "names", "code")
    steps: int = 1200
    branch_steps: int = 300
    learning_rate: float = 0.02
    branch_learning_rate: float = 0.002


@dataclass(frozen=True)
class JointSpec:
    """What is to be done; it fixes every number of the rows on one kind of machine.

    Attributes:
        words: the most frequent words taken of each corpus.
        max_bytes: longer words are left out.
        phrases: in each sampled stream.
        arms: what is trained.
        device: "cpu", or "cuda" for the GPUs there are.
    """

    words: int
    arms: tuple[Arm, ...]
    max_bytes: int = 8
    phrases: int = 200_000
    device: str = "cpu"

    def check(self) -> None:
        """Check everything that can be wrong, before anything is trained.

        Raises:
            InvalidParameter: a value outside its domain.
            UnknownName: no such network or reading.
        """
        for name, low in (("words", 2), ("max_bytes", 1), ("phrases", 1)):
            _check_whole(name, getattr(self, name), low)
        if self.device not in ("cpu", "cuda"):
            raise InvalidParameter(f"the device is 'cpu' or 'cuda', not {self.device!r}")
        if not self.arms or len({arm.name for arm in self.arms}) != len(self.arms):
            raise InvalidParameter("an experiment needs at least one arm, and every arm a name of its own")
        for arm in self.arms:
            _check_arm(arm)


@dataclass(frozen=True)
class Unit:
    """One network to train and its branches: what one process does at a time."""

    spec: JointSpec
    arm: Arm
    seed: int


def _check_whole(name: str, value: object, low: int) -> None:
    if not (number_or_nan(value) >= low and isinstance(value, int)):
        raise InvalidParameter(f"{name} is a whole number, {low} or more: not {value!r}")


def _check_arm(arm: Arm) -> None:
    check_network(arm.network, arm.size)
    if arm.reading not in READINGS:
        raise UnknownName(f"arm {arm.name}: unknown reading {arm.reading!r}: {did_you_mean(arm.reading, READINGS)}")
    if sorted(arm.roles) != sorted(CORPORA):
        raise InvalidParameter(f"arm {arm.name}: the roles are {', '.join(CORPORA)} in some order: not {arm.roles!r}")
    for name in ("steps", "branch_steps"):
        _check_whole(f"arm {arm.name}: {name}", getattr(arm, name), 1)
    for name in ("learning_rate", "branch_learning_rate"):
        if not 0 < number_or_nan(getattr(arm, name)) < 1:
            raise InvalidParameter(f"arm {arm.name}: {name} lies between 0 and 1: not {getattr(arm, name)!r}")
    if not 0 < number_or_nan(arm.k) < float("inf"):
        raise InvalidParameter(f"arm {arm.name}: k = |D_p| / |D_a| is a positive number, not {arm.k!r}")
    for seed in arm.seeds:
        _check_whole(f"arm {arm.name}: a seed", seed, 0)
    if not arm.seeds or len(set(arm.seeds)) != len(arm.seeds):
        raise InvalidParameter(f"arm {arm.name}: give at least one seed, each once: not {arm.seeds!r}")
    grid = [number_or_nan(x) for x in arm.l]
    if len(grid) < 3 or grid[0] != 0 or not all(a < b < float("inf") for a, b in pairwise(grid)):
        raise InvalidParameter(
            f"arm {arm.name}: l is a grid that starts at 0 and rises, 3 values or more: not {arm.l!r}"
        )


# ---- data ----


def joint_words(words: int, max_bytes: int = 8) -> tuple[list[bytes], Values]:
    """Return the most frequent words of each corpus, all together, and how each corpus distributes over them.

    Args:
        words: how many of each corpus.
        max_bytes: the longest.

    Returns:
        The M words, sorted, and float64 of shape ``(3, M)``: prose, names and code, in this order.
    """
    _check_whole("words", words, 2)
    _check_whole("max_bytes", max_bytes, 1)
    keys, parts = _frequent_words(words, max_bytes)
    return list(keys), parts.copy()


@lru_cache(maxsize=2)
def _frequent_words(words: int, max_bytes: int) -> tuple[tuple[bytes, ...], Values]:
    """Return what `joint_words` returns, kept: an experiment and its report ask for it half a dozen times."""
    top: list[dict[bytes, int]] = []
    for corpus in CORPORA:
        counts = Counter(word for word in corpus_texts(corpus, "word") if 0 < len(word) <= max_bytes)
        top.append(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:words]))
    keys = sorted(set().union(*top))
    table = np.array([[part.get(key, 0) for key in keys] for part in top], dtype=np.float64)
    return tuple(keys), table / table.sum(axis=1, keepdims=True)


def data_digest(words: Sequence[bytes], parts: Values) -> str:
    """Return the SHA-256 of words and their distributions: another Python's corpora may hold others."""
    return hashlib.sha256(b"\n".join(words) + parts.tobytes()).hexdigest()


def joint_scenario(parts: Values, reading: str, k: float, roles: Sequence[str] = CORPORA) -> Elasticity:
    """Return the scenario of a reading.

    Args:
        parts: shape ``(3, M)``: prose, names, code.
        reading: one of `READINGS`.
        k: ``|D_p| / |D_a|``.
        roles: which corpus is ``D_1``, which ``D_2`` (like ``D_a``), which ``D_3`` (like ``D_t``).

    Raises:
        UnknownName: no such reading.
    """
    if reading not in READINGS:
        raise UnknownName(f"unknown reading {reading!r}: {did_you_mean(reading, READINGS)}")
    if reading == "separate":
        masses = np.random.default_rng(0).pareto(2.0, size=parts.shape) + 1
        first, second, third = masses / masses.sum(axis=1, keepdims=True)
        return Elasticity(first, second, third, k)
    first, second, third = (parts[CORPORA.index(name)] for name in roles)
    contained = Elasticity.contained(first, second, third, k)
    if reading == "contained":
        return contained
    p, a, _ = contained.probabilities
    return Elasticity(p, a, a, k)


# ---- one unit ----


@lru_cache(maxsize=2)
def leaves(words: int, max_bytes: int) -> tuple[Trie, Values]:
    """Return the prefix tree of :func:`joint_words` and its distributions, kept for the next units."""
    keys, parts = joint_words(words, max_bytes)
    return Trie.build(keys), parts


def train_unit(unit: Unit, stages: Stages) -> list[Row]:
    """Train the trunk and its branches, a stage each; return one row a branch."""
    from compresslab.experiments.models.exact_training import copy_network, evaluate, fit, one_thread, plain_network
    from compresslab.experiments.models.networks import new_network, num_parameters, to_tensors

    arm, (words, parts) = unit.arm, leaves(unit.spec.words, unit.spec.max_bytes)
    scenario = joint_scenario(parts, arm.reading, arm.k, arm.roles)
    p = scenario.probabilities
    rng = np.random.default_rng(unit.seed)
    streams = [rng.choice(len(q), size=unit.spec.phrases, p=q / q.sum()) for q in p]
    device = worker_device(unit.spec.device)

    def train_trunk() -> Parameters:
        network = new_network(arm.network, arm.size, words, unit.seed, device)
        fit(network, trie, _mixture(p, arm.k, 0.0), steps=arm.steps, learning_rate=arm.learning_rate)
        return plain_network(network)

    def train_branch(l: float) -> Row:  # noqa: E741 - the paper's symbol
        branch, mixed = copy_network(trunk), _mixture(p, arm.k, l)
        fit(branch, trie, mixed, steps=arm.branch_steps, learning_rate=arm.branch_learning_rate)
        log_q = evaluate(branch, trie)
        gamma = -(p @ log_q)
        held = mixed > 0
        entropy = -float(mixed[held] @ np.log(mixed[held]))
        return {
            "arm": arm.name,
            "network": arm.network,
            "size": arm.size,
            "parameters": num_parameters(branch),
            "leaves": len(log_q),
            "reading": arm.reading,
            "k": arm.k,
            "seed": unit.seed,
            "l": l,
            **{f"gamma_{role}_nats": x for role, x in zip(ROLES, gamma.tolist(), strict=True)},
            **{f"coded_{role}_bits": coded_bits(x, log_q) for role, x in zip(ROLES, streams, strict=True)},
            "excess_nats": -float(mixed @ log_q) - entropy,
            "wasted": 1 - float(np.exp(log_q).sum()),
        }

    with one_thread():
        trie = to_tensors(words, device)
        trunk = {name: value.to(device) for name, value in stages.do("trunk", train_trunk).items()}
        return [stages.do(f"l = {l!r}", partial(train_branch, l)) for l in arm.l]  # noqa: E741


ROLES = ("pretrain", "align", "perturb")


def coded_bits(stream: NDArray[np.int64], log_q: Values) -> float:
    """Code a stream of leaves under a network's probabilities by the range coder; return its bits per phrase.

    What the network spends on strings that are not leaves stays spent: it is one more symbol, which never occurs.
    """
    from compresslab.coding.static_coder import encode_static

    q = np.exp(log_q)
    data = encode_static(stream, np.append(q, max(0.0, 1 - float(q.sum()))))
    return 8 * len(data) / len(stream)


def _mixture(p: Values, k: float, l: float) -> Values:  # noqa: E741 - the paper's symbol
    mixed: Values = np.array([k, 1.0, l]) @ p
    mixed /= mixed.sum()
    return mixed


# ---- all of them ----


def joint_units(spec: JointSpec, out: Path) -> dict[str, Unit]:
    """Return the units of a spec by name, in order; nothing but rows and stages is kept in ``out``."""
    return {f"{arm.name}/seed {seed}": Unit(spec, arm, seed) for arm in spec.arms for seed in arm.seeds}


def unit_cost(unit: Unit) -> float:
    """Return about how long a unit takes, in any measure."""
    arm = unit.arm
    steps = arm.steps + len(arm.l) * arm.branch_steps
    return float(steps) * (4000 + arm.size**2) * (4 if arm.network == "transformer" else 1)


def joint_record(spec: JointSpec) -> dict[str, Any]:
    """Return what ``spec.json`` holds: the spec, and a digest of the data that this Python makes from it."""
    keys, parts = joint_words(spec.words, spec.max_bytes)
    return {**asdict(spec), "leaves": len(keys), "data_sha256": data_digest(keys, parts)}


def scenarios(spec: JointSpec) -> Sequence[tuple[Arm, Elasticity]]:
    """Return each arm with the theory's scenario for it."""
    parts = joint_words(spec.words, spec.max_bytes)[1]
    return [(arm, joint_scenario(parts, arm.reading, arm.k, arm.roles)) for arm in spec.arms]
