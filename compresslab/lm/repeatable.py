"""Kernels that give equal bits for equal inputs, for as long as a block lasts.

On a GPU the same product may be computed in several ways: cut along its inner dimension, whose parts are added in the
order in which they end (split-K), by whichever kernel was fastest in a trial, or with what workspace was left. One last
bit is enough for another integer weight, and decoding ends there. What is set here leaves one way for each shape; a CPU
has one already.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from compresslab.errors import NotRepeatable

__all__ = ["WORKSPACE", "WORKSPACE_VALUE", "prepare_process", "repeatable"]

WORKSPACE: Final = "CUBLAS_WORKSPACE_CONFIG"
"""The variable of the environment by which cuBLAS is given a workspace of its own; torch reads it once."""

WORKSPACE_VALUE: Final = ":4096:8"
_REPEATABLE: Final = {WORKSPACE_VALUE, ":16:8"}


def prepare_process() -> None:
    """Give cuBLAS a fixed workspace, unless the user has chosen one: it must be done before the GPU is first used."""
    os.environ.setdefault(WORKSPACE, WORKSPACE_VALUE)


@contextmanager
def repeatable(device: Any) -> Iterator[None]:
    """Compute repeatably on a device inside the block; afterwards all settings are what they were.

    Args:
        device: a torch device; on a CPU, or None for a model without one, nothing is set.

    Raises:
        NotRepeatable: an operation of the model has no repeatable kernel, or cuBLAS has no fixed workspace.
    """
    if device is None or device.type == "cpu":
        yield
        return
    if device.type == "cuda" and os.environ.get(WORKSPACE) not in _REPEATABLE:
        raise NotRepeatable(
            f"products on the GPU repeat themselves only with a fixed workspace: set {WORKSPACE}={WORKSPACE_VALUE} in "
            "the environment before Python starts"
        )
    with ExitStack() as undo:
        for get, put, value in _settings():
            try:
                undo.callback(put, get())
            except RuntimeError as error:  # torch has two ways to set a precision, and refuses to mix them
                raise NotRepeatable(
                    f"how the GPU is to round products was set in two ways ({' '.join(str(error).split())[:200]}): "
                    "leave fp32_precision of torch.backends as it was, or take device cpu"
                ) from error
            put(value)
        try:
            yield
        except RuntimeError as error:
            if "determinis" not in str(error):
                raise
            raise NotRepeatable(
                f"the model cannot code on this device: {' '.join(str(error).split())[:300]}: take device cpu"
            ) from error


def _settings() -> list[tuple[Callable[[], Any], Callable[[Any], object], Any]]:
    """Return what is set: how to read it, how to write it, and the value."""
    import torch
    import torch.utils.deterministic as memory

    cuda, matmul, cudnn = torch.backends.cuda, torch.backends.cuda.matmul, torch.backends.cudnn
    found: list[tuple[Callable[[], Any], Callable[[Any], object], Any]] = [
        (
            lambda: (
                torch.are_deterministic_algorithms_enabled(),
                torch.is_deterministic_algorithms_warn_only_enabled(),
            ),
            lambda both: torch.use_deterministic_algorithms(both[0], warn_only=both[1]),
            (True, False),
        ),
        _attribute(memory, "fill_uninitialized_memory", False),  # slow, and nothing here reads such memory
        _attribute(cudnn, "benchmark", False),
        _attribute(cudnn, "deterministic", True),
        _attribute(cudnn, "allow_tf32", False),
        _attribute(matmul, "allow_tf32", False),
        _attribute(matmul, "allow_fp16_accumulation", False),
        (cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp, False),
    ]
    found += [_reduction(matmul, f"allow_{kind}_reduced_precision_reduction") for kind in ("fp16", "bf16")]
    return found


def _attribute(holder: Any, name: str, value: Any) -> tuple[Callable[[], Any], Callable[[Any], object], Any]:
    return lambda: getattr(holder, name), lambda given: setattr(holder, name, given), value


def _reduction(matmul: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], object], Any]:
    """Return how sums in reduced precision, and split-K, are switched off."""
    return (
        lambda: (getattr(matmul, name), getattr(matmul, f"{name}_split_k", True)),
        lambda given: setattr(matmul, name, given),
        (False, False),
    )
