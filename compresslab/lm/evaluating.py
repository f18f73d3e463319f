"""A module as it is used, not as it is trained, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["evaluating"]


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Set a module to evaluation inside the block, without dropout; afterwards each of its parts is as it was.

    A loop of training leaves its module in training mode, in which two calls give two answers.

    Example:
        >>> import torch
        >>> module = torch.nn.Dropout(0.5)
        >>> with evaluating(module):
        ...     module(torch.ones(2)).tolist(), module.training
        ([1.0, 1.0], False)
        >>> module.training
        True
    """
    before = [part for part in module.modules() if part.training]
    for part in before:
        part.training = False
    try:
        yield
    finally:
        for part in before:
            part.training = True
