"""A KV cache that grows in place: a step writes its keys and values beside those before, instead of copying them all.

What attention is given holds the same numbers, as a view into a larger buffer. On a CPU that changes the sums of some
models: where the keys of a head take no multiple of 64 bytes, they lie otherwise in memory, and other instructions add.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

__all__ = ["grow_in_place"]

_ROOM: Final = 64  # tokens that a buffer has room for beyond those that it is made for, at least


def grow_in_place(held: Any) -> Any:
    """Return a cache of transformers whose plain layers from now on grow in place; what it holds stays.

    Layers of other kinds (sliding windows, linear attention, quantised ones) stay as they are, as do caches that are
    not made of layers.

    Args:
        held: what a model returned as its cache after its first step.
    """
    layers = getattr(held, "layers", None)
    if isinstance(layers, list):
        from transformers.cache_utils import DynamicLayer

        for i, layer in enumerate(layers):
            if type(layer) is DynamicLayer and getattr(layer, "keys", None) is not None:
                layers[i] = _growing_layer()(layer)
    return held


@cache
def _growing_layer() -> Any:
    """Return the kind of layer that grows in place, which needs transformers to be made."""
    import torch
    from transformers.cache_utils import DynamicLayer

    class GrowingLayer(DynamicLayer):  # type: ignore[misc]
        """Keys and values (B, H, T, D) as views into buffers with room for more tokens."""

        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.__dict__.update(layer.__dict__)
            self.keys: Any = layer.keys
            self.values: Any = layer.values
            self._buffers: list[Any] = []
            self._shown: list[Any] = []

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            """Append tokens; return all keys and values."""
            before = self.keys.shape[-2]
            after = before + key_states.shape[-2]
            held = [self.keys, self.values]
            if not self._buffers or any(mine is not seen for mine, seen in zip(held, self._shown, strict=True)):
                self._buffers = [_enlarged(old, before, after) for old in held]  # new, or changed from outside
            elif after > self._buffers[0].shape[-2]:
                self._buffers = [_enlarged(old, before, after) for old in self._buffers]
            for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
                buffer[..., before:after, :] = new
            self._shown = [buffer[..., :after, :] for buffer in self._buffers]
            self.keys, self.values = self._shown
            return self.keys, self.values

    def _enlarged(old: Any, before: int, after: int) -> Any:
        room = after + max(_ROOM, after // 2)
        made = torch.empty((*old.shape[:-2], room, old.shape[-1]), dtype=old.dtype, device=old.device)
        made[..., :before, :] = old[..., :before, :]
        return made

    return GrowingLayer
