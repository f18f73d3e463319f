"""Which weights of a model are trained: all of them, or a LoRA's, two thin matrices beside each linear layer."""

from __future__ import annotations

import copy
import importlib
from typing import Any

from compresslab.errors import InvalidParameter
from compresslab.lm.hugging_face import HuggingFaceModel

__all__ = ["to_train"]


def to_train(model: HuggingFaceModel, lora: int, seed: int) -> HuggingFaceModel:
    """Return a copy of a model that is trained: in float32 at least, all of it, or a LoRA of the given rank.

    Raises:
        InvalidParameter: peft is not installed.
    """
    import torch

    module = copy.deepcopy(model.module)
    if module.dtype not in (torch.float32, torch.float64):
        module = module.float()
    for weight in module.parameters():
        weight.requires_grad_(weight.is_floating_point())
    if lora:
        try:
            peft: Any = importlib.import_module("peft")
        except ImportError as error:
            raise InvalidParameter(
                "LoRA needs the package peft: pip install peft; or leave out --lora (lora=0)"
            ) from error
        module = _merged(module)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            settings = peft.LoraConfig(r=lora, lora_alpha=2 * lora, target_modules="all-linear")
            peft.inject_adapter_in_model(settings, module)
    return HuggingFaceModel(module, model.tokenizer, name=model.name, eos_id=model.eos_id, prefix_id=model.prefix_id)


def _merged(module: Any) -> Any:
    """Return a module whose adapter is added to its weights: another one would take its place, and it would be gone."""
    if not getattr(module, "peft_config", None):
        return module
    if hasattr(module, "merge_and_unload"):  # peft's own wrapper
        return module.merge_and_unload()
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(module.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            parent, _, last = name.rpartition(".")
            setattr(module.get_submodule(parent), last, layer.get_base_layer())
    del module.peft_config
    module._hf_peft_config_loaded = False
    return module
