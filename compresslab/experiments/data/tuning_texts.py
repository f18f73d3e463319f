"""The texts of the fine-tuning experiments: pre-training, positive and negative data, and what is held out of each.

A source is the name of an embedded corpus (``prose``, ``code``, ``names``), or a file: ``.jsonl`` (its field ``text``),
anything else one response a line. A response is a sentence or a line everywhere. The positive and the negative texts
are shuffled and dealt out, no response twice::

    held out | contained in the pre-training data | for fine-tuning ... | for the judge of style

The second part is what the theorem calls contained: pre-training data of real models holds texts of both kinds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from compresslab._support.checks import number_or_nan
from compresslab.data.cache import texts_digest
from compresslab.data.corpora import corpus_names, corpus_texts
from compresslab.data.readers import read_files, read_jsonl
from compresslab.data.splitting import split_texts
from compresslab.data.texts import Texts
from compresslab.errors import InvalidParameter

__all__ = ["EMBEDDED", "ROLES", "RoleTexts", "TextSpec", "deal_texts", "read_source", "text_record", "text_spec"]

ROLES = ("pretrain", "positive", "negative")


@dataclass(frozen=True)
class TextSpec:
    """Where the texts come from and how they are dealt out.

    Attributes:
        pretrain: sources of the pre-training data.
        positive: sources of the positive data.
        negative: sources of the negative data.
        held_out: responses of each role that nothing is trained on.
        contained: responses of the positive and of the negative data, each, set apart for the pre-training.
        judged: responses of each kind that only the judge of style learns from.
        longest: bytes of a response at most; longer ones are left out, so that an example is a response.
        limit: responses of each source of pre-training data at most, taken at random; all where None.
    """

    pretrain: tuple[str, ...] = ("prose",)
    positive: tuple[str, ...] = ("names",)
    negative: tuple[str, ...] = ("code",)
    held_out: int = 150
    contained: int = 1500
    judged: int = 1000
    longest: int = 250
    limit: int | None = None

    def check(self) -> None:
        """Raise InvalidParameter for numbers that cannot be; sources are checked when they are read."""
        for name, low in (("held_out", 2), ("contained", 0), ("judged", 1), ("longest", 1)):
            value = getattr(self, name)
            if not (isinstance(value, int) and number_or_nan(value) >= low):
                raise InvalidParameter(f"{name} is a whole number, {low} or more: not {value!r}")
        if self.limit is not None and not number_or_nan(self.limit) >= 1:
            raise InvalidParameter(f"limit is a whole number, 1 or more, or None: not {self.limit!r}")
        for role in ROLES:
            if not getattr(self, role):
                raise InvalidParameter(f"there is no source of the {role} data: name a corpus or a file")


EMBEDDED = TextSpec(limit=6_000)


@dataclass(frozen=True, eq=False)
class RoleTexts:
    """Texts dealt out.

    Attributes:
        pretrain: of the pre-training.
        contained: as many positive as negative ones, for the pre-training too.
        train: "positive" and "negative": for fine-tuning, all that are left.
        held_out: of "pretrain", "positive" and "negative".
        judge: "positive" and "negative": for the judge of style.
        digest: SHA-256 of all of them, as dealt.
    """

    pretrain: Texts
    contained: Texts
    train: dict[str, Texts]
    held_out: dict[str, Texts]
    judge: dict[str, Texts]
    digest: str


def text_spec(data: Iterable[str], **settings: Any) -> TextSpec:
    """Return the spec of ``role=source`` entries; the embedded corpora where there are none.

    Args:
        data: such as ``positive=good.txt``; a role may come several times, its sources are then joined.
        settings: other fields of `TextSpec`.

    Raises:
        InvalidParameter: an entry of another form, or some roles and not all.

    Example:
        >>> text_spec(["pretrain=prose", "positive=names", "negative=code"]).negative
        ('code',)
        >>> text_spec(["positive=good.txt"])
        Traceback (most recent call last):
        compresslab.errors.InvalidParameter: data for positive, none for pretrain, negative: give all three roles, as
        role=corpus or role=file
    """
    found: dict[str, list[str]] = {role: [] for role in ROLES}
    entries = list(data)
    for entry in entries:
        role, equals, source = entry.partition("=")
        if role not in found or not equals or not source:
            raise InvalidParameter(
                f"data is given as role=corpus or role=file, the role being {', '.join(ROLES)}: not {entry!r}"
            )
        found[role].append(source)
    if not entries:
        return replace(EMBEDDED, **settings)
    missing = [role for role in ROLES if not found[role]]
    if missing:
        given = ", ".join(role for role in ROLES if found[role])
        raise InvalidParameter(
            f"data for {given}, none for {', '.join(missing)}: give all three roles, as role=corpus or role=file"
        )
    pretrain, positive, negative = (tuple(found[role]) for role in ROLES)
    return TextSpec(pretrain, positive, negative, **settings)


def read_source(source: str) -> Texts:
    """Return the responses of a source, in its order; see the top of this file.

    Raises:
        UnreadableFile: neither an embedded corpus nor a file.
        InvalidParameter: JSON lines without a field ``text``.
    """
    if source in corpus_names():
        return corpus_texts(source, "sentence")
    if source.lower().endswith(".jsonl"):
        return read_jsonl(source, "text").texts
    return split_texts(read_files(source, text=True).texts, "line")


@lru_cache(maxsize=2)
def deal_texts(spec: TextSpec, most: int) -> RoleTexts:
    """Read the sources and deal the texts out, the same way each time.

    Args:
        spec: what from where.
        most: positive (and negative) texts that fine-tuning needs at least.

    Raises:
        InvalidParameter: too few texts of a role.
        UnreadableFile: a source that is missing.
    """
    spec.check()
    rng = np.random.default_rng(0)
    pools = {role: _pool(getattr(spec, role), spec, rng, spec.limit if role == "pretrain" else None) for role in ROLES}
    held = {role: _take(pool, role, 0, spec.held_out, spec) for role, pool in pools.items()}
    pretrain = _take(pools["pretrain"], "pretrain", spec.held_out, max(1, len(pools["pretrain"]) - spec.held_out), spec)
    contained, train, judge = [], {}, {}
    for role in ROLES[1:]:
        at = spec.held_out + spec.contained
        _take(pools[role], role, at, most + spec.judged, spec)  # there must be so many
        left = max(most, len(pools[role]) - at - spec.judged)
        contained.append(_take(pools[role], role, spec.held_out, spec.contained, spec))
        train[role] = _take(pools[role], role, at, left, spec)
        judge[role] = _take(pools[role], role, at + left, spec.judged, spec)
    both = Texts.concat(contained)
    digest = hashlib.sha256()
    for texts in (pretrain, both, *train.values(), *held.values(), *judge.values()):
        digest.update(texts_digest(texts).encode())
    return RoleTexts(pretrain, both, train, held, judge, digest.hexdigest())


def text_record(spec: TextSpec, most: int) -> dict[str, Any]:
    """Return what ``spec.json`` says about the texts: names of sources without their folders, sizes, a digest."""
    dealt = deal_texts(spec, most)
    return {
        **{role: [_label(source) for source in getattr(spec, role)] for role in ROLES},
        **{name: getattr(spec, name) for name in ("held_out", "contained", "judged", "longest", "limit")},
        "pretrain_texts": len(dealt.pretrain),
        "pretrain_bytes": int(dealt.pretrain.buffer.size),
        "sha256": dealt.digest,
    }


def _label(source: str) -> str:
    return source if source in corpus_names() else Path(source).name


def _pool(sources: tuple[str, ...], spec: TextSpec, rng: np.random.Generator, limit: int | None) -> Texts:
    """Read, drop what is too long or empty, shuffle."""
    kept = []
    for source in sources:
        texts = read_source(source)
        lengths = np.diff(texts.offsets)
        usable = np.flatnonzero((lengths > 0) & (lengths <= spec.longest))
        kept.append(texts.select(rng.permutation(usable)[:limit]))
    joined = Texts.concat(kept)
    return joined.select(rng.permutation(len(joined)))


def _take(pool: Texts, role: str, at: int, count: int, spec: TextSpec) -> Texts:
    if at + count > len(pool):
        raise InvalidParameter(
            f"the {role} data ({', '.join(_label(source) for source in getattr(spec, role))}) has {len(pool):,} texts "
            f"of 1 to {spec.longest} bytes, and {at + count:,} are needed: give more data, or smaller volumes"
        )
    return pool.select(np.arange(at, at + count))
