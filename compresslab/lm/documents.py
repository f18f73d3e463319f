"""Texts as a model reads them: alone, after their prompts, or as conversations by a chat template; one way for all.

==================  =================================================================================================
``--template``      what is laid out by a chat template
==================  =================================================================================================
``auto``            conversations, by the tokenizer's template, where it has one
``tokenizer``       conversations, and prompts with responses (a turn of the user, one of the assistant), by it
a file of Jinja     the same, by the file
``none``            nothing: a prompt, or the turns before a response, joined by line feeds, a line feed, the response
==================  =================================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compresslab._support.piping import named
from compresslab.data.hugging_face_tokenizer import HuggingFaceTokenizer
from compresslab.data.templates import ChatTemplate, read_template
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import Tokenizer
from compresslab.data.turns import SETTINGS, Turn
from compresslab.errors import InvalidParameter
from compresslab.lm.chats import lay_out_chats
from compresslab.lm.prompts import Dialogues, lay_out
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.scoring import reading, tokenized

__all__ = ["TEMPLATES", "Conversations", "Layout", "choose_template", "documents_of"]

TEMPLATES = ("auto", "tokenizer", "none")
Conversations = Sequence[tuple[Turn, ...] | None]


@dataclass(frozen=True)
class Layout:
    """How texts are laid out for a model.

    Attributes:
        template: see the table above.
        control_tokens: read control tokens that a text spells, such as ``<|im_end|>``, as such; as their characters
            otherwise.
        keep_prefix: begin documents with the model's prefix, even where a template begins them with another token.
        keep_eos: end them with the model's EOS, even where a template ends them with another.
    """

    template: str = "auto"
    control_tokens: bool = False
    keep_prefix: bool = False
    keep_eos: bool = False


def documents_of(
    model: LanguageModel,
    responses: Texts,
    prompts: Texts | None = None,
    conversations: Conversations | None = None,
    layout: Layout = Layout(),
    name: str = "",
) -> tuple[Dialogues, str]:
    """Return texts in a model's tokens, and a sentence on the chat template; empty where there is nothing to say.

    Args:
        model: the model.
        responses: the texts that are measured.
        prompts: what stands before each; None where nothing does.
        conversations: the turns up to each response, as `compresslab.data.door.read_data` finds them.
        layout: how.
        name: a label for tables and errors.

    Raises:
        MismatchedVocabulary: the model is over bare numbers.
        InvalidParameter: a template that cannot be used, or is asked for where there are no prompts.

    Example:
        >>> from compresslab import Dataset
        >>> from compresslab.lm.tree_model import TreeModel
        >>> model = TreeModel.of(Dataset.from_texts(["yes"]), depth=2)
        >>> found, said = documents_of(model, Texts.pack(["yes"]), Texts.pack(["sure?"]))
        >>> found.hidden.tolist(), said
        ([6], '')
    """
    tokenizer = reading(model, layout.control_tokens)
    talks = conversations is not None and any(conversations)
    template, said = choose_template(tokenizer, layout, name, talks=talks, asks=prompts is not None)
    if template is not None:
        assert isinstance(tokenizer, HuggingFaceTokenizer)  # as choose_template has seen to
        turns = _in_turns(responses, prompts, conversations, layout, name)
        chats = lay_out_chats(
            turns, model, tokenizer, template, name, keep_prefix=layout.keep_prefix, keep_eos=layout.keep_eos
        )
        return chats, said
    if any(turns is not None and turns[0].is_settings for turns in conversations or ()):
        raise InvalidParameter(
            f"{named(name) or 'the data'} has {' or '.join(SETTINGS)} beside its messages, which a chat template alone "
            "lays out: give a file of Jinja, --template FILE (template='FILE'), or leave that field out of the data"
        )
    if prompts is not None:
        return lay_out(list(zip(prompts, responses, strict=True)), tokenizer, name, model=model), said
    data, starts, ends = tokenized(model, responses, name, control_tokens=layout.control_tokens)
    count = getattr(tokenizer, "count_control_tokens", None)
    own = starts + ends
    typed = 0 if count is None else sum(map(count, responses)) - int(own.sum())
    none = own * 0
    return Dialogues(data, none, int(responses.buffer.size), int(starts.sum()), int(ends.sum()), typed), said


def choose_template(
    tokenizer: Tokenizer, layout: Layout, name: str = "", *, talks: bool, asks: bool
) -> tuple[ChatTemplate | None, str]:
    """Return the template to use, and a sentence on it; empty where there is nothing to say.

    Args:
        tokenizer: of the model.
        layout: what is asked for.
        name: of the data.
        talks: whether the data have conversations.
        asks: whether they have prompts.

    Raises:
        InvalidParameter: a template is asked for that cannot be used.
        UnreadableFile: its file cannot be read.
    """
    own = getattr(tokenizer, "chat_template", None)
    what = named(name) or "the data"
    if layout.template == "none":
        return None, "no chat template is used (--template none)." if talks and own else ""
    if layout.template == "auto" and not talks:
        unused = asks and own is not None
        return None, (
            "the tokenizer's chat template is not used, as prompts and responses are not conversations "
            "(--template tokenizer uses it)."
            if unused
            else ""
        )
    if layout.template in TEMPLATES:
        if own is None and layout.template == "auto":
            return None, "the tokenizer has no chat template, so turns are joined by line feeds."
        if own is None:
            raise InvalidParameter(
                f"the tokenizer '{tokenizer.name}' has no chat template: give a file of Jinja, --template FILE "
                "(template='FILE'), or leave it out"
            )
        source, origin = own, "of the tokenizer"
    else:
        source, origin = read_template(layout.template), named(Path(layout.template).name)
    if not (talks or asks):
        raise InvalidParameter(
            f"{what} has neither conversations nor prompts, which a chat template lays out: leave out --template "
            f"{layout.template} (template={layout.template!r})"
        )
    if not isinstance(tokenizer, HuggingFaceTokenizer):
        raise InvalidParameter(
            f"the tokenizer '{tokenizer.name}' has no control tokens, which a chat template writes: leave out "
            f"--template {layout.template} (template={layout.template!r})"
        )
    template = ChatTemplate(source, origin, tokenizer.special_tokens, tokenizer.names)
    return template, f"laid out by the chat template {origin} (SHA-256 {template.fingerprint[:16]})."


def _in_turns(
    responses: Texts, prompts: Texts | None, conversations: Conversations | None, layout: Layout, name: str
) -> list[tuple[Turn, ...]]:
    """Return each response with the turns before it; of a prompt and a response two turns are made."""
    asked = list(prompts) if prompts is not None else [b""] * len(responses)
    held: Conversations = conversations if conversations is not None else [None] * len(responses)
    if layout.template == "auto" and not all(held):
        raise InvalidParameter(
            f"{named(name) or 'the data'} is conversations in part: lay all of it out by the chat template with "
            "--template tokenizer (template='tokenizer'), or none with --template none (template='none')"
        )
    return [
        (*([Turn("user", prompt)] if prompt else []), Turn("assistant", response)) if turns is None else turns
        for prompt, response, turns in zip(asked, responses, held, strict=True)
    ]
