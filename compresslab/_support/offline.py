"""Nothing is downloaded: while a checkpoint is loaded, no package may ask the Hugging Face hub for anything.

A ``config.json`` may name kernels, code for attention and for experts, that transformers takes from the hub or from its
cache, and runs. Such names are refused, and transformers is kept from kernels that it would choose itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final, NoReturn

from compresslab.errors import InvalidParameter

__all__ = ["named_kernel", "offline", "refuse_kernel"]


def _no_kernel(*_: Any, **__: Any) -> NoReturn:
    raise FileNotFoundError("no kernel is taken from a hub here")  # transformers goes on without, where it can


_INSTEAD: Final = (
    ("huggingface_hub.constants", "HF_HUB_OFFLINE", True),
    ("transformers.integrations.hub_kernels", "get_kernel", _no_kernel),
)


def named_kernel(config: Any) -> str | None:
    """Return the first kernel of a hub that a configuration names, at any depth; None where it names none.

    Args:
        config: what a ``config.json`` holds.

    Example:
        >>> named_kernel({"text_config": {"attn_implementation": "paged|someone/some-kernel@v1"}})
        'paged|someone/some-kernel@v1'
        >>> named_kernel({"attn_implementation": "sdpa", "_name_or_path": "someone/some-model"})
    """
    if isinstance(config, dict):
        for key, value in config.items():
            found = _first_path(value) if "implementation" in key or "kernel" in key else named_kernel(value)
            if found is not None:
                return found
    elif isinstance(config, list):
        return next((found for found in map(named_kernel, config) if found is not None), None)
    return None


def _first_path(value: Any) -> str | None:
    if isinstance(value, str):
        return value if "/" in value else None
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next((found for found in map(_first_path, inside) if found is not None), None)


def refuse_kernel(kernel: str, who: str) -> NoReturn:
    """Raise InvalidParameter for a kernel that ``who`` asks for."""
    raise InvalidParameter(
        f"{who} asks for the kernel {kernel[:100]!r}, which is code from a hub: nothing is downloaded and no such code "
        "is run here; give attention 'sdpa' or 'eager' (in config.json: remove the entry)"
    )


@contextmanager
def offline() -> Iterator[None]:
    """Keep huggingface_hub from the network, and transformers from kernels of the hub, while the body runs."""
    held = []
    try:
        for name, attribute, value in _INSTEAD:
            try:
                module = import_module(name)
            except ImportError:  # another version, or the package is not installed
                continue
            if hasattr(module, attribute):
                held.append((module, attribute, getattr(module, attribute)))
                setattr(module, attribute, value)
        yield
    finally:
        for module, attribute, before in reversed(held):
            setattr(module, attribute, before)
