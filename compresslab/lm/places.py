"""What a model predicts at many places, a piece at a time: no table of all places times the vocabulary is ever made.

The output layer is most of what a small model with a large vocabulary needs in memory: 2 to 12 bytes for each of V
numbers at each place. Where it can be called apart from the layers before it, these are run once, and the output layer
on as many places at a time as stay in a cache (on a GPU: as fill it). Where it cannot, the logits of the whole batch
are made in the model's own dtype, and only what is computed from them comes in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compresslab.lm.evaluating import evaluating

__all__ = ["Apart", "Places", "fetched", "head_apart", "nats_at", "pieces", "places_of", "sent"]

Tensor: TypeAlias = Any  # torch is optional, and is not loaded before it is used

_PIECE = {"cpu": 1 << 23, "cuda": 1 << 27}  # logits that are made at once, in numbers: 32 and 512 MiB of float32


@dataclass(frozen=True)
class Apart:
    """A module in two: the layers, and the output layer that makes logits of what they return, place by place.

    Attributes:
        body: ids (B, T) -> ``last_hidden_state`` (B, T, H).
        head: (places, H) -> (places, V): the logits, as the whole module has them.
    """

    body: Any
    head: Any


@dataclass(frozen=True, eq=False)
class Places:
    """The places of a batch at which something is predicted.

    Attributes:
        states: shape (places, H), what the output layer makes logits of; without one, the logits, shape (places, V).
        head: the output layer, or None.
        vocab_size: V.
    """

    states: Tensor
    head: Any
    vocab_size: int

    def logits(self, part: slice) -> Tensor:
        """Return the logits at some places, shape (places, V), float32 at least."""
        import torch

        rows = self.states[part] if self.head is None else self.head(self.states[part])
        return rows if rows.dtype == torch.float64 else rows.float()


def head_apart(module: Any) -> Apart | None:
    """Return a module in two; None where that would give other logits, or cannot be found out.

    A module may do more than its output layer: scale what goes in (MiniCPM), scale what comes out (Cohere), or cap it
    (Gemma 2). So the module is watched while it reads four tokens: the layer must be given exactly what the body has
    returned, once, and what it returns, for which large numbers are put, must come out unchanged.
    """
    import torch

    body = getattr(module, "base_model", None)
    find = getattr(module, "get_output_embeddings", None)
    head = find() if callable(find) else None
    if head is None or body is None or body is module:
        return None
    size = int(module.config.get_text_config().vocab_size)
    ids = torch.tensor([[0, 1, 2, 3]], device=module.device) % size
    seen: list[Tensor] = []
    given: list[Tensor] = []

    def watch_body(_: Any, __: Any, out: Any) -> None:
        seen.append(getattr(out, "last_hidden_state", None))

    def watch_head(_: Any, inputs: tuple[Any, ...], out: Tensor) -> Tensor:
        given.append(inputs[0] if len(inputs) == 1 else None)
        seen.append(torch.linspace(-1e4, 1e4, out.numel(), device=out.device).to(out.dtype).view_as(out))
        return seen[-1]

    hooks = [body.register_forward_hook(watch_body), head.register_forward_hook(watch_head)]
    try:
        with torch.inference_mode(), evaluating(module):
            logits = module(input_ids=ids, use_cache=False).logits
            body(input_ids=ids, use_cache=False)
    except (AttributeError, TypeError, ValueError, RuntimeError):  # a body that takes or gives something else
        return None
    finally:
        for hook in hooks:
            hook.remove()
    if len(given) != 1 or len(seen) != 3 or any(one is None for one in (*given, *seen)):
        return None
    inside, put, alone = seen
    same = torch.equal(inside, given[0]) and torch.equal(put, logits) and torch.equal(inside, alone)
    return Apart(body, head) if same else None


def places_of(module: Any, apart: Apart | None, ids: Tensor, counted: Tensor | None = None) -> Places:
    """Read a batch and return the places that count.

    Args:
        module: the model.
        apart: what `head_apart` returned for it.
        ids: shape (B, T), where the model is.
        counted: bool, shape (B, T); every place where None.
    """
    with evaluating(module):
        if apart is None:
            out = module(input_ids=ids, use_cache=False).logits
            width = int(out.shape[-1])
        else:
            out = apart.body(input_ids=ids, use_cache=False).last_hidden_state
            width = int(module.config.get_text_config().vocab_size)
    chosen = out.flatten(0, 1) if counted is None else out[counted.to(out.device)]
    return Places(chosen, None if apart is None else apart.head, width)


def pieces(places: Places, most: int | None = None) -> Iterator[slice]:
    """Yield slices that cover all places, each of as many as are looked at at once.

    Args:
        places: of a batch.
        most: numbers of a piece at most, V for each place; by the device where None.
    """
    kind = places.states.device.type
    step = max(1, (most or _PIECE.get(kind, _PIECE["cpu"])) // places.vocab_size)
    for start in range(0, len(places.states), step):
        yield slice(start, start + step)


def nats_at(places: Places, targets: Tensor) -> Tensor:
    """Return ``-ln p(target)`` at each place, shape (places,), float32 at least, where the model is."""
    import torch

    found = [
        torch.nn.functional.cross_entropy(places.logits(part), targets[part], reduction="none")
        for part in pieces(places)
    ]
    return torch.cat(found) if found else places.states.new_zeros(0, dtype=torch.float32)


def sent(array: Any, device: Any) -> Tensor:
    """Return a numpy array where a model is; to a GPU it goes while the processor does something else."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def fetched(tensor: Tensor, shape: tuple[int, ...]) -> Callable[[], NDArray[np.float64]]:
    """Return what waits for a float64 tensor and returns it as an array of a shape; from a GPU it comes meanwhile."""
    import torch

    if tensor.device.type != "cuda":
        found: NDArray[np.float64] = tensor.cpu().numpy().reshape(shape)
        return lambda: found
    here = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    here.copy_(tensor, non_blocking=True)
    there = torch.cuda.Event()
    there.record(torch.cuda.current_stream(tensor.device))

    def wait() -> NDArray[np.float64]:
        there.synchronize()
        values: NDArray[np.float64] = here.numpy().reshape(shape)
        return values

    return wait
