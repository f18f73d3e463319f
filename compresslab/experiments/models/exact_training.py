"""Training on an exact distribution: full-batch weighted cross-entropy, so that a run has no sampling noise at all."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.threads import torch_threads
from compresslab.errors import InvalidParameter
from compresslab.experiments.models.networks import Parameters, TensorTrie, leaf_log_probs, require_torch
from compresslab.experiments.stages import Part
from compresslab.lm.steps import adam

__all__ = ["copy_network", "evaluate", "fit", "fit_samples", "one_thread", "plain_network"]

_WARM_UP = 50  # steps over which the learning rate rises
_DIVERGED = 1e6  # nats per phrase: what overflows may leave a huge number and not "nan", as chance has it


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: sums then have one order, and so one result, however many cores a machine has."""
    require_torch()
    with torch_threads(1):
        yield


def fit(
    network: Parameters,
    trie: TensorTrie,
    p: NDArray[np.float64],
    *,
    steps: int,
    learning_rate: float,
    decay: tuple[float, float] = (0.9, 0.99),
) -> None:
    """Minimise the cross-entropy from ``p`` to the network by Adam; the parameters are changed in place.

    The learning rate rises over the first steps and then falls to 0 along half a cosine: at the end there is next to no
    noise of the optimiser left.

    Args:
        network: the parameters.
        trie: the leaves.
        p: shape ``(M,)``, the probabilities to learn.
        steps: full-batch steps.
        learning_rate: the highest.
        decay: Adam's two rates of forgetting.

    Raises:
        InvalidParameter: the loss is no longer a sensible number: the learning rate is too high.
    """
    torch = require_torch()
    parameters = list(network.values())
    optimizer = adam(parameters, lr=learning_rate, betas=decay)
    target = torch.as_tensor(p, dtype=parameters[0].dtype, device=parameters[0].device)
    warm_up = min(_WARM_UP, max(1, steps // 10))
    loss = target.sum()
    for step in range(steps):
        rate = 0.5 * (1 + math.cos(math.pi * step / steps)) * min(1.0, (step + 1) / warm_up)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * rate
        optimizer.zero_grad(set_to_none=True)
        loss = -(target * leaf_log_probs(network, trie)).sum()
        loss.backward()
        optimizer.step()
    _check_loss(float(loss.detach()), learning_rate)


def fit_samples(
    network: Parameters,
    trie: TensorTrie,
    p: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    stops: Sequence[int],
    batch: int,
    learning_rate: float,
    at: Callable[[int], Any],
    stages: Part | None = None,
) -> list[Any]:
    """Train as models are trained: Adam at one learning rate, on a fresh batch of phrases from ``p`` at each step.

    The optimiser goes on across the stops, so that where one looks changes nothing of what is trained.

    Args:
        network: the parameters; changed in place.
        trie: the leaves.
        p: shape ``(M,)``, what the phrases are drawn from.
        rng: the source of randomness, of what ``at`` draws too.
        stops: numbers of batches after which ``at`` is called, rising; each phrase is seen once.
        batch: phrases in each.
        learning_rate: of all steps.
        at: called with each stop when it is reached; it may read the network, not change it.
        stages: where each stop is kept: a training that was killed goes on from its last one.

    Returns:
        What ``at`` returned, for each stop.

    Raises:
        InvalidParameter: the loss is no longer a sensible number: the learning rate is too high.
    """
    torch = require_torch()
    parameters = list(network.values())
    optimizer = adam(parameters, lr=learning_rate)
    like = {"dtype": parameters[0].dtype, "device": parameters[0].device}
    # All batches are drawn first: what is done at a stop may draw from the same source.
    drawn = rng.multinomial(batch, p / p.sum(), size=stops[-1])
    values, begun = [], 0
    kept = None if stages is None else stages.get("last")
    if kept is not None:
        values, begun = kept["values"], kept["step"]
        optimizer.load_state_dict(kept["adam"])
        rng.bit_generator.state = json.loads(kept["rng"])
        with torch.no_grad():
            for name, value in kept["network"].items():
                network[name].copy_(value)
    for step in range(begun + 1, len(drawn) + 1):
        optimizer.zero_grad(set_to_none=True)
        loss = -(torch.as_tensor(drawn[step - 1] / batch, **like) * leaf_log_probs(network, trie)).sum()
        loss.backward()
        optimizer.step()
        if step in stops:
            _check_loss(float(loss.detach()), learning_rate)
            values.append(at(step))
            if stages is not None:
                stages.put(
                    "last",
                    {
                        "values": values, "step": step, "adam": optimizer.state_dict(),
                        "network": plain_network(network), "rng": json.dumps(rng.bit_generator.state),
                    },
                )  # fmt: skip
    return values


def _check_loss(nats: float, learning_rate: float) -> None:
    if not nats <= _DIVERGED:  # nor where it is not a number
        raise InvalidParameter(
            f"training diverged: the loss is {nats:g} nats per phrase at learning rate {learning_rate:g}: lower it"
        )


def plain_network(network: Parameters) -> Parameters:
    """Return a network's numbers without their gradients, as a stage keeps them."""
    return {name: p.detach().clone() for name, p in network.items()}


def copy_network(network: Parameters) -> Parameters:
    """Return a network of the same numbers, to be trained on its own."""
    return {name: p.detach().clone().requires_grad_() for name, p in network.items()}


def evaluate(network: Parameters, trie: TensorTrie) -> NDArray[np.float64]:
    """Return the log-probabilities of all leaves, shape ``(M,)``, nats, computed in double precision."""
    torch = require_torch()
    with torch.no_grad():
        exact: dict[str, Any] = {name: p.detach().double() for name, p in network.items()}
        values: NDArray[np.float64] = leaf_log_probs(exact, trie).cpu().numpy()
    return values
