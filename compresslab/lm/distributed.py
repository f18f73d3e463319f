"""Several processes, started by ``accelerate launch``: who this one is, and sums over all."""

from __future__ import annotations

import atexit
import os

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter, MissingExtra

__all__ = ["number_of", "processes", "sum_over_processes"]


def processes() -> tuple[int, int]:
    """Return this process's number and how many there are: (0, 1) for a process by itself, which needs no packages.

    Launchers (``accelerate launch``, ``torchrun``) say how many they start in the environment, as ``WORLD_SIZE``.

    Raises:
        MissingExtra: there are several, and accelerate is not installed.
        InvalidParameter: the environment does not say what a launcher says.
    """
    if number_of("WORLD_SIZE", 1) <= 1:
        return 0, 1
    try:
        import torch
        from accelerate import PartialState
    except ImportError as error:
        raise MissingExtra("work on several processes", "lm") from error
    started = torch.distributed.is_initialized()
    for name in ("RANK", "LOCAL_RANK"):
        number_of(name, 0)
    try:
        state = PartialState(cpu=not torch.cuda.is_available())
    except ValueError as error:  # WORLD_SIZE was set by hand, or left behind by a launcher
        raise InvalidParameter(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but no launcher started these processes ({error}): start them "
            "with 'accelerate launch', or unset WORLD_SIZE"
        ) from error
    if not started and torch.distributed.is_initialized():
        atexit.register(_leave)
    return int(state.process_index), int(state.num_processes)


def number_of(name: str, default: int) -> int:
    """Return the whole number that a launcher set in the environment; ``default`` where it is not set.

    Raises:
        InvalidParameter: it is none.
    """
    given = os.environ.get(name, "")
    try:
        return int(given or default)
    except ValueError as error:
        raise InvalidParameter(
            f"{name} in the environment is {given[:60]!r}, no whole number: start processes with 'accelerate launch', "
            "or unset it"
        ) from error


def _leave() -> None:
    """Leave the group that `processes` joined: its threads, alive when the interpreter is torn down, may abort it."""
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def sum_over_processes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of every process's ``values``, float64, on each of them."""
    import torch
    from accelerate import PartialState
    from accelerate.utils import reduce

    mine = torch.from_numpy(np.array(values, dtype=np.float64)).to(PartialState().device)
    total: NDArray[np.float64] = reduce(mine, reduction="sum").cpu().numpy()
    return total
