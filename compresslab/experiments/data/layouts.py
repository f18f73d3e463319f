"""Examples in a model's tokens: conversations by the chat template, prompts as context, by the rule of ``score``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import as_array
from compresslab.data.dataset import Dataset
from compresslab.errors import EmptyDataset, InvalidParameter
from compresslab.experiments.data.examples import Examples
from compresslab.lm.documents import TEMPLATES, Layout, documents_of
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.layout_notes import layout_notes
from compresslab.lm.prompts import Dialogues

__all__ = ["LaidOut", "check_ends", "hidden_of", "lay_out_examples", "prompt_tokens", "template_label"]


@dataclass(frozen=True, eq=False)
class LaidOut:
    """Examples in a model's tokens.

    Attributes:
        dialogues: those that fit.
        prompts: what stands before each of these.
        longer: how many have more tokens than an example holds.
        layout: a sentence on the chat template; empty where there is nothing to say.
    """

    dialogues: Dialogues
    prompts: tuple[bytes, ...]
    longer: int
    layout: str

    read_control_tokens = False

    @property
    def responses(self) -> int:
        """How many were laid out."""
        return len(self.dialogues.data) + self.longer

    @property
    def own_prefixes(self) -> int:
        """As of `compresslab.lm.prompts.Dialogues`."""
        return self.dialogues.own_prefixes

    @property
    def own_ends(self) -> int:
        """Likewise."""
        return self.dialogues.own_ends

    @property
    def control_tokens(self) -> int:
        """Likewise."""
        return self.dialogues.control_tokens

    def notes(self, name: str, length: int) -> list[str]:
        """Say how they were laid out, and what was left out for its length."""
        count = f"{self.longer:,} of {self.responses:,} examples have more than {length} tokens and are left out."
        return [*layout_notes(self, name, choice=False), *([f"{name}: {count}"] if self.longer else [])]


def lay_out_examples(
    model: HuggingFaceModel, examples: Examples, length: int, name: str, template: str = "auto"
) -> LaidOut:
    """Put examples into a model's tokens, without those that no example of ``length`` inputs holds.

    Args:
        model: the model.
        examples: responses, with what stands before them.
        length: inputs of an example of training.
        name: a label for tables and errors.
        template: as of `compresslab.lm.documents.Layout`; nothing to examples that have neither prompts nor turns.

    Raises:
        InvalidParameter: a template that cannot be used, or that writes nothing which ends a response.
        EmptyDataset: none fits.
    """
    if model.tokenizer is None:
        data = Dataset.from_texts(examples.whole, "bytes", name=name)
        laid, said = Dialogues(data, np.zeros(len(data), dtype=np.int64), data.num_bytes or 0), ""
    else:
        layout = Layout(template if examples.asks else "none")
        laid, said = documents_of(model, examples.responses, examples.prompts, examples.turns, layout, name)
    check_ends(laid)
    fitting = np.flatnonzero(laid.data.lengths <= length)
    if not fitting.size:
        raise EmptyDataset(f"no example of the {name} data has {length} tokens or fewer: give shorter ones (--longest)")
    prompts = [b""] * len(examples) if examples.prompts is None else list(examples.prompts)
    longer = len(examples) - fitting.size
    if longer:
        data = laid.data.select(fitting)
        laid = replace(laid, data=data, hidden=laid.hidden[fitting], num_bytes=data.num_bytes or 0)
    return LaidOut(laid, tuple(prompts[i] for i in fitting.tolist()), longer, said)


def check_ends(laid: Dialogues) -> None:
    """Raise InvalidParameter unless responses end in a token that counts."""
    if not laid.ends:
        raise InvalidParameter(
            "the chat template writes no token that ends a response, so no response can be drawn: give another, or "
            "--template none (template='none')"
        )


def prompt_tokens(model: HuggingFaceModel, laid: Dialogues, prompts: Sequence[bytes]) -> list[NDArray[np.int64]]:
    """Return the tokens that responses are drawn after: what stands before each."""
    if laid.template is None:
        return [as_array(model.encode(prompt + b"\n" if prompt else b""), dtype=np.int64) for prompt in prompts]
    return [as_array(one[:count], dtype=np.int64) for one, count in zip(laid.data, laid.hidden, strict=True)]


def hidden_of(laid: Dialogues) -> NDArray[np.int64] | None:
    """Return how many tokens of each response are context; None where none are."""
    return laid.hidden if laid.hidden.any() else None


def template_label(template: str) -> str:
    """Return what a spec calls a template: its file without its folder; what that holds is in a digest."""
    return template if template in TEMPLATES else Path(template).name
