"""Ready models of an experiment: which can be trained, and what a spec records of them and of how they read texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from compresslab.data.tokenizers import get_tokenizer, tokenizer_fingerprint
from compresslab.errors import InvalidParameter, UnknownName, did_you_mean
from compresslab.experiments.data.examples import Examples
from compresslab.experiments.data.layouts import lay_out_examples
from compresslab.experiments.data.tuning_texts import TextSpec, deal_texts
from compresslab.experiments.models.base_models import SHAPES
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.registry import get_model, model_names

__all__ = [
    "check_model",
    "check_template",
    "given_model",
    "model_record",
    "template_notes",
    "template_record",
    "training_bytes",
]

_LARGEST_SIZE = 4_000_000  # weights
_PROCESS_BYTES = 3 << 30  # torch's own on a GPU, and a batch: activations and logits


def check_template(model: str, template: str) -> None:
    """Raise InvalidParameter if a chat template is asked for that a model made here has no control tokens for."""
    if model in SHAPES and template not in ("auto", "none"):
        raise InvalidParameter(
            f"a model of size {model!r} reads bytes, and has no control tokens for a chat template: leave out "
            f"--template {template} (template={template!r})"
        )


def check_model(name: str, length: int, device: str = "cpu") -> None:
    """Raise unless there is such a model and it can be trained on examples of ``length`` inputs.

    Sizes are known, other models are loaded once.

    Raises:
        UnknownName, InvalidParameter: no such model, or none that can be trained so.
    """
    context = SHAPES[name].context if name in SHAPES else given_model(name, device).context
    if context is not None and length > context:
        raise InvalidParameter(
            f"examples of {length} tokens are longer than the context of '{name}', {context}: lower the recipe's length"
        )


def training_bytes(models: Iterable[str], states: int) -> int:
    """Return about how much of a GPU's memory one process takes that fine-tunes the largest of some models.

    Args:
        models: sizes, or ready models, of which nothing but the settings is read.
        states: copies of the weights that are kept on the way.
    """
    from compresslab.probe.planning import model_of_settings, weights_of

    weights = max(_LARGEST_SIZE if name in SHAPES else weights_of(model_of_settings(name)) for name in models)
    # In float32: the base and what is trained; of that, gradient and two moments; its copy in bf16 for the computation.
    return _PROCESS_BYTES + weights * (2 * 4 + 3 * 4 + 2 + 4 * states)


def given_model(name: str, device: str) -> HuggingFaceModel:
    """Return a ready model, in float32.

    Raises:
        UnknownName, InvalidParameter: no such model, or none that can be fine-tuned.
    """
    settings = {"device": device} if name == "tiny" else {"device": device, "dtype": "float32"}
    try:
        model = None if name.startswith("tree:") else get_model(name, **settings)  # a tree takes no device
    except UnknownName as error:
        if any(sign in name for sign in "/\\:~") or name in model_names():
            raise
        raise UnknownName(f"unknown model {name!r}: {did_you_mean(name, (*SHAPES, *model_names()))}") from error
    if not isinstance(model, HuggingFaceModel):
        raise InvalidParameter(f"the model '{name}' cannot be fine-tuned: give a size ({', '.join(SHAPES)}) or a "
                               "model of transformers")  # fmt: skip
    return model


def model_record(names: Iterable[str], device: str) -> dict[str, Any]:
    """Return the content fingerprints of the ready models, and of what reads texts for them."""
    given = {name: given_model(name, device) for name in dict.fromkeys(names) if name not in SHAPES}
    if not given:
        return {}
    return {
        "models": {name: _fingerprints(model) for name, model in given.items()},
        "model_tokens": {name: _tokens(model) for name, model in given.items()},
    }


def _fingerprints(model: HuggingFaceModel) -> dict[str, str]:
    tokenizer = model.tokenizer or get_tokenizer("bytes")
    return {"weights": model.content_fingerprint(), "tokenizer": tokenizer_fingerprint(tokenizer)}


def _tokens(model: HuggingFaceModel) -> dict[str, int | str | None]:
    """Return what begins and ends a text for a model, and the SHA-256 of its chat template; None where it has none."""
    template = getattr(model.tokenizer, "chat_template", None)
    digest = None if template is None else hashlib.sha256(template.encode()).hexdigest()
    return {"prefix": model.prefix_id, "eos": model.eos_id, "template": digest}


@lru_cache(maxsize=4)
def _given_layouts(name: str, texts: TextSpec, most: int, length: int) -> dict[str, tuple[str | None, tuple[str, ...]]]:
    """Return for each role of texts the digest of the template that lays it out for a ready model, and sentences."""
    dealt, model = deal_texts(texts, most), given_model(name, "cpu")
    found = {}
    for role in texts.roles:
        parts = [dealt.held_out[role], *([dealt.train[role]] if role in dealt.train else [])]
        laid = lay_out_examples(model, Examples.concat(parts), length, role, texts.template)
        template = laid.dialogues.template
        found[role] = (None if template is None else template.fingerprint, tuple(laid.notes(f"{role}, {name}", length)))
    return found


def template_record(models: Iterable[str], texts: TextSpec, most: int, length: int) -> dict[str, Any]:
    """Return the digests of the chat templates that lay out roles for ready models, where there are any."""
    found: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys(models):
        if name in SHAPES:
            continue
        used = {role: sha for role, (sha, _) in _given_layouts(name, texts, most, length).items() if sha is not None}
        if used:
            found[name] = used
    return {"template_sha256": found} if found else {}


def template_notes(models: Iterable[str], texts: TextSpec, most: int, length: int) -> tuple[str, ...]:
    """Say how texts are laid out for ready models: chat templates, control tokens, what is too long."""
    return tuple(
        note
        for name in dict.fromkeys(models)
        if name not in SHAPES
        for _, notes in _given_layouts(name, texts, most, length).values()
        for note in notes
    )
