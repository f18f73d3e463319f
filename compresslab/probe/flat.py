"""All weights of a model as one vector: where each is in it, and which part of the network it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter

__all__ = ["GROUPS", "Layout", "part_of", "vectors"]

CHUNK = 1 << 21  # numbers that are worked on at once
_IN_MEMORY = 1 << 27  # bytes: more vectors than these hold are kept in a file

# What the families of transformers call their parts; the first that fits counts.
_PARTS = (
    ("norms", r"norm|(^|\.)ln_|layer_?norm"),
    ("head", r"lm_head|embed_out|(^|\.)output\."),
    ("embeddings", r"embed|wte|wpe|symbols|places"),
    ("attention", r"attn|attention|[qkv]_proj|qkv|\.mix\."),
    ("mlp", r"mlp|ffn|feed_forward|fc1|fc2|c_fc|experts|\.up\.|\.down\."),
)
GROUPS = (*(name for name, _ in _PARTS), "other")


@dataclass(frozen=True)
class Layout:
    """The trained weights of a model, one after the other; weights that are shared are there once.

    Attributes:
        names: of the parameters.
        sizes: numbers of each.
        parts: the part of the network that each belongs to, one of `GROUPS`.
        dtype: float32; float64 where the model's weights are.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    parts: tuple[str, ...]
    dtype: npt.DTypeLike

    @classmethod
    def of(cls, module: Any) -> Layout:
        """Return the layout of a module's weights that are trained: those with ``requires_grad``."""
        found = {name: p for name, p in module.named_parameters() if p.requires_grad and p.is_floating_point()}
        if not found:
            raise InvalidParameter("the model has no weights that are trained: set requires_grad of those that are")
        exact = any("float64" in str(p.dtype) for p in found.values())
        return cls(
            tuple(found),
            tuple(int(p.numel()) for p in found.values()),
            tuple(part_of(name) for name in found),
            np.float64 if exact else np.float32,
        )

    @property
    def total(self) -> int:
        """Numbers in all."""
        return sum(self.sizes)

    def slices(self) -> Iterator[slice]:
        """Give the place of each parameter."""
        start = 0
        for size in self.sizes:
            yield slice(start, start + size)
            start += size

    def pieces(self) -> Iterator[tuple[str, slice]]:
        """Give places that are small enough to work on at once, with the part of the network of each."""
        for part, place in zip(self.parts, self.slices(), strict=True):
            for start in range(place.start, place.stop, CHUNK):
                yield part, slice(start, min(place.stop, start + CHUNK))

    def add(self, row: NDArray[Any], tensors: Sequence[Any], factor: float = 1.0) -> None:
        """Add tensors, one for each parameter (None for zeros), to a vector."""
        for place, tensor in zip(self.slices(), tensors, strict=True):
            if tensor is not None:
                exact = tensor.double() if self.dtype == np.float64 else tensor.float()  # numpy has no bfloat16
                values = exact.flatten().numpy(force=True)
                row[place] += values if factor == 1 else values * np.asarray(factor, dtype=self.dtype)


def part_of(name: str) -> str:
    """Return the part of a network that a parameter belongs to, by its name.

    Example:
        >>> [part_of(f"model.layers.0.{x}.weight") for x in ("self_attn.q_proj", "mlp.up_proj", "input_layernorm")]
        ['attention', 'mlp', 'norms']
    """
    return next((part for part, pattern in _PARTS if re.search(pattern, name)), "other")


def vectors(count: int, layout: Layout, folder: Path) -> NDArray[Any]:
    """Return ``count`` vectors of zeros, shape (count, P): in memory, or in a file of a folder where they are many."""
    size = count * layout.total * np.dtype(layout.dtype).itemsize
    if size <= _IN_MEMORY:
        return np.zeros((count, layout.total), dtype=layout.dtype)
    path = folder / f"vectors-{len(list(folder.iterdir()))}"
    return np.memmap(path, dtype=layout.dtype, mode="w+", shape=(count, layout.total))
