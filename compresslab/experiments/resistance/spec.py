"""What resistance is asked to do: its spec, the pairs that it is dealt, and what ``spec.json`` holds of both."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from compresslab._support.files import short_names
from compresslab._support.printable import in_utf8
from compresslab.data.dataset import Dataset
from compresslab.data.tokenizers import get_tokenizer
from compresslab.data.turns import Turn
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.dialogues import pairs_digest, pairs_of, read_pairs
from compresslab.experiments.data.layouts import template_label
from compresslab.experiments.data.neutral_text import is_embedded
from compresslab.experiments.data.tuning_texts import read_source, source_label
from compresslab.experiments.models.base_models import PRETRAINING, SHAPES
from compresslab.experiments.models.finetuning import Recipe, check_recipe
from compresslab.experiments.models.given_models import check_model, check_template, given_model, model_record
from compresslab.experiments.rebound.run import is_whole
from compresslab.lm.documents import Layout, choose_template
from compresslab.lm.prompts import Pair

__all__ = [
    "PAIRS",
    "TESTED",
    "Dealt",
    "ResistanceSpec",
    "check_resistance",
    "deal_pairs",
    "finished_sources",
    "neutral_pairs",
    "pretraining_texts",
    "resistance_notes",
    "resistance_record",
    "source_labels",
    "talks_of",
    "usable_pairs",
]

PAIRS = ((1, 2), (2, 3), (1, 3))  # earlier and later checkpoint
TESTED = 4  # every fourth held-out prompt is for code lengths, the others' responses are trained on


@dataclass(frozen=True)
class ResistanceSpec:
    """What is to be done; it fixes every number of the rows on one kind of machine.

    Attributes:
        data: sources of pairs, see :mod:`compresslab.experiments.data.dialogues`; each is an arm of its own.
        seeds: of the first weights, of what is in which slice, of all orders and of all draws.
        model: a size of :data:`compresslab.experiments.models.base_models.SHAPES`, to be pre-trained here; else a
            model that :func:`compresslab.lm.registry.get_model` knows: a ready model, which is not trained here.
        pretrain: sources of the pre-training texts, as in :mod:`compresslab.experiments.data.tuning_texts`.
        symbols: of pre-training; 0 for a ready model.
        pretraining: the recipe of the base.
        recipe: of all that follows.
        slice_pairs: pairs in each slice.
        answers: pairs of one prompt at most.
        prompts: held-out prompts.
        responses: drawn by each checkpoint, over all held-out prompts.
        epochs: passes over a slice.
        longest: bytes of a prompt and its response at most, and tokens of what is drawn.
        device: "cpu", or "cuda" for the GPUs there are.
        reading: what of the files of pairs is read, as `compresslab.data.choice.data_options` gives them.
        template: what lays conversations out for a model that is taken as it is, as of
            `compresslab.lm.documents.Layout`.
        neutral: sources of pairs that no checkpoint has anything to do with, which the first and the last one learn
            too: how fast either learns anything. Not measured where empty.
    """

    data: tuple[str, ...]
    seeds: tuple[int, ...]
    model: str = "96k"
    pretrain: tuple[str, ...] = ("prose",)
    symbols: int = 1_000_000
    pretraining: Recipe = PRETRAINING
    recipe: Recipe = field(default_factory=lambda: Recipe(batch=8, length=256, learning_rate=1e-3))
    slice_pairs: int = 600
    answers: int = 4
    prompts: int = 160
    responses: int = 400
    epochs: int = 2
    longest: int = 200
    device: str = "cpu"
    reading: tuple[str, ...] = ()
    template: str = "auto"
    neutral: tuple[str, ...] = ()

    def check(self) -> None:
        """Check everything that can be wrong, before anything is trained; the data is read for it.

        Raises:
            InvalidParameter, UnknownName: a value outside its domain, or too little data.
            UnreadableFile: data that is missing.
            CorruptFile: data that is damaged.
        """
        for name, low in (
            ("slice_pairs", 1), ("answers", 1), ("prompts", TESTED), ("responses", TESTED), ("epochs", 1),
            ("longest", 3), ("symbols", 0),
        ):  # fmt: skip
            if not is_whole(getattr(self, name), low):
                raise InvalidParameter(f"{name} is a whole number, {low} or more: not {getattr(self, name)!r}")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds) or not all(is_whole(s, 0) for s in self.seeds):
            raise InvalidParameter(f"seeds are whole numbers, at least one, each once: not {self.seeds!r}")
        if self.device not in ("cpu", "cuda"):
            raise InvalidParameter(f"the device is 'cpu' or 'cuda', not {self.device!r}")
        check_recipe(self.recipe)
        check_recipe(self.pretraining)
        if self.recipe.packed or self.recipe.schedule != "constant":
            raise InvalidParameter("a recipe for pairs is not packed, and its learning rate is constant")
        if self.longest + 1 > self.recipe.length:
            raise InvalidParameter(
                f"pairs of {self.longest} bytes and their end do not fit into examples of {self.recipe.length}: lower "
                "longest, or raise the recipe's length"
            )
        least = self.pretraining.batch * self.pretraining.length
        if self.model in SHAPES and (self.symbols < least or not self.pretrain):
            raise InvalidParameter(
                f"a model of size {self.model!r} is pre-trained here: give sources, and {least} symbols or more"
            )
        if self.model not in SHAPES and self.symbols:
            raise InvalidParameter(f"'{self.model}' is taken as it is, so its symbols are 0: not {self.symbols}")
        check_template(self.model, self.template)
        if not self.data or len(set(self.data)) != len(self.data):
            raise InvalidParameter(f"an experiment needs at least one source of pairs, each once: {list(self.data)}")
        labels = source_labels(self.data)
        for source in self.data:
            for seed in self.seeds:  # what is left of a prompt's pairs at the end of a slice depends on the order
                deal_pairs(usable_pairs(source, self.longest, self.reading), self, seed=seed, name=labels[source])
        if self.model in SHAPES:
            pretraining_texts(self.pretrain, self.recipe.length)
        if self.neutral:
            if shared := set(self.neutral) & {*self.data, *self.pretrain}:
                raise InvalidParameter(
                    f"{', '.join(sorted(shared))}: a checkpoint is trained on it, so it is not neutral; give other data"
                )
            neutral_pairs(self, self.responses, seed=self.seeds[0])


@dataclass(frozen=True)
class Dealt:
    """Pairs dealt out: three slices, and held-out prompts with a true response each."""

    slices: tuple[tuple[Pair, ...], ...]
    held_out: tuple[Pair, ...]

    @property
    def prompts(self) -> tuple[bytes, ...]:
        """The held-out prompts."""
        return tuple(prompt for prompt, _ in self.held_out)


def source_labels(sources: Sequence[str]) -> dict[str, str]:
    """Return the names of sources in rows and tables, all different: files of one name get the folders that differ.

    Example:
        >>> source_labels(["names", "a/x.csv", "b/x.csv"])
        {'names': 'names', 'a/x.csv': 'a/x.csv', 'b/x.csv': 'b/x.csv'}
    """
    files = [source for source in sources if not is_embedded(source)]
    return {source: source for source in sources} | dict(zip(files, map(in_utf8, short_names(files)), strict=True))


@lru_cache(maxsize=8)
def usable_pairs(source: str, longest: int, reading: tuple[str, ...] = ()) -> tuple[Pair, ...]:
    """Return the pairs of a source that are not too long."""
    return tuple(pair for pair in read_pairs(source, reading) if len(pair[0]) + len(pair[1]) + 1 <= longest)


@lru_cache(maxsize=8)
def talks_of(source: str, reading: tuple[str, ...] = ()) -> Mapping[Pair, tuple[Turn, ...]]:
    """Return the conversations that pairs of a source stand in."""
    return {} if is_embedded(source) else pairs_of(source, reading).talks


@lru_cache(maxsize=2)
def _templates(spec: ResistanceSpec) -> dict[str, tuple[str | None, str]]:
    """Return for each source the digest of the chat template that lays it out, and what is to be said of it."""
    if spec.model in SHAPES:
        return {}
    tokenizer = given_model(spec.model, "cpu").tokenizer or get_tokenizer("bytes")
    found = {}
    for source in spec.data:
        label, talks = source_labels(spec.data)[source], bool(talks_of(source, spec.reading))
        chosen, said = choose_template(tokenizer, Layout(spec.template), label, talks=talks, asks=True)
        count = getattr(tokenizer, "count_control_tokens", None)
        pairs = usable_pairs(source, spec.longest, spec.reading) if count is not None else ()
        typed = sum(count(text) for pair in pairs for text in pair) if count is not None else 0
        if typed:
            said = f"{said} Texts spell control tokens, {typed:,} in all, which are read as characters.".lstrip()
        found[label] = (None if chosen is None else chosen.fingerprint, said)
    return found


def resistance_notes(spec: ResistanceSpec) -> list[str]:
    """Say what the files of pairs were read as, and what was left out."""
    notes = []
    for source in spec.data:
        if is_embedded(source):
            continue
        found = pairs_of(source, spec.reading)
        used = len(usable_pairs(source, spec.longest, spec.reading))
        longer = len(found.pairs) - used
        left = {**found.left_out, f"longer than {spec.longest} bytes (--longest)": longer}
        said = ", ".join(f"{count:,} {why}" for why, count in left.items() if count)
        counted = f": {said}: {used:,} pairs used" if said else f", {used:,} pairs used"
        notes.append(f"{source_labels(spec.data)[source]} is {found.how}, {found.rows:,} rows{counted}.")
    return notes + [f"{label}: {said}" for label, (_, said) in _templates(spec).items() if said]


def deal_pairs(pairs: Sequence[Pair], spec: ResistanceSpec, *, seed: int, name: str = "the data") -> Dealt:
    """Deal pairs out by their prompts, so that no prompt is in two parts.

    Raises:
        InvalidParameter: too few pairs.
    """
    by_prompt: dict[bytes, list[bytes]] = {}
    for prompt, response in pairs:
        by_prompt.setdefault(prompt, []).append(response)
    rng, names = np.random.default_rng(seed), list(by_prompt)
    order = [names[i] for i in rng.permutation(len(names)).tolist()]

    def answers(prompt: bytes) -> list[Pair]:
        given = by_prompt[prompt]
        return [(prompt, given[i]) for i in rng.permutation(len(given))[: spec.answers].tolist()]

    held_out = tuple(answers(prompt)[0] for prompt in order[: spec.prompts])
    rest, slices = iter(order[spec.prompts :]), []
    for _ in range(3):
        part: list[Pair] = []
        while len(part) < spec.slice_pairs and (following := next(rest, None)) is not None:
            part += answers(following)
        slices.append(tuple(part[: spec.slice_pairs]))
    if len(slices[-1]) < spec.slice_pairs:
        raise InvalidParameter(
            f"{name} has {len(by_prompt):,} different prompts of pairs of at most {spec.longest} bytes: too few for "
            f"{spec.prompts} held out and three slices of {spec.slice_pairs} pairs (at most {spec.answers} of one "
            "prompt): give more data, or smaller slices"
        )
    return Dealt(tuple(slices), held_out)


def neutral_pairs(spec: ResistanceSpec, count: int, *, seed: int) -> tuple[Pair, ...]:
    """Return so many neutral pairs, drawn without repeats.

    Raises:
        InvalidParameter: there are fewer.
    """
    pairs = [pair for source in spec.neutral for pair in usable_pairs(source, spec.longest, spec.reading)]
    if len(pairs) < count:
        raise InvalidParameter(
            f"the neutral data ({', '.join(map(source_label, spec.neutral))}) has {len(pairs):,} pairs of at most "
            f"{spec.longest} bytes, and {count:,} are needed: give more data, or draw fewer responses"
        )
    order = np.random.default_rng([seed, 1]).permutation(len(pairs))
    return tuple(pairs[i] for i in order[:count].tolist())


@lru_cache(maxsize=2)
def pretraining_texts(sources: tuple[str, ...], longest: int) -> Dataset:
    """Return the texts of sources that are shorter than ``longest`` bytes, as bytes.

    Raises:
        InvalidParameter: there are none.
    """
    texts = [text for source in sources for text in read_source(source) if 0 < len(text) < longest]
    if not texts:
        raise InvalidParameter(f"the pre-training data has no text of 1 to {longest - 1} bytes: give other sources")
    return Dataset.from_texts(texts, name="pretrain")


def finished_sources(spec: ResistanceSpec, units: Collection[str]) -> ResistanceSpec:
    """Return the spec with those sources alone of which every seed is among the finished units.

    Raises:
        InvalidParameter: there is none.
    """
    labels = source_labels(spec.data)
    held = tuple(s for s in spec.data if all(f"{labels[s]}/seed {seed}" in units for seed in spec.seeds))
    if not held:
        raise InvalidParameter("no source of this experiment is finished there, with all its seeds: run it first")
    return replace(spec, data=held)


def check_resistance(spec: ResistanceSpec) -> None:
    """Raise unless the spec can be run here: see `ResistanceSpec.check` and `check_model`."""
    spec.check()
    check_model(spec.model, spec.recipe.length, spec.device)


def resistance_record(spec: ResistanceSpec) -> dict[str, Any]:
    """Return what ``spec.json`` holds: the spec, its data by name and digest."""
    said = asdict(spec)
    if not spec.reading:
        del said["reading"]  # older folders do not say it
    if spec.template == "auto":
        del said["template"]
    else:
        said["template"] = template_label(spec.template)
    if not spec.neutral:
        del said["neutral"]
    else:
        pairs = (pair for source in spec.neutral for pair in usable_pairs(source, spec.longest, spec.reading))
        said |= {"neutral": [source_label(source) for source in spec.neutral], "neutral_sha256": pairs_digest(pairs)}
    used = {label: digest for label, (digest, _) in _templates(spec).items() if digest is not None}
    return {
        **said,
        "data": list(source_labels(spec.data).values()),
        "pretrain": [source_label(source) for source in spec.pretrain],
        "data_sha256": [pairs_digest(usable_pairs(source, spec.longest, spec.reading)) for source in spec.data],
        "pretrain_sha256": _pretrain_digest(spec),
        **model_record([spec.model], spec.device),
        **({"template_sha256": used} if used else {}),
        **_talks_record(spec),
    }


def _talks_record(spec: ResistanceSpec) -> dict[str, Any]:
    """Return the digests of the conversations that pairs stand in: who said what is not in the pairs."""
    found = {}
    for source, label in source_labels(spec.data).items():
        talks = talks_of(source, spec.reading)
        said = hashlib.sha256()
        for pair in usable_pairs(source, spec.longest, spec.reading) if talks else ():
            for turn in talks.get(pair, ()):
                said.update(f"{turn.role} {len(turn.text)} ".encode() + turn.text)
            said.update(b";")
        if talks:
            found[label] = said.hexdigest()
    return {"talks_sha256": found} if found else {}


def _pretrain_digest(spec: ResistanceSpec) -> str | None:
    if spec.model not in SHAPES:
        return None
    texts = pretraining_texts(spec.pretrain, spec.recipe.length).texts()
    return pairs_digest((b"", text) for text in texts)
