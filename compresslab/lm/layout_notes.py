"""What is to be said of texts in a model's tokens: the chat template, doubled ends, control tokens; one way for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

__all__ = ["LaidOut", "layout_notes"]


class LaidOut(Protocol):
    """What the results of commands with a model know of the texts; see `compresslab.measurements.model_score`."""

    @property
    def layout(self) -> str:
        """A sentence on the chat template; empty where there is nothing to say."""
        ...

    @property
    def responses(self) -> int:
        """How many texts."""
        ...

    @property
    def own_prefixes(self) -> int:
        """Texts that begin with the prefix themselves."""
        ...

    @property
    def own_ends(self) -> int:
        """Texts that end with EOS themselves."""
        ...

    @property
    def control_tokens(self) -> int:
        """Other control tokens that the texts spell."""
        ...

    @property
    def read_control_tokens(self) -> bool:
        """Whether those were read as such."""
        ...


def layout_notes(one: LaidOut, name: str, *, choice: bool = True) -> Iterator[str]:
    """Say how texts were laid out for a model: the chat template, what begins and ends them, control tokens.

    Args:
        one: the numbers.
        name: of the texts, and of the model where there are several.
        choice: whether the caller can have control tokens read as such.
    """
    if one.layout:
        yield f"{name}: {one.layout}"
    held = [f"{count:,} of {one.responses:,} {what}" for count, what in (
        (one.own_prefixes, "begin with the prefix themselves"), (one.own_ends, "end with EOS themselves"),
    ) if count]  # fmt: skip
    if held:
        yield f"{name}: {' and '.join(held)}, and get no second one."
    if one.control_tokens:
        other = " (--control-tokens: as such)" if choice else ""
        how = "such (--control-tokens)" if one.read_control_tokens else f"characters{other}"
        yield f"{name}: texts spell control tokens, {one.control_tokens:,} in all, which are read as {how}."
