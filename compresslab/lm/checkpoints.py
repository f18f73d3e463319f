"""Checkpoints: reading causal models from disk, with errors that say what is wrong with them.

A folder that compresslab wrote (`save`) holds, beside the files of transformers, a ``compresslab.json`` that names the
tokenizer where it is one of the library's own ("bytes", "bits"), EOS, and the prefix token.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os.path import isdir, isfile  # false, not an error, for a name that is too long
from pathlib import Path
from typing import Any

from compresslab._support.files import expanded, write_atomic
from compresslab._support.json_text import read_json
from compresslab._support.offline import named_kernel, offline, refuse_kernel
from compresslab.data.hugging_face_tokenizer import load_hugging_face
from compresslab.data.tokenizer_facts import TEMPLATE_FILE
from compresslab.data.tokenizers import Tokenizer, get_tokenizer
from compresslab.errors import (
    CompressLabError,
    CorruptFile,
    InvalidParameter,
    MissingExtra,
    UnknownName,
    UnreadableFile,
    did_you_mean,
    is_out_of_memory,
)
from compresslab.lm.distributed import number_of
from compresslab.lm.folders import (
    adapter_of,
    check_layers,
    check_weight_files,
    not_a_checkpoint,
    put_adapter,
    save_adapter,
)
from compresslab.lm.hugging_face import HuggingFaceModel, check_decoder

__all__ = ["CARD", "default_device", "load", "quiet_transformers", "save", "torch_device", "torch_dtype"]

CARD = "compresslab.json"
DTYPES = ("auto", "bfloat16", "float16", "float32", "float64")
OWN_TOKENIZERS = ("bits", "bytes")


def load(
    name: str | os.PathLike[str],
    *,
    device: str | None = None,
    dtype: str | None = None,
    attention: str | None = None,
    tokenizer: Tokenizer | str | None = "auto",
    eos_id: int | str | None = None,
    prefix_id: int | str | None = None,
    rule: str = "tokenizer",
    label: str | None = None,
    weights: bool = True,
) -> HuggingFaceModel:
    """Load a causal model. Nothing is downloaded.

    Args:
        name: a folder (of a model, or of an adapter, which is put on its base), a ``.gguf`` file (its weights are
            dequantised), or a name in the local Hugging Face cache.
        device: a torch device, such as "cpu" or "cuda:1"; a GPU where there is one, where None.
        dtype: "float32", "bfloat16", "float16", "float64", or "auto" (the checkpoint's); float32 on a CPU and bfloat16
            on a GPU where None.
        attention: an attention implementation of transformers, such as "eager" or "sdpa".
        tokenizer: "auto" for the checkpoint's own, None for a model over bare numbers, or any tokenizer.
        eos_id: the token that ends a document, by its number or its spelling, instead of the one that the rule gives.
        prefix_id: the token that starts one, likewise.
        rule: how these are chosen: see `compresslab.lm.special_tokens`.
        label: the model's name for tables; ``name`` where None.
        weights: False: leave them out; what is returned has a tokenizer, prefix, EOS and sizes, on the device "meta",
            and computes nothing.

    Raises:
        UnknownName: neither a folder, nor a file, nor in the local cache; a Trainer's output without a final model.
        CorruptFile: a checkpoint that is cut short, damaged, or lacks weights.
        InvalidParameter: not a causal model, no EOS, or an unknown device or dtype; an adapter without peft.
        MissingExtra: a package that it needs is not installed.
    """
    path = expanded(name)
    if not isdir(path) and path.suffix.lower() == ".gguf":
        if not isfile(path):
            raise UnknownName(f"there is no file {path}: give the path of a GGUF file")
        folder, gguf_file = str(path.parent), path.name
    else:
        folder, gguf_file = str(path if isdir(path) else name), None
    adapter = adapter_of(path) if isdir(path) else None
    described = path
    if adapter is not None:
        folder, described = adapter.base, Path(adapter.base)
    card = _read_card(described) if isdir(described) else {}
    if isdir(folder) and gguf_file is None:
        check_weight_files(Path(folder))
    if adapter is not None and not weights:
        raise InvalidParameter(
            f"{path} is an adapter, of which nothing is known without its weights: load it whole, or take its base, "
            f"{adapter.base} (--dry-run plans for that)"
        )
    read = _load_module if weights else _empty_module
    module = read(folder if adapter else str(name), folder, gguf_file, device, dtype, attention)
    if adapter is not None:
        with quiet_transformers(), offline():
            put_adapter(module, adapter)
    if tokenizer == "auto":
        own = card.get("tokenizer")
        source = folder if adapter is not None and not isfile(path / "tokenizer.json") else str(name)
        tokenizer = get_tokenizer(own) if own else load_hugging_face(source, rule == "config")
    elif isinstance(tokenizer, str):
        tokenizer = get_tokenizer(tokenizer)
    return HuggingFaceModel(
        module,
        tokenizer,
        name=label or str(name),
        eos_id=card.get("eos_id") if eos_id is None else eos_id,
        prefix_id=card.get("prefix_id") if prefix_id is None else prefix_id,
        rule=rule,
    )


def save(model: HuggingFaceModel, folder: str | os.PathLike[str]) -> None:
    """Write a model's weights, configuration and tokenizer to a folder that `load` reads; of an adapter no base.

    Raises:
        InvalidParameter: its tokenizer cannot be written: it is neither one of the library's own nor from a file.
        UnreadableFile: the folder cannot be written.
    """
    target = Path(folder)
    card: dict[str, object] = {"eos_id": model.eos_id, "prefix_id": model.prefix_id}
    definition = getattr(model.tokenizer, "definition", None)
    if model.tokenizer is not None and definition is None:
        if model.tokenizer.name not in OWN_TOKENIZERS:
            raise InvalidParameter(
                f"the tokenizer '{model.tokenizer.name}' cannot be written beside a model: use bits, bytes, or hf:NAME"
            )
        card["tokenizer"] = model.tokenizer.name
    try:
        target.mkdir(parents=True, exist_ok=True)
        if getattr(model.module, "_hf_peft_config_loaded", False):
            save_adapter(model.module, target)
        else:
            with quiet_transformers():
                model.module.save_pretrained(str(target))
    except OSError as error:
        raise UnreadableFile(f"cannot write the model to {target}: {error}") from error
    if definition is not None:
        write_atomic(target / "tokenizer.json", [definition().encode()])
        if special := dict(getattr(model.tokenizer, "special_tokens", {})):
            write_atomic(target / "special_tokens_map.json", [json.dumps(special, indent=2).encode()])
        if template := getattr(model.tokenizer, "chat_template", None):
            write_atomic(target / TEMPLATE_FILE, [template.encode()])
    write_atomic(target / CARD, [json.dumps(card, indent=2).encode()])


def default_device() -> str:
    """Return "cuda" (this process's GPU, where there are several processes) if there is a GPU, else "cpu"."""
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{number_of('LOCAL_RANK', 0) % torch.cuda.device_count()}"


def torch_device(name: str | None) -> Any:
    """Return a torch device that can be used here; `default_device` where None.

    Raises:
        InvalidParameter: there is no such device here.
    """
    import torch

    try:
        where = torch.device(name or default_device())
        torch.empty(0, device=where)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidParameter(f"device {name!r} cannot be used here ({reason}): try device='cpu'") from error
    return where


def torch_dtype(name: str | None, device: str) -> Any:
    """Return a torch dtype, or "auto"; where None float32, and bfloat16 on the device type "cuda".

    Raises:
        InvalidParameter: an unknown dtype.
    """
    import torch

    chosen = name or ("bfloat16" if device == "cuda" else "float32")
    if chosen not in DTYPES:
        raise InvalidParameter(f"unknown dtype {chosen!r}: {did_you_mean(chosen, DTYPES)}")
    return "auto" if chosen == "auto" else getattr(torch, chosen)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from drawing its own progress bars and logging hints."""
    from transformers import modeling_gguf_pytorch_utils as gguf
    from transformers.utils import logging

    bars, level, bar = logging.is_progress_bar_enabled(), logging.get_verbosity(), getattr(gguf, "tqdm", None)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    gguf.tqdm = lambda items, **_: items  # the one bar that the settings above do not reach
    try:
        yield
    finally:
        gguf.tqdm = bar
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _read_card(folder: Path) -> dict[str, Any]:
    if not isfile(folder / "config.json"):
        raise not_a_checkpoint(folder)
    card = folder / CARD
    if not isfile(card):
        return {}
    try:
        found = read_json(card)
    except (OSError, ValueError) as error:
        raise CorruptFile(f"{card} cannot be read ({error}): save the model again") from error
    if not isinstance(found, dict):
        raise CorruptFile(f"{card} is not a JSON object: save the model again")
    ids = [found.get(name) for name in ("eos_id", "prefix_id")]
    if not (isinstance(found.get("tokenizer", ""), str) and all(i is None or (type(i) is int and i >= 0) for i in ids)):
        raise CorruptFile(f"{card} names no tokenizer and tokens as this version has them: save the model again")
    return found


def _load_module(
    name: str, folder: str, gguf_file: str | None, device: str | None, dtype: str | None, attention: str | None
) -> Any:
    try:
        from transformers import AutoConfig, AutoModelForCausalLM
    except ImportError as error:
        raise MissingExtra(f"the model '{name}'", "lm") from error
    where = torch_device(device)
    # A checkpoint is data: neither the Python that it may bring nor what a pickle would run is ever run, nor asked for.
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if gguf_file is None:  # what llama.cpp converts is a decoder, or no causal model to transformers
        with _reading(name, folder, gguf_file, attention):
            config = AutoConfig.from_pretrained(folder, **options)
        check_decoder(config, name)
    options["weights_only"] = True
    options["dtype"] = torch_dtype(dtype, where.type)
    if attention is not None:
        if "/" in attention:
            refuse_kernel(attention, f"attention={attention!r}")
        options["attn_implementation"] = attention
    if gguf_file is not None:
        from transformers import GgufConfig

        options |= {"gguf_file": gguf_file, "quantization_config": GgufConfig(dequantize=True)}
    with _reading(name, folder, gguf_file, attention):
        module, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **options)
    missing = sorted(info["missing_keys"])
    if missing:
        raise CorruptFile(
            f"'{name}' lacks {len(missing)} of the model's weights, such as {missing[0]}: the checkpoint was cut "
            "short, or is not that of a causal language model"
        )
    return module.to(where)


def _empty_module(
    name: str, folder: str, gguf_file: str | None, device: str | None, dtype: str | None, attention: str | None
) -> Any:
    """Return a model of a checkpoint's settings, without its weights; what could not be loaded is refused."""
    try:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig
    except ImportError as error:
        raise MissingExtra(f"the model '{name}'", "lm") from error
    torch_dtype(dtype, torch_device(device).type)
    packed = {} if gguf_file is None else {"gguf_file": gguf_file}
    with _reading(name, folder, gguf_file, attention):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **packed)
    check_decoder(config, name)
    with _reading(name, folder, gguf_file, attention), torch.device("meta"):
        module = AutoModelForCausalLM.from_config(config, trust_remote_code=False).to(
            "meta"
        )  # some make parts elsewhere
    with suppress(OSError), quiet_transformers(), offline():
        module.generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)
    return module


@contextmanager
def _reading(name: str, folder: str, gguf_file: str | None, attention: str | None) -> Iterator[None]:
    """Have transformers read a checkpoint in the block, quietly and from this machine; explain what it raises."""
    config = _config(name, folder)
    check_layers(config, name)
    kernel = named_kernel(config)
    if kernel is not None:
        refuse_kernel(kernel, f"the config.json of '{name}'")
    try:
        with quiet_transformers(), offline():
            yield
    except ImportError as error:
        if gguf_file is None:  # what it is packed with, such as bitsandbytes
            raise InvalidParameter(f"'{name}' needs a package that is not installed: {_reason(error)}") from error
        raise MissingExtra(f"the model '{name}'", "lm") from error
    except Exception as error:  # the readers below transformers raise many kinds, some of them bare
        raise _explained(error, name, isdir(folder), attention) from error


def _config(name: str, folder: str) -> Any:
    """Return what the ``config.json`` of a folder, or of a name in the local cache, holds; None where there is none."""
    path: object = Path(folder) / "config.json"
    if not isdir(folder):
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError

        try:
            path = try_to_load_from_cache(folder, "config.json")
        except HFValidationError:
            return None
    if not isinstance(path, str | Path) or not isfile(path):
        return None
    try:
        return read_json(path)
    except CorruptFile as error:
        raise CorruptFile(f"'{name}' is not a checkpoint that can be read, or it was cut short: {error}") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _explained(error: Exception, name: str, local: bool, attention: str | None) -> CompressLabError:
    """Return the error to raise for a checkpoint that transformers cannot load."""
    reason = _reason(error)
    if is_out_of_memory(error):
        return UnreadableFile(
            f"cannot read '{name}': it does not fit into memory ({reason}): give dtype='bfloat16', or a smaller model"
        )
    if "trust_remote_code" in reason or "custom code" in reason:
        return InvalidParameter(
            f"'{name}' brings Python code of its own (auto_map), and the code of a checkpoint is never run here: use a "
            "model that transformers has itself"
        )
    if "Unrecognized configuration class" in reason:
        return InvalidParameter(f"'{name}' is not a causal language model: transformers has no such form of it")
    if attention is not None and "attn" in reason:
        return InvalidParameter(f"attention {attention!r} cannot be used with '{name}': {reason}")
    if "mismatched_sizes" in reason:
        return CorruptFile(
            f"the weights of '{name}' have other shapes than its config.json says: the two files do not belong together"
        )
    if not local:
        return UnknownName(
            f"unknown model {name!r}: there is no such folder or file, and it is not in the local Hugging Face cache: "
            "give a folder or a GGUF file, or download it first (nothing is downloaded here)"
        )
    return CorruptFile(f"'{name}' is not a checkpoint that can be read, or it was cut short: {reason}")
