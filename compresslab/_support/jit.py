"""The only file that touches numba: a typed decorator for kernels, and whether they are worth calling."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from functools import cache, wraps
from types import FunctionType
from typing import Any, Final, ParamSpec, TypeVar

__all__ = ["available", "jit", "pays"]

LARGE: Final = 1 << 23  # strings that fit into a word, from which on loading compiled kernels costs less than it saves

P = ParamSpec("P")
R = TypeVar("R")


@cache
def available() -> bool:
    """Tell whether numba can be imported: it may be missing, too old for the numpy beside it, or broken in any way."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("numba")
    except KeyboardInterrupt:
        raise
    except BaseException:  # an OSError of a library that cannot be loaded, even an exit: numpy does the work
        return False
    return True


def pays(work: int) -> bool:
    """Tell whether kernels are worth calling for ``work``, in strings that fit into a word."""
    return work >= LARGE and available()


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel on its first call, once per machine, and let other threads run beside it.

    numba is loaded on that call and no sooner: that takes longer than most commands take to run. Without numba the
    kernel stays plain Python: slow, but the same answer.
    """

    @wraps(function)
    def kernel(*args: P.args, **kwargs: P.kwargs) -> R:
        return (_compiled(function) if available() else function)(*args, **kwargs)

    _KERNELS.add(function)
    return kernel


_KERNELS: set[Callable[..., Any]] = set()


@cache
def _compiled(function: Any) -> Any:
    numba: Any = importlib.import_module("numba")
    # Compiled code calls compiled code: here a kernel knows the kernels it calls as such.
    known = dict(function.__globals__)
    for name in function.__code__.co_names:
        if (inner := getattr(known.get(name), "__wrapped__", None)) in _KERNELS:
            known[name] = _compiled(inner)
    alone = FunctionType(function.__code__, known, function.__name__)
    options = {"nogil": True, "no_cfunc_wrapper": True}  # C calls none of them: a fifth less to compile
    try:
        return numba.njit(cache=True, **options)(alone)
    except RuntimeError:  # no directory to cache in
        return numba.njit(**options)(alone)
