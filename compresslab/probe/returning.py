"""Who comes back: whether data's code length falls while a perturbation is trained, by the logits of the model alone.

At a context that data ``o`` and perturbation ``t`` share, ``q`` the model's next-token distribution there, free logits
fall back exactly where ``<q,q> + <p_o,p_t> > <p_o,q> + <p_t,q>``; contexts are weighted by the share of responses of
each dataset that pass through them, ``m_o m_t``. All four are mean probabilities: of what the model draws, of how often
the two datasets agree, and of what the model gives to each. A real network shares its weights between contexts, which
this leaves out: the linearised model does not, and says whether it agrees.

Source: theory, sections 13.1 to 13.3.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.probe.texts import ProbeData
from compresslab.theory.estimates import interval
from compresslab.theory.logit_elasticity import return_bound_nats

__all__ = ["MeasuredCriterion", "measure_criteria"]

DEPTH = 8  # tokens of a response within which contexts are looked for
MOST = 512  # contexts, those that most pairs of responses share
LEAST = 4  # responses of each dataset that must pass through shared contexts

Context: TypeAlias = tuple[int, ...]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredCriterion:
    """Whether a dataset comes back while a perturbation is trained, by free logits at the contexts that both share.

    Attributes:
        contexts: how many are shared.
        weight: the sum of ``m_o m_t`` over them.
        bound_nats: the most that can come back at the first token, ``KL(u_S || q)``; None where it is not shared.
        own: the mean probability that the model gives to its own samples, ``<q, q>``; None where it is not defined.
        overlap: ``<p_o, p_t>``: how often the two datasets go on in the same way.
        to_data: what the model gives to the data.
        to_perturbation: what it gives to the perturbation.
        difference: ``own + overlap - to_data - to_perturbation``: above 0 the data comes back.
        low: lower end of its 95 % interval.
        high: upper end.
        returns: whether the difference is above 0; None where it is not defined.
    """

    contexts: int
    weight: float
    bound_nats: float | None
    own: float | None = None
    overlap: float | None = None
    to_data: float | None = None
    to_perturbation: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    returns: bool | None = None

    @property
    def certain(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass
class _Visits:
    """What one dataset does at each context: which tokens come next, by group of responses."""

    groups: int
    responses: int
    passing: dict[Context, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))  # group -> responses
    following: dict[Context, Counter[tuple[int, int]]] = field(default_factory=lambda: defaultdict(Counter))


def measure_criteria(model: HuggingFaceModel, sets: Sequence[ProbeData]) -> dict[str, dict[str, MeasuredCriterion]]:
    """Return the criterion of each dataset for each perturbation: dataset -> perturbation -> criterion."""
    sets = [data for data in sets if data.width == 1]  # a loss of pairs is not a code length, which comes back or not
    visits = [_visits(data) for data in sets]
    pairs = [(i, t) for t, trained in enumerate(sets) if trained.role == "perturb" for i in range(len(sets)) if i != t]
    shared = {pair: _shared(visits[pair[0]], visits[pair[1]], model.context) for pair in pairs}
    wanted = {context for contexts in shared.values() for context in contexts}
    tokens = {
        context: sorted({token for one in visits if context in one.following for _, token in one.following[context]})
        for context in wanted
    }
    rows = _model_rows(model, tokens)
    roots: dict[Context, Values] = {context: _root_row(model, context) for context in wanted if len(context) == 1}
    found: dict[str, dict[str, MeasuredCriterion]] = {}
    for i, t in pairs:
        criterion = _criterion(visits[i], visits[t], shared[i, t], rows, roots)
        found.setdefault(sets[i].name, {})[sets[t].name] = criterion
    return found


def _visits(data: ProbeData) -> _Visits:
    """Return what follows each context, which begins with the prefix."""
    found = _Visits(data.groups, data.responses)
    end = [data.stream.eos_id] if data.dialogues.ends else []
    texts, hidden = data.dialogues.data, data.dialogues.hidden
    for which in range(len(texts)):
        tokens = [data.stream.prefix_id, *texts[which].tolist(), *end]
        group, begin = int(data.group[which]), 1 + int(hidden[which])
        for at in range(begin, min(begin + DEPTH, len(tokens))):
            context = tuple(tokens[:at])
            found.passing[context][group] += 1
            found.following[context][group, tokens[at]] += 1
    return found


def _shared(data: _Visits, trained: _Visits, longest: int | None) -> list[Context]:
    """Return the contexts that both datasets pass through, those first that most pairs of responses share."""
    both = [c for c in data.passing if c in trained.passing and (longest is None or len(c) <= longest)]
    both.sort(key=lambda c: (-data.passing[c].total() * trained.passing[c].total(), c))
    return both[:MOST]


def _model_rows(
    model: HuggingFaceModel, tokens: dict[Context, list[int]]
) -> dict[Context, tuple[float, dict[int, float]]]:
    """Return, for each context, ``<q, q>`` and the probabilities of the tokens that follow it somewhere."""
    found: dict[Context, tuple[float, dict[int, float]]] = {}
    by_length: dict[int, list[Context]] = defaultdict(list)
    for context in tokens:
        by_length[len(context)].append(context)
    for length, contexts in by_length.items():
        size = max(1, model.batch_tokens // length)
        for start in range(0, len(contexts), size):
            chosen = contexts[start : start + size]
            q = np.exp(model.log_probs([list(c) for c in chosen])[:, -1].astype(np.float64))
            for context, row in zip(chosen, q, strict=True):
                found[context] = float(row @ row), {token: float(row[token]) for token in tokens[context]}
    return found


def _root_row(model: HuggingFaceModel, root: Context) -> Values:
    row = np.exp(model.log_probs([list(root)])[0, -1].astype(np.float64))
    rescaled: Values = row / row.sum()
    return rescaled


def _criterion(
    data: _Visits,
    trained: _Visits,
    contexts: Sequence[Context],
    rows: dict[Context, tuple[float, dict[int, float]]],
    roots: dict[Context, Values],
) -> MeasuredCriterion:
    shape = data.groups, trained.groups
    own, overlap, to_data, to_perturbation, weight = (np.zeros(shape) for _ in range(5))
    for context in contexts:
        squared, q = rows[context]
        mine, mine_q, mine_next = _counted(data, context, q)
        other, other_q, other_next = _counted(trained, context, q)
        pairs = np.outer(mine, other)
        weight += pairs
        own += squared * pairs
        to_data += np.outer(mine_q, other)
        to_perturbation += np.outer(mine, other_q)
        for token in mine_next.keys() & other_next.keys():
            overlap += np.outer(mine_next[token], other_next[token])
    bound = next((_bound(roots[c], trained, c) for c in contexts if c in roots), None)
    total = float(weight.sum())
    share = total / (data.responses * trained.responses)
    reach = min(_reach(one, contexts) for one in (data, trained))
    if reach < LEAST or min(shape) < 2:
        return MeasuredCriterion(len(contexts), share, bound)
    gap = own + overlap - to_data - to_perturbation
    difference = float(gap.sum()) / total
    variance = sum(_jackknife(gap.sum(axis=axis), weight.sum(axis=axis)) for axis in (0, 1))
    ends = interval(difference, math.sqrt(variance), min(shape))
    return MeasuredCriterion(
        len(contexts),
        share,
        bound,
        own=float(own.sum()) / total,
        overlap=float(overlap.sum()) / total,
        to_data=float(to_data.sum()) / total,
        to_perturbation=float(to_perturbation.sum()) / total,
        difference=difference,
        low=ends.low,
        high=ends.high,
        returns=difference > 0,
    )


def _counted(one: _Visits, context: Context, q: dict[int, float]) -> tuple[Values, Values, dict[int, Values]]:
    """Return, by group: responses that pass, the probabilities the model gives to what follows, and what follows."""
    passing, given = np.zeros(one.groups), np.zeros(one.groups)
    following: dict[int, Values] = {}
    for group, count in one.passing[context].items():
        passing[group] = count
    for (group, token), count in one.following[context].items():
        given[group] += count * q[token]
        following.setdefault(token, np.zeros(one.groups))[group] = count
    return passing, given, following


def _reach(one: _Visits, contexts: Sequence[Context]) -> int:
    """Return how many responses pass through some of the contexts, at the shallowest of each."""
    shared = set(contexts)
    firsts = [c for c in contexts if c[:-1] not in shared]
    return sum(one.passing[c].total() for c in firsts)


def _jackknife(gap: Values, weight: Values) -> float:
    """Return the variance of ``sum gap / sum weight`` over groups."""
    n, rest = len(gap), weight.sum() - weight
    if (rest <= 0).any():
        return math.inf
    without = (gap.sum() - gap) / rest
    return float((n - 1) / n * np.square(without - without.mean()).sum())


def _bound(q: Values, trained: _Visits, root: Context) -> float:
    """Return the least ``KL(u_S || q)`` over sets S of the perturbation's first tokens and the model's likeliest."""
    held = {token for _, token in trained.following[root]}
    rest = [int(token) for token in np.argsort(-q, kind="stable")[:4096] if int(token) not in held]
    logs = np.log(np.maximum(q, 1e-300))
    size = np.arange(len(held), len(held) + len(rest) + 1)
    sums = logs[sorted(held)].sum() + np.concatenate([[0.0], np.cumsum(logs[rest])])
    best = int(np.argmin(-sums / size - np.log(size)))
    return return_bound_nats(q, [*sorted(held), *rest[:best]])
