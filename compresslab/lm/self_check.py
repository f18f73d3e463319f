"""Whether a network computes the same twice on this machine: tried for a few steps, alone and beside other work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from compresslab.errors import CorruptStream, NotRepeatable

if TYPE_CHECKING:
    from compresslab.lm.chunk_coder import TokenCoder

__all__ = ["busy", "check_repeats"]


def check_repeats(coder: TokenCoder, module: Any) -> None:
    """Raise NotRepeatable unless a coder's model gives the same probabilities alone and beside other work.

    Two chunks are coded alone and decoded beside other work: a single sequence, and one that fills all streams, of
    which half end a token before the others.

    Args:
        coder: of short segments; what takes a few steps.
        module: its model's network.

    Raises:
        NotRepeatable: they do not come back, or the digests of the weights differ.
    """
    alone, counts = coder.probe(), (1, coder.streams * coder.segment - coder.streams // 2)
    for count in counts:
        tokens = ((np.arange(count) * 7919 + 104729) % coder.model.vocab_size).astype(np.uint32)
        coded = coder.encode_tokens(tokens)
        with busy(module.device, module.dtype):
            same = coder.probe() == alone
            try:
                same = same and np.array_equal(coder.decode_tokens(coded.stream, count), tokens)
            except CorruptStream:
                same = False
        if not same:
            raise NotRepeatable(
                f"'{coder.model.name}' in {str(module.dtype).removeprefix('torch.')} on {module.device} gives other "
                "probabilities for the same tokens while other work runs there, so what it codes would not decode: "
                "take dtype float32, or device cpu"
            )


@contextmanager
def busy(device: Any, dtype: Any) -> Iterator[None]:
    """Multiply matrices of changing sizes, in memory of changing sizes, in another thread while the block runs.

    Args:
        device: a torch device.
        dtype: of the matrices.

    Raises:
        RuntimeError: whatever stopped that work; after the block.
    """
    import torch

    over, failed = threading.Event(), list[BaseException]()

    def work() -> None:
        held: list[Any] = []
        size = 64
        try:
            while not over.is_set():
                size = 64 + (size * 5 + 17) % 449
                matrix = torch.ones((size, size), device=device, dtype=dtype)
                held = [*held[-6:], torch.empty(size * 1009, device=device, dtype=dtype), matrix @ matrix]
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
        except RuntimeError as error:  # out of memory, say: then the device is busy enough
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failed and "memory" not in str(failed[0]):
        raise failed[0]
