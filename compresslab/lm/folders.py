"""Folders that are not a whole checkpoint, each by its name: an adapter, and what a Trainer leaves behind.

===================================  ==================================================================================
a folder with                        what it is
===================================  ==================================================================================
``config.json``                      a checkpoint, unless ``adapter_config.json`` stands beside it
``adapter_config.json``              an adapter of the package peft: its base is loaded, and the adapter on it
``checkpoint-N`` folders alone       the output of a Trainer without a final model: one of them is to be given
===================================  ==================================================================================
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import isdir, isfile  # false, not an error, for a name that is too long
from pathlib import Path
from typing import Any

from compresslab._support.json_text import read_json
from compresslab.errors import CorruptFile, InvalidParameter, UnknownName

__all__ = [
    "ADAPTER",
    "Adapter",
    "adapter_of",
    "check_layers",
    "check_weight_files",
    "checkpoints_in",
    "not_a_checkpoint",
    "put_adapter",
    "save_adapter",
]

ADAPTER = "adapter_config.json"
LAYERS_MOST = 4096  # the deepest models that are known have some hundreds
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
PROMPTS = ("PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "ADAPTION_PROMPT", "CPT")


@dataclass(frozen=True)
class Adapter:
    """An adapter's folder, and the base that it belongs on.

    Attributes:
        folder: of the adapter.
        base: the base's folder, or its name in the local Hugging Face cache.
        settings: what its ``adapter_config.json`` holds.
    """

    folder: Path
    base: str
    settings: Mapping[str, Any]


def adapter_of(folder: Path) -> Adapter | None:
    """Return the adapter that a folder holds; None where it holds none.

    A base that is a relative path is looked for from the working directory, then from beside the adapter.

    Raises:
        CorruptFile: its ``adapter_config.json`` cannot be read, names no base, or has no weights beside it.
        InvalidParameter: peft is not installed; or the adapter is made of prompts, which no token stands for.
    """
    path = folder / ADAPTER
    if not isfile(path):
        return None
    settings = read_json(path)
    if not isinstance(settings, dict):
        raise CorruptFile(f"{path} is not a JSON object: save the adapter again")
    named = settings.get("base_model_name_or_path")
    base = str(folder) if isfile(folder / "config.json") else named
    if not base or not isinstance(base, str):
        raise CorruptFile(f"{path} names no base_model_name_or_path: write the folder of the model it was trained on")
    kind = str(settings.get("peft_type", "")).upper()
    if kind in PROMPTS:
        raise InvalidParameter(
            f"{folder} is an adapter of kind {kind}, which puts vectors before a text that are no tokens: a code "
            "length needs tokens alone; give a model, or an adapter of its weights (LoRA)"
        )
    if not any(isfile(folder / name) for name in WEIGHTS):
        raise CorruptFile(f"{folder} is an adapter that was cut short: it has no {WEIGHTS[0]}")
    if importlib.util.find_spec("peft") is None:
        raise InvalidParameter(
            f"{folder} is an adapter, which needs the package peft: pip install 'compresslab[adapters]'; or give a "
            f"whole model: merge it where peft is (model.merge_and_unload().save_pretrained(FOLDER)) and give that "
            f"folder; its base alone is {named or base}"
        )
    beside = folder / base
    if not isdir(base) and isdir(beside):
        base = str(beside)
    return Adapter(folder, base, settings)


def put_adapter(module: Any, adapter: Adapter) -> None:
    """Put an adapter on its base: its weights beside those of the base, which keeps its own in their precision.

    What is trained of such a model, and probed, are the adapter's weights.

    The settings of the adapter become part of the model's, so that they are in its fingerprint: the scale of a LoRA
    is nowhere in its weights.

    Raises:
        CorruptFile: the adapter has weights that do not belong on this base, or lacks some.
    """
    if not getattr(module, "_hf_peft_config_loaded", False):  # a whole model brings an adapter of its own folder itself
        try:
            info = module.load_adapter(str(adapter.folder))
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise CorruptFile(
                f"the adapter {adapter.folder} does not go on its base {adapter.base}: {reason}"
            ) from error
        wrong = [*getattr(info, "missing_keys", ()), *getattr(info, "unexpected_keys", ())]
        if wrong:
            raise CorruptFile(
                f"the adapter {adapter.folder} lacks weights of its own, or has others ({len(wrong)}, such as "
                f"{sorted(wrong)[0]}): it was cut short, or is not of the base {adapter.base}"
            )
    from peft.tuners.tuners_utils import BaseTunerLayer

    for layer in module.modules():
        for name in layer.adapter_layer_names if isinstance(layer, BaseTunerLayer) else ():
            for weight in getattr(layer, name).parameters():
                weight.requires_grad_(True)
    for held in module.peft_config.values():
        held.base_model_name_or_path = str(Path(adapter.base).resolve()) if isdir(adapter.base) else adapter.base
    places = ("base_model_name_or_path", "revision", "auto_mapping")
    module.config.adapter = {key: value for key, value in adapter.settings.items() if key not in places}


def save_adapter(module: Any, folder: Path) -> None:
    """Write the adapter of a model to a folder, as peft does: its weights, and the name of its base."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    for name, settings in module.peft_config.items():
        held = get_peft_model_state_dict(module, adapter_name=name)
        weights = {f"base_model.model.{key}": weight.detach().cpu().contiguous() for key, weight in held.items()}
        save_file(weights, str(folder / WEIGHTS[0]), {"format": "pt"})
        settings.save_pretrained(str(folder))


def check_layers(config: Any, name: str) -> None:
    """Raise CorruptFile where a ``config.json`` claims more layers than any model has: all are set up before a weight.

    Args:
        config: what it holds.
        name: of the model.
    """
    if not isinstance(config, dict):
        return
    for key, value in config.items():
        if key.endswith(("layer", "layers")) and type(value) is int and value > LAYERS_MOST:
            raise CorruptFile(
                f"the config.json of '{name}' claims {value:,} layers ({key}), and {LAYERS_MOST:,} are the most that "
                "are read: restore the file"
            )
        check_layers(value, name)


def check_weight_files(folder: Path) -> None:
    """Raise CorruptFile where an index of weights names what is not a file beside it.

    A checkpoint of several files lists them in ``*.index.json``, and transformers opens what is listed: a pipe would be
    waited for, and a device read without end.
    """
    for index in sorted(folder.glob("*.index.json")):
        if not isfile(index):
            continue
        held = read_json(index)
        listed = held.get("weight_map") if isinstance(held, dict) else None
        if not isinstance(listed, dict):
            raise CorruptFile(f"{index} is not an index of weights, it has no weight_map: restore the checkpoint")
        for name in sorted({str(value) for value in listed.values()}):
            if name in {"", ".", ".."} or Path(name).name != name:
                raise CorruptFile(f"{index} names weights that are not beside it, {name!r:.80}: restore the checkpoint")
            if not isfile(folder / name):
                raise CorruptFile(
                    f"{folder} is a checkpoint that was cut short: {name[:80]!r}, which {index.name} lists, is missing "
                    "or not a file"
                )


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the ``checkpoint-N`` folders of a Trainer's output, by their number; of those that hold a model."""
    found = []
    for path in folder.glob("checkpoint-*"):
        number = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if number and any(isfile(path / name) for name in ("config.json", ADAPTER)):
            found.append((int(number[1]), path))
    return [path for _, path in sorted(found)]


def not_a_checkpoint(folder: Path) -> Exception:
    """Return the error to raise for a folder that holds neither a model nor an adapter."""
    steps = checkpoints_in(folder)
    if not steps:
        return CorruptFile(f"{folder} is not a checkpoint, or was cut short: it has no config.json")
    count = "one checkpoint" if len(steps) == 1 else f"{len(steps)} checkpoints"
    return UnknownName(
        f"{folder} is the output of a Trainer, which holds {count} and no final model: give one of them, such as "
        f"{steps[-1]}, or all of them as a series: compresslab score --model {folder}/checkpoint-*"
    )
