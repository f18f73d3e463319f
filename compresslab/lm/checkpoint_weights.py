"""The weights of a checkpoint that transformers' Trainer leaves out where a training goes on.

Some families are saved under other names than their modules have: the output layer of GPT-NeoX, the experts of Mixtral,
Qwen-MoE, DeepSeek and Jamba. ``from_pretrained`` knows both; the Trainer loads by the module's names, and takes no
notice of what it does not find.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["take_renamed"]


def take_renamed(module: Any, checkpoint: Path) -> None:
    """Give a module the weights of a checkpoint, where some are saved under other names than it has.

    Args:
        module: of transformers, in float32.
        checkpoint: the folder of a whole checkpoint.
    """
    import torch

    if _names(checkpoint) <= module.state_dict().keys():
        return
    saved = type(module).from_pretrained(str(checkpoint), dtype=torch.float32, local_files_only=True)
    module.load_state_dict(saved.state_dict())


def _names(checkpoint: Path) -> set[str]:
    """Return the names under which weights are saved; none of an adapter, whose names are its own."""
    from safetensors import safe_open

    found: set[str] = set()
    for file in sorted(checkpoint.glob("model*.safetensors")):
        with safe_open(str(file), "pt") as opened:
            found.update(opened.keys())
    return found
