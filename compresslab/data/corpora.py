"""The embedded corpora: real text that every CPython has, so that everything here runs without a download.

=========  =====================================================================  ===============================
name       text                                                                   a document is
=========  =====================================================================  ===============================
``prose``  the docstrings of the standard library, and pydoc's topics             a module's docstrings, or a topic
``code``   the standard library's source without its docstrings and comments      a module
``names``  the names of Unicode characters                                        256 code points
=========  =====================================================================  ===============================

`compresslab.data.stdlib_text` says what exactly is taken and what is left out. On CPython 3.11 they hold 1.9, 5.0 and
0.9 MB, as 37,000, 133,000 and 33,000 lines; other versions differ a little, and `corpus_info` gives the exact sizes and
a digest of the content. Making ``prose`` and ``code`` takes a few seconds, so they are kept in the cache folder
(`compresslab.data.cache`), under a key that changes with the Python and its sources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from compresslab._support.arrays import as_generator
from compresslab.data.cache import cached_texts, texts_digest
from compresslab.data.dataset import Dataset
from compresslab.data.splitting import UNITS, split_texts
from compresslab.data.stdlib_text import Progress, code_documents, name_documents, prose_documents, sources_key
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import Tokenizer, get_tokenizer
from compresslab.errors import UnknownName, did_you_mean

__all__ = [
    "CorpusInfo",
    "Scenario",
    "corpus_info",
    "corpus_names",
    "corpus_texts",
    "default_scenario",
    "load_corpus",
]

RECIPE = 1  # raise it when a corpus is made in another way: it is part of the key of the cache

MAKERS: dict[str, tuple[str, Callable[[Progress | None], list[bytes]]]] = {
    "prose": ("docstrings of the standard library and pydoc's topics", prose_documents),
    "code": ("the standard library's source without docstrings and comments", code_documents),
    "names": ("names of Unicode characters", name_documents),
}


@dataclass(frozen=True)
class CorpusInfo:
    """What a corpus holds.

    Attributes:
        name: "prose", "code" or "names".
        title: one line that says what it is.
        num_documents: documents.
        num_lines: lines that are not blank.
        num_bytes: bytes of the documents (UTF-8).
        digest: SHA-256 of the content: equal digests, equal corpora.
    """

    name: str
    title: str
    num_documents: int
    num_lines: int
    num_bytes: int
    digest: str


def corpus_names() -> tuple[str, ...]:
    """Return the names of the embedded corpora.

    Example:
        >>> corpus_names()
        ('prose', 'code', 'names')
    """
    return tuple(MAKERS)


def corpus_texts(name: str, unit: str = "document", *, progress: Progress | None = None) -> Texts:
    """Return the bytes of a corpus, split by ``unit`` as `load_corpus` says.

    Args:
        name: one of `corpus_names`.
        unit: "document", "line", "sentence" or "word".
        progress: called with (files done, files in all) while the corpus is made, not if it comes from the cache.

    Raises:
        UnknownName: no such corpus or unit.
        UnreadableFile: this Python came without the sources of its library.
    """
    if name not in MAKERS:
        raise UnknownName(f"unknown corpus {name!r}: {did_you_mean(name, MAKERS)}")
    if unit not in UNITS:
        raise UnknownName(f"unknown unit {unit!r} to split by: {did_you_mean(unit, UNITS)}")
    make = MAKERS[name][1]
    if make is name_documents:  # made faster than checked
        documents = Texts.pack(make(progress))
    else:
        key = f"{name}-{RECIPE}-{sources_key()[:24]}"
        documents = cached_texts(key, lambda: Texts.pack(make(progress)))
    # Only prose has sentences: a full stop in code or in a character's name ends nothing, a line does.
    return split_texts(documents, "line" if unit == "sentence" and name != "prose" else unit)


def load_corpus(
    name: str, unit: str = "line", tokenizer: str | Tokenizer = "bytes", *, progress: Progress | None = None
) -> Dataset:
    """Load an embedded corpus; the order of its responses is the same on every run.

    Args:
        name: "prose", "code" or "names".
        unit: what a response is, as `compresslab.data.splitting` defines it: "line" (blank ones dropped, indentation
            kept), "sentence" (for ``code`` and ``names`` that is a line too), "word" or "document".
        tokenizer: a name or a Tokenizer; "words" builds its vocabulary from this corpus alone.
        progress: see `corpus_texts`.

    Raises:
        UnknownName: no such corpus, unit or tokenizer.
        UnreadableFile: this Python came without the sources of its library.

    Example:
        >>> names = load_corpus("names")
        >>> names.texts()[:3]
        [b'SPACE', b'EXCLAMATION MARK', b'QUOTATION MARK']
    """
    return Dataset.from_texts(corpus_texts(name, unit, progress=progress), tokenizer, name=name)


def corpus_info(name: str, *, progress: Progress | None = None) -> CorpusInfo:
    """Return the exact sizes of a corpus and the digest of its content.

    Raises:
        UnknownName: no such corpus.

    Example:
        >>> corpus_info("names").title
        'names of Unicode characters'
    """
    documents = corpus_texts(name, progress=progress)
    return CorpusInfo(
        name=name,
        title=MAKERS[name][0],
        num_documents=len(documents),
        num_lines=len(split_texts(documents, "line")),
        num_bytes=documents.buffer.size,
        digest=texts_digest(documents),
    )


@dataclass(frozen=True)
class Scenario:
    """Data for the elasticity theorem: three sources of pre-training, more of the second, more of the third.

    Attributes:
        pretrain: the parts of ``D_p``, to be mixed in equal volumes: D_1 = names, D_2 = prose, D_3 = code.
        align: ``D_a``, distributed as D_2: held-out prose.
        perturb: ``D_t``, distributed as D_3: held-out code.
    """

    pretrain: dict[str, Dataset]
    align: Dataset
    perturb: Dataset


def default_scenario(
    unit: str = "line",
    seed: int | np.random.Generator = 0,
    tokenizer: str | Tokenizer = "bytes",
    *,
    max_vocab: int | None = None,
    progress: Progress | None = None,
) -> Scenario:
    """Return the theorem's scenario on the embedded corpora (theory, section 4, contained reading).

    ``D_p`` = names + prose + code, ``D_a`` like prose, ``D_t`` like code. The responses of prose and of code are
    shuffled and cut into halves, one for ``D_p``, one held out; then each of the five datasets is cut at random to the
    same number of responses, that of the smallest (half of prose, mostly). Only the distributions matter to the
    theorem, as a Mixture sets the volumes; equal numbers of responses keep any part from being better known than
    another. No response of a corpus is used twice, but equal texts recur, as they do in nature. Within each dataset the
    order of the corpus is kept.

    Args:
        unit: what a response is; see `load_corpus`.
        seed: a whole number (same seed, same scenario) or a numpy Generator.
        tokenizer: one for all; "words" builds its vocabulary from the five together.
        max_vocab: most words in that vocabulary.
        progress: see `corpus_texts`.

    Raises:
        UnknownName: no such unit or tokenizer.
        InvalidParameter: a seed that is no seed.
    """
    rng = as_generator(seed)
    corpora = {name: corpus_texts(name, unit, progress=progress) for name in ("names", "prose", "code")}
    orders = {name: rng.permutation(len(texts)) for name, texts in corpora.items()}
    halves = {name: len(order) // 2 for name, order in orders.items()}
    count = min(len(orders["names"]), halves["prose"], halves["code"])
    chosen = {
        "names": ("names", orders["names"][:count]),
        "prose": ("prose", orders["prose"][:count]),
        "code": ("code", orders["code"][:count]),
        "align": ("prose", orders["prose"][halves["prose"] :][:count]),
        "perturb": ("code", orders["code"][halves["code"] :][:count]),
    }
    texts = {part: corpora[name].select(np.sort(order)) for part, (name, order) in chosen.items()}
    shared = get_tokenizer(tokenizer, Texts.concat(texts.values()), max_vocab=max_vocab)
    labels = {"align": "prose, held out", "perturb": "code, held out"}
    made = {part: Dataset.from_texts(held, shared, name=labels.get(part, part)) for part, held in texts.items()}
    return Scenario({name: made[name] for name in ("names", "prose", "code")}, made["align"], made["perturb"])
