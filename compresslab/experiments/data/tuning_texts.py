"""The texts of the fine-tuning experiments: pre-training, positive and negative data, and what is held out of each.

A source is the name of an embedded corpus (``prose``, ``code``, ``names``), or a file as `compresslab.data.door` reads
it: a response is a sentence, a line of a text, or the response of a row. The positive and the negative texts are
shuffled and dealt out, no response twice, each with the prompt or the conversation that it stands in::

    held out | contained in the pre-training data | for fine-tuning ... | for the judge of style

The second part is what the theorem calls contained: pre-training data of real models holds texts of both kinds.

Neutral texts are those that a placebo is aligned to. They are dealt out in the same way, but for the judge, and
contained where the others are: alignment to them is then as new to a model. Where there is no source of them, there is
no placebo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.checks import number_or_nan
from compresslab._support.printable import in_utf8
from compresslab.data.choice import choice_for_role, without_files
from compresslab.data.contamination import overlaps
from compresslab.data.corpora import corpus_names, corpus_texts
from compresslab.data.door import ReadData, read_data
from compresslab.data.texts import Texts
from compresslab.errors import InvalidParameter, UnknownName, did_you_mean
from compresslab.experiments.data.examples import Examples
from compresslab.experiments.data.layouts import template_label
from compresslab.experiments.data.neutral_text import PROSE_BACKWARDS, is_embedded, neutral_texts

__all__ = [
    "ALL_ROLES",
    "EMBEDDED",
    "NEUTRAL",
    "ROLES",
    "RoleTexts",
    "TextSpec",
    "deal_texts",
    "given_texts",
    "read_source",
    "source_label",
    "text_record",
]

ROLES = ("pretrain", "positive", "negative")
NEUTRAL = "neutral"
ALL_ROLES = (*ROLES, NEUTRAL)
REPEATS = ("apart", "kept")


@dataclass(frozen=True)
class TextSpec:
    """Where the texts come from and how they are dealt out.

    Attributes:
        pretrain: sources of the pre-training data.
        positive: sources of the positive data.
        negative: sources of the negative data.
        held_out: responses of each role that nothing is trained on.
        contained: responses of the positive, the negative and the neutral data, each, set apart for the pre-training.
        judged: responses of each kind that only the judge of style learns from.
        longest: bytes of a response and its prompt at most; longer ones are left out, so that an example is a response.
        limit: responses of each source of pre-training data at most, taken at random; all where None.
        repeats: "apart": of equal texts of a role one is dealt out, so that none is in two parts; "kept": each is dealt
            by itself. None: apart, but kept in a role that holds an embedded corpus, as in the recorded experiments.
        options: what of the files is read, as `compresslab.data.choice.data_options` gives them.
        template: what lays conversations out for a model that is taken as it is, as of
            `compresslab.lm.documents.Layout`.
        neutral: sources of the neutral data, which a placebo is aligned to; no placebo where empty.
    """

    pretrain: tuple[str, ...] = ("prose",)
    positive: tuple[str, ...] = ("names",)
    negative: tuple[str, ...] = ("code",)
    held_out: int = 150
    contained: int = 1500
    judged: int = 1000
    longest: int = 250
    limit: int | None = None
    repeats: str | None = None
    options: tuple[str, ...] = ()
    template: str = "auto"
    neutral: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that have texts."""
        return ALL_ROLES if self.neutral else ROLES

    def check(self) -> None:
        """Raise InvalidParameter for numbers that cannot be; sources are checked when they are read."""
        for name, low in (("held_out", 2), ("contained", 0), ("judged", 1), ("longest", 1)):
            value = getattr(self, name)
            if not (isinstance(value, int) and number_or_nan(value) >= low):
                raise InvalidParameter(f"{name} is a whole number, {low} or more: not {value!r}")
        if self.limit is not None and not number_or_nan(self.limit) >= 1:
            raise InvalidParameter(f"limit is a whole number, 1 or more, or None: not {self.limit!r}")
        if self.repeats not in (None, *REPEATS):
            raise UnknownName(f"unknown way with repeats {self.repeats!r}: {did_you_mean(self.repeats, REPEATS)}")
        for role in ROLES:
            if not getattr(self, role):
                raise InvalidParameter(f"there is no source of the {role} data: name a corpus or a file")
        for role in ALL_ROLES:
            choice_for_role(self.options, role, ALL_ROLES)
        others = {source for role in ROLES for source in getattr(self, role)}
        if shared := {source for source in self.neutral if is_embedded(source)} & others:
            raise InvalidParameter(
                f"{', '.join(sorted(shared))} is in another role, so it is not neutral: give other data, such as "
                f"{NEUTRAL}={PROSE_BACKWARDS}"
            )

    def are_apart(self, role: str) -> bool:
        """Whether equal texts of a role are dealt out as one."""
        if self.repeats is not None:
            return self.repeats == "apart"
        return not any(is_embedded(source) for source in getattr(self, role))


EMBEDDED = TextSpec(limit=6_000)


@dataclass(frozen=True, eq=False)
class RoleTexts:
    """The texts of each role, dealt out to their uses.

    Attributes:
        pretrain: of the pre-training, prompts and responses as one text each.
        contained: as many positive as negative ones, and neutral ones where there is a placebo, for the pre-training
            too, likewise.
        train: "positive" and "negative", and "neutral" where there is a placebo: for fine-tuning, all that are left.
        held_out: of "pretrain", "positive" and "negative", and of "neutral" likewise.
        judge: "positive" and "negative": for the judge of style.
        digest: SHA-256 of all of them, as dealt.
        notes: what was read of each role, and what was left out, in sentences.
    """

    pretrain: Texts
    contained: Texts
    train: dict[str, Examples]
    held_out: dict[str, Examples]
    judge: dict[str, Texts]
    digest: str
    notes: tuple[str, ...] = ()


def given_texts(
    texts: TextSpec,
    data: Iterable[str],
    reading: Sequence[str] = (),
    repeats: str | None = None,
    template: str | None = None,
) -> TextSpec:
    """Return the texts of a preset, with other sources where there are ``role=source`` entries.

    Args:
        texts: of the preset.
        data: such as ``positive=good.txt``; a role may come several times, its sources are then joined. ``neutral``
            may stand alone; ``prose-backwards`` is a source for it.
        reading: what of the files is read, as `compresslab.data.choice.data_options` gives them.
        repeats: "apart" or "kept": see `TextSpec`.
        template: see `TextSpec`.

    Raises:
        InvalidParameter: an entry of another form, some of the three roles that must be, and not all, or options of
            files without files.

    Example:
        >>> given_texts(EMBEDDED, ["pretrain=prose", "positive=names", "negative=code"]).negative
        ('code',)
        >>> given_texts(EMBEDDED, ["positive=good.txt"])
        Traceback (most recent call last):
        compresslab.errors.InvalidParameter: data for positive, none for pretrain, negative: give all three roles, as
        role=corpus or role=file
    """
    found: dict[str, tuple[str, ...]] = {}
    for entry in data:
        role, equals, source = entry.partition("=")
        if role not in ALL_ROLES or not equals or not source:
            raise InvalidParameter(
                f"data is given as role=corpus or role=file, the role being {', '.join(ALL_ROLES)}: not {entry!r}"
            )
        found[role] = (*found.get(role, ()), source)
    given, missing = (", ".join(role for role in ROLES if (role in found) is held) for held in (True, False))
    if given and missing:
        raise InvalidParameter(
            f"data for {given}, none for {missing}: give all three roles, as role=corpus or role=file"
        )
    if (reading or template is not None) and not found:
        raise without_files(reading or ["template"])
    return replace(
        texts,
        **{role: found.get(role, getattr(texts, role)) for role in ALL_ROLES},
        options=tuple(reading),
        repeats=repeats,
        template=template or "auto",
    )


def read_source(source: str, options: Sequence[str] = (), role: str | None = None) -> Texts:
    """Return the responses of a source, in its order; see `source_of`."""
    return source_of(source, options, role)[0].responses


def source_of(source: str, options: Sequence[str] = (), role: str | None = None) -> tuple[Examples, ReadData | None]:
    """Return the examples of a source, in its order, and how it was read; None for an embedded corpus.

    Args:
        source: an embedded corpus or a file.
        options: what of it, as `compresslab.data.choice.data_options` gives them.
        role: whose source it is: options may be meant for one role.

    Raises:
        UnreadableFile: neither an embedded corpus nor a file.
        InvalidParameter: a file that can be read in several ways, or in none.
    """
    if source in corpus_names():
        return Examples(corpus_texts(source, "sentence")), None
    if source == PROSE_BACKWARDS:
        return Examples(neutral_texts()), None
    found = read_data(source, choice_for_role(options, role, ALL_ROLES))
    return Examples.of(found), found


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
    notes: list[str] = []
    pools = {role: _pool(role, spec, rng, spec.limit if role == "pretrain" else None, notes) for role in ROLES}
    if spec.neutral:  # dealt by itself: the other roles are the same with and without it
        pools[NEUTRAL] = _pool(NEUTRAL, spec, np.random.default_rng(1), None, notes)
    notes += _shared(pools, spec)
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
    if spec.neutral:
        at = spec.held_out + spec.contained
        contained.append(_take(pools[NEUTRAL], NEUTRAL, spec.held_out, spec.contained, spec))
        train[NEUTRAL] = _take(pools[NEUTRAL], NEUTRAL, at, max(most, len(pools[NEUTRAL]) - at), spec)
    both = Examples.concat(contained)
    digest = hashlib.sha256()
    for texts in (pretrain, both, *train.values(), *held.values(), *judge.values()):
        digest.update(texts.digest().encode())
    judged = {role: texts.responses for role, texts in judge.items()}
    return RoleTexts(pretrain.whole, both.whole, train, held, judged, digest.hexdigest(), tuple(notes))


def text_record(spec: TextSpec, most: int) -> dict[str, Any]:
    """Return what ``spec.json`` says about the texts: names of sources without their folders, sizes, a digest."""
    dealt = deal_texts(spec, most)
    return {
        **{role: [source_label(source) for source in getattr(spec, role)] for role in spec.roles},
        **{name: getattr(spec, name) for name in ("held_out", "contained", "judged", "longest", "limit")},
        **({"repeats": spec.repeats} if spec.repeats is not None else {}),
        **({"options": list(spec.options)} if spec.options else {}),
        **({"template": template_label(spec.template)} if spec.template != "auto" else {}),
        "pretrain_texts": len(dealt.pretrain),
        "pretrain_bytes": int(dealt.pretrain.buffer.size),
        "sha256": dealt.digest,
    }


def source_label(source: str) -> str:
    """Return the name of a source in specs, rows and tables: without its folder, escaped where it is not Unicode."""
    return source if is_embedded(source) else in_utf8(Path(source).name)


def _pool(role: str, spec: TextSpec, rng: np.random.Generator, limit: int | None, notes: list[str]) -> Examples:
    """Return the texts of a role, shuffled, without those that are too long, empty or repeated."""
    kept = []
    for source in getattr(spec, role):
        texts, found = source_of(source, spec.options, role)
        lengths = texts.sizes
        usable = np.flatnonzero((lengths > 0) & (lengths <= spec.longest))
        longer = int((lengths > spec.longest).sum())
        repeated = usable.size
        if spec.are_apart(role):
            usable = usable[first_of_each(texts.select(usable).responses)]
        repeated -= usable.size
        kept.append(texts.select(rng.permutation(usable)[:limit]))
        if found is not None:
            left = {**found.left_out, "repeated": repeated, f"longer than {spec.longest} bytes (--longest)": longer}
            said = ", ".join(f"{count:,} {why}" for why, count in left.items() if count)
            prompts = f"; {found.prompt_bytes:,} bytes of prompts are context" if found.prompt_bytes else ""
            used = f": {said}: {usable.size:,} used" if said else f", {usable.size:,} used"
            notes.append(f"{role}: {source_label(source)} is {found.how}, {found.rows:,} rows{used}{prompts}.")
    joined = Examples.concat(kept)
    if spec.are_apart(role):
        joined = joined.select(first_of_each(joined.responses))
    return joined.select(rng.permutation(len(joined)))


def first_of_each(texts: Texts) -> NDArray[np.intp]:
    """Return the places of the texts that equal no earlier one, rising.

    Example:
        >>> first_of_each(Texts.pack(["a", "b", "a"])).tolist()
        [0, 1]
    """
    first: dict[bytes, int] = {}
    for place, text in enumerate(texts):
        first.setdefault(text, place)
    return np.fromiter(first.values(), dtype=np.intp, count=len(first))


def _shared(pools: dict[str, Examples], spec: TextSpec) -> Iterator[str]:
    """Say which texts of a role stand in the data of another; raise InvalidParameter for roles with the same texts."""
    sets = {role: set(pool) for role, pool in pools.items() if not all(is_embedded(s) for s in getattr(spec, role))}
    for one, other in combinations(sets, 2):
        shared = len(sets[one] & sets[other])
        files = [{Path(s).resolve() for s in getattr(spec, role) if not is_embedded(s)} for role in (one, other)]
        same = files[0] & files[1]
        if shared and (shared == min(len(sets[one]), len(sets[other])) or (same and not spec.options)):
            what = f"{sorted(same)[0].name} is" if same else f"{shared:,} equal texts are"
            raise InvalidParameter(
                f"{what} in two roles, {one} and {other}: what a model learns from the one is then measured on the "
                f"other; give other data, or other rows of it, such as --where {other}:NAME=VALUE"
            )
    if not sets:  # what the embedded corpora share is the same in every run
        return
    for overlap in overlaps({role: pool.responses for role, pool in pools.items()}):
        if {overlap.role, overlap.other} & sets.keys():
            yield str(overlap)


def _take(pool: Examples, role: str, at: int, count: int, spec: TextSpec) -> Examples:
    if at + count > len(pool):
        sources = ", ".join(map(source_label, getattr(spec, role)))
        raise InvalidParameter(
            f"the {role} data ({sources}) has {len(pool):,} texts of 1 to {spec.longest} bytes, and {at + count:,} are "
            "needed: give more data, or smaller volumes"
        )
    return pool.select(np.arange(at, at + count))
