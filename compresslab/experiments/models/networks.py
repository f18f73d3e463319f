"""Byte-level networks that give the probability of every word of a prefix tree at once.

Each is a dictionary of parameters and a function of it: :func:`new_network` draws the parameters,
:func:`leaf_log_probs` evaluates them. A node of the tree is computed once, however many words pass through it:

* ``gru``: one layer; the state of a node is made from its parent's, layer by layer;
* ``transformer``: causal, two blocks, pre-norm; a node attends to the nodes on its path.

What is computed is exactly what the network gives each word alone (tested). Probabilities are of the word and its EOS,
so that over all strings they sum to at most 1; what a network spends on strings that are not leaves it wastes.
"""

from __future__ import annotations

import importlib
import math
from typing import Any, TypeAlias

from compresslab._support.checks import number_or_nan
from compresslab.errors import InvalidParameter, MissingExtra, UnknownName, did_you_mean
from compresslab.experiments.models.trie import Trie

__all__ = [
    "NETWORKS",
    "TensorTrie",
    "check_device",
    "leaf_log_probs",
    "new_network",
    "num_parameters",
    "require_torch",
    "to_tensors",
]

Tensor: TypeAlias = Any  # torch is optional, and is not loaded before it is used
Parameters: TypeAlias = dict[str, Any]
TensorTrie: TypeAlias = dict[str, Any]

NETWORKS = ("gru", "transformer")
_BLOCKS = 2
_HEADS = 4


def require_torch() -> Any:
    """Return torch.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise MissingExtra("training a network", "lm") from error


def check_device(device: str) -> None:
    """Raise MissingExtra without torch, InvalidParameter for a GPU that is not there."""
    torch = require_torch()
    if device == "cuda" and not torch.cuda.is_available():
        raise InvalidParameter("the spec asks for a GPU and torch finds none: use the preset 'cpu'")


def check_network(name: str, size: int) -> None:
    """Raise UnknownName or InvalidParameter unless there is such a network of such a size."""
    if name not in NETWORKS:
        raise UnknownName(f"unknown network {name!r}: {did_you_mean(name, NETWORKS)}")
    step = _HEADS if name == "transformer" else 1
    if not (number_or_nan(size) > 0 and size % step == 0):
        multiple = f", a multiple of {step} for a {name}" if step > 1 else ""
        raise InvalidParameter(f"the size of a network is a number of units, 1 or more{multiple}: not {size!r}")


def new_network(name: str, size: int, trie: Trie, seed: int, device: str = "cpu") -> Parameters:
    """Draw the parameters of a network, float32.

    Args:
        name: "gru" or "transformer".
        size: units: of the GRU's state, or the width of the transformer (a multiple of 4).
        trie: the words, whose bytes are the alphabet.
        seed: same seed, same parameters, on every device.
        device: a torch device.

    Raises:
        UnknownName: no such network.
        InvalidParameter: a size that it cannot have.
        MissingExtra: torch is not installed.
    """
    check_network(name, size)
    torch = require_torch()
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int, fan: int) -> Tensor:
        return torch.randn(*shape, generator=draw) / math.sqrt(fan)

    V, d = trie.num_symbols, size
    p: Parameters = {"out.weight": normal(V, d, fan=d), "out.bias": torch.zeros(V)}
    if name == "gru":
        embedded = max(8, d // 4)
        p |= {"symbols": normal(V, embedded, fan=1), "in.weight": normal(3 * d, embedded, fan=embedded)}
        p |= {"in.bias": torch.zeros(3 * d), "state.weight": normal(3 * d, d, fan=d), "state.bias": torch.zeros(3 * d)}
    else:
        p |= {"symbols": normal(V, d, fan=1), "places": normal(trie.num_layers, d, fan=1)}
        p |= {"norm.weight": torch.ones(d), "norm.bias": torch.zeros(d)}
        for b in range(_BLOCKS):
            for part, rows, columns in (("qkv", 3 * d, d), ("mix", d, d), ("up", 4 * d, d), ("down", d, 4 * d)):
                p[f"{b}.{part}.weight"], p[f"{b}.{part}.bias"] = normal(rows, columns, fan=columns), torch.zeros(rows)
            for part in ("before", "between"):
                p[f"{b}.{part}.weight"], p[f"{b}.{part}.bias"] = torch.ones(d), torch.zeros(d)
    return {key: value.to(device).requires_grad_() for key, value in p.items()}


def num_parameters(network: Parameters) -> int:
    """Return how many numbers are trained."""
    return sum(int(p.numel()) for p in network.values())


def to_tensors(trie: Trie, device: str = "cpu") -> TensorTrie:
    """Put a tree where the network is."""
    torch = require_torch()
    on = {name: torch.as_tensor(getattr(trie, name), device=device) for name in ("parent", "symbol", "leaf", "path")}
    places = [m for m in range(trie.num_layers) for _ in range(trie.starts[m], trie.starts[m + 1])]
    on["place"] = torch.as_tensor(places, device=device)
    on["starts"] = trie.starts.tolist()
    return on


def leaf_log_probs(network: Parameters, trie: TensorTrie) -> Tensor:
    """Return the log-probability of every word with its EOS: shape ``(M,)``, nats, in the precision of the parameters.

    Args:
        network: from :func:`new_network`.
        trie: from :func:`to_tensors`, of the same words.
    """
    torch = require_torch()
    states = _gru(torch, network, trie) if "state.weight" in network else _transformer(torch, network, trie)
    scores = states @ network["out.weight"].T + network["out.bias"]
    log_probs = torch.log_softmax(scores, dim=-1)
    # What each step down costs, summed along the paths; the root has no step before it.
    step = log_probs[trie["parent"], trie["symbol"]]
    step = torch.cat([torch.zeros_like(step[:1]), step[1:]])
    total = step[:1]
    layers = [total]
    starts = trie["starts"]
    for m in range(1, len(starts) - 1):
        here = slice(starts[m], starts[m + 1])
        total = total[trie["parent"][here] - starts[m - 1]] + step[here]
        layers.append(total)
    return torch.cat(layers)[trie["leaf"]] + log_probs[trie["leaf"], 0]


def _gru(torch: Any, p: Parameters, trie: TensorTrie) -> Tensor:
    table = p["symbols"] @ p["in.weight"].T + p["in.bias"]
    state = table.new_zeros(1, p["state.weight"].shape[1])
    layers, starts = [], trie["starts"]
    for m in range(len(starts) - 1):
        here = slice(starts[m], starts[m + 1])
        if m:
            state = state.index_select(0, trie["parent"][here] - starts[m - 1])
        # index_select: its gradient sums by index, where that of table[...] sorts first
        r, z, n = table.index_select(0, trie["symbol"][here]).chunk(3, dim=-1)
        sr, sz, sn = (state @ p["state.weight"].T + p["state.bias"]).chunk(3, dim=-1)
        keep = torch.sigmoid(z + sz)
        state = (1 - keep) * torch.tanh(n + torch.sigmoid(r + sr) * sn) + keep * state
        layers.append(state)
    return torch.cat(layers)


def _transformer(torch: Any, p: Parameters, trie: TensorTrie) -> Tensor:
    d = p["out.weight"].shape[1]
    path, place = trie["path"], trie["place"]
    N, T = path.shape
    future = torch.arange(T, device=place.device)[None, :] > place[:, None]
    hidden = torch.zeros_like(future, dtype=p["symbols"].dtype).masked_fill(future, -math.inf)[..., None]
    heads = torch.eye(_HEADS, dtype=hidden.dtype, device=place.device).repeat_interleave(d // _HEADS, dim=0)
    x = p["symbols"].index_select(0, trie["symbol"]) + p["places"].index_select(0, place)

    def norm(x: Tensor, part: str) -> Tensor:
        return torch.nn.functional.layer_norm(x, (d,), p[f"{part}.weight"], p[f"{part}.bias"])

    def linear(x: Tensor, part: str) -> Tensor:
        return x @ p[f"{part}.weight"].T + p[f"{part}.bias"]

    for b in range(_BLOCKS):
        q, kv = linear(norm(x, f"{b}.before"), f"{b}.qkv").split([d, 2 * d], dim=-1)
        k, v = kv.index_select(0, path.reshape(-1)).view(N, T, 2 * d).split([d, d], dim=-1)
        # One query a node: long products, summed by head, are faster here than many tiny matrix products.
        weight = torch.softmax((q[:, None] * k) @ heads / math.sqrt(d // _HEADS) + hidden, dim=1)
        mixed = ((weight @ heads.T) * v).sum(1)
        x = x + linear(mixed, f"{b}.mix")
        up = torch.nn.functional.gelu(linear(norm(x, f"{b}.between"), f"{b}.up"))
        x = x + linear(up, f"{b}.down")
    return norm(x, "norm")
