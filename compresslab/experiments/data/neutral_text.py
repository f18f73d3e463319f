"""Text that is neither positive nor negative, and not of the pre-training: what a placebo is aligned to.

A placebo has to move a model as far as alignment does, and to teach it nothing of what is asked. ``prose-backwards`` is
the corpus ``prose`` with every sentence written backwards: its letters, its lengths and its spelling of rare signs are
those of English, its order is that of no text of any role. It has to be learned anew, so that a model pays for it with
its pre-training, as it pays for alignment; a text that is near the pre-training data would only add to that.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from compresslab.data.corpora import corpus_names, corpus_texts
from compresslab.data.texts import Texts

__all__ = ["PROSE_BACKWARDS", "backwards", "is_embedded", "neutral_texts"]

PROSE_BACKWARDS: Final = "prose-backwards"


def backwards(texts: Texts) -> Texts:
    """Return every text with its characters in the opposite order.

    Args:
        texts: UTF-8; bytes that are not are replaced.

    Example:
        >>> list(backwards(Texts.pack(["Not now.", "é!"])))[0]
        b'.won toN'
    """
    return Texts.pack(text.decode("utf-8", "replace")[::-1] for text in texts)


@lru_cache(maxsize=1)
def neutral_texts() -> Texts:
    """Return the sentences of the corpus ``prose``, each written backwards.

    Raises:
        UnreadableFile: this Python came without the sources of its library.
    """
    return backwards(corpus_texts("prose", "sentence"))


def is_embedded(source: str) -> bool:
    """Say whether a source is made here, not read from a file.

    Example:
        >>> is_embedded("names"), is_embedded("prose-backwards"), is_embedded("names.txt")
        (True, True, False)
    """
    return source == PROSE_BACKWARDS or source in corpus_names()
