"""Resistance: is it cheaper to train a later checkpoint back towards an earlier one than the earlier one forward?

For each source of prompts and responses and each seed:

1. the base: a small model pre-trained on the spot, or one that is given;
2. fine-tuning on three slices of the pairs, one after the other: the checkpoints ``theta_1, theta_2, theta_3``;
3. each checkpoint draws responses to prompts that are in no slice, at temperature 1: the data ``D_1, D_2, D_3``;
4. for each pair ``i < j``: *inverse alignment* trains ``theta_j`` on ``D_i``, *forward alignment* ``theta_i`` on
   ``D_j``, one pass each. The mean training loss is what the paper compares.

Each symbol of a single pass is predicted before it is learned, so that the loss is also the code length of the data for
a learner that starts where it starts. Data that one checkpoint drew costs that checkpoint its own entropy; checkpoints
differ in it, and no training can go below. So each loss is also given less the generator's own code length of the same
data: the *excess*, what the start and the learning cost.

In the theory a checkpoint is a mixture, and a later one holds the earlier: ``p_j = (W_i p_i + more) / W_j``. So
``KL(p_i || p_j) <= ln(W_j / W_i)`` bounds what inverse alignment starts with; nothing bounds ``KL(p_j || p_i)``, with
which forward alignment starts.

Source: Ji et al., arXiv 2406.06144, section 4.1 and Table 1; theory, section 6.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from compresslab._support.files import short_names
from compresslab.data.corpora import corpus_names
from compresslab.data.dataset import Dataset
from compresslab.data.tokenizers import Tokenizer
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.dialogues import pairs_digest, pairs_of, read_pairs
from compresslab.experiments.data.tuning_texts import read_source
from compresslab.experiments.models.base_models import PRETRAINING, SHAPES, num_weights, pretrained
from compresslab.experiments.models.finetuning import Recipe, check_recipe, fit_texts, get_state, set_state
from compresslab.experiments.models.measures import sample_responses
from compresslab.experiments.rebound.run import check_model, device_of, given_model, is_whole, model_record
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.prompts import Dialogues, Pair, lay_out, of_tokens, response_bits

__all__ = [
    "PAIRS",
    "ResistanceSpec",
    "ResistanceUnit",
    "deal_pairs",
    "finished_sources",
    "resistance_record",
    "resistance_units",
    "source_label",
    "source_labels",
]

PAIRS = ((1, 2), (2, 3), (1, 3))  # earlier and later checkpoint
_CURVE = 10  # points of a loss curve
_TESTED = 4  # every fourth held-out prompt is for code lengths, the others' responses are trained on


@dataclass(frozen=True)
class ResistanceSpec:
    """What is to be done; it fixes every number of the rows on one kind of machine.

    Attributes:
        data: sources of pairs, see :mod:`compresslab.experiments.data.dialogues`; each is an arm of its own.
        seeds: of the first weights, of what is in which slice, of all orders and of all draws.
        model: a size of :data:`compresslab.experiments.models.base_models.SHAPES`, to be pre-trained here; else a
            model that :func:`compresslab.lm.registry.get_model` knows, taken as it is.
        pretrain: sources of the pre-training texts, as in :mod:`compresslab.experiments.data.tuning_texts`.
        symbols: of pre-training; 0 for a model that is taken as it is.
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

    def check(self) -> None:
        """Check everything that can be wrong, before anything is trained; the data is read for it.

        Raises:
            InvalidParameter, UnknownName: a value outside its domain, or too little data.
            UnreadableFile: data that is missing.
            CorruptFile: data that is damaged.
        """
        for name, low in (
            ("slice_pairs", 1), ("answers", 1), ("prompts", _TESTED), ("responses", _TESTED), ("epochs", 1),
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
        if not self.data or len(set(self.data)) != len(self.data):
            raise InvalidParameter(f"an experiment needs at least one source of pairs, each once: {list(self.data)}")
        labels = source_labels(self.data)
        for source in self.data:
            for seed in self.seeds:  # what is left of a prompt's pairs at the end of a slice depends on the order
                deal_pairs(usable_pairs(source, self.longest, self.reading), self, seed=seed, name=labels[source])
        if self.model in SHAPES:
            _pretraining_texts(self.pretrain, self.recipe.length)


@dataclass(frozen=True)
class ResistanceUnit:
    """One base and all that is trained from it: what one process does at a time."""

    spec: ResistanceSpec
    source: str
    seed: int
    folder: str


@dataclass(frozen=True)
class Dealt:
    """Pairs dealt out: three slices, and held-out prompts with a true response each."""

    slices: tuple[tuple[Pair, ...], ...]
    held_out: tuple[Pair, ...]

    @property
    def prompts(self) -> tuple[bytes, ...]:
        """The held-out prompts."""
        return tuple(prompt for prompt, _ in self.held_out)


def source_label(source: str) -> str:
    """Return the name of a source in rows and tables: without its folder."""
    return source if source in corpus_names() else Path(source).name


def source_labels(sources: Sequence[str]) -> dict[str, str]:
    """Return the names of sources in rows and tables, all different: files of one name get the folders that differ.

    Example:
        >>> source_labels(["names", "a/x.csv", "b/x.csv"])
        {'names': 'names', 'a/x.csv': 'a/x.csv', 'b/x.csv': 'b/x.csv'}
    """
    files = [source for source in sources if source not in corpus_names()]
    return {source: source for source in sources} | dict(zip(files, short_names(files), strict=True))


@lru_cache(maxsize=8)
def usable_pairs(source: str, longest: int, reading: tuple[str, ...] = ()) -> tuple[Pair, ...]:
    """Return the pairs of a source that are not too long."""
    return tuple(pair for pair in read_pairs(source, reading) if len(pair[0]) + len(pair[1]) + 1 <= longest)


def resistance_notes(spec: ResistanceSpec) -> list[str]:
    """Say what the files of pairs were read as, and what was left out."""
    notes = []
    for source in spec.data:
        if source in corpus_names():
            continue
        found = pairs_of(source, spec.reading)
        used = len(usable_pairs(source, spec.longest, spec.reading))
        longer = len(found.pairs) - used
        left = {**found.left_out, f"longer than {spec.longest} bytes (--longest)": longer}
        said = ", ".join(f"{count:,} {why}" for why, count in left.items() if count)
        counted = f": {said}: {used:,} pairs used" if said else f", {used:,} pairs used"
        notes.append(f"{source_labels(spec.data)[source]} is {found.how}, {found.rows:,} rows{counted}.")
    return notes


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


@lru_cache(maxsize=2)
def _pretraining_texts(sources: tuple[str, ...], longest: int) -> Dataset:
    texts = [text for source in sources for text in read_source(source) if 0 < len(text) < longest]
    if not texts:
        raise InvalidParameter(f"the pre-training data has no text of 1 to {longest - 1} bytes: give other sources")
    return Dataset.from_texts(texts, name="pretrain")


# ---- one unit ----


def resistance_unit(unit: ResistanceUnit, stages: Stages) -> list[Row]:
    """Train one base through the slices, draw, and train across: a row, and a stage, for each of these."""
    from compresslab.experiments.models.exact_training import one_thread

    spec, label = unit.spec, source_labels(unit.spec.data)[unit.source]
    dealt = deal_pairs(usable_pairs(unit.source, spec.longest, spec.reading), spec, seed=unit.seed, name=label)
    device = device_of(spec.device, unit.seed + spec.data.index(unit.source))
    with one_thread():
        model = _base(spec, unit.seed, unit.folder, device)
        head: Row = {"data": label, "seed": unit.seed, "model": spec.model, "parameters": num_weights(model)}
        return [{**head, **row} for row in _across(model, dealt, spec, unit.seed, stages)]


def _base(spec: ResistanceSpec, seed: int, folder: str, device: str) -> HuggingFaceModel:
    if spec.model in SHAPES:
        return pretrained(
            SHAPES[spec.model], _pretraining_texts(spec.pretrain, spec.recipe.length), symbols=spec.symbols, seed=seed,
            recipe=spec.pretraining, device=device, folder=folder,
        )  # fmt: skip
    return given_model(spec.model, device)


def _across(model: HuggingFaceModel, dealt: Dealt, spec: ResistanceSpec, seed: int, stages: Stages) -> list[Row]:
    tokenizer = model.tokenizer
    if tokenizer is None:
        raise InvalidParameter(f"the model '{model.name}' has no tokenizer: pairs of texts need one")
    held_out = lay_out(dealt.held_out, tokenizer, model=model)

    def held_bits() -> float:
        return response_bits(model, held_out) / held_out.num_bytes

    def base_row() -> Row:
        return {"kind": "checkpoint", "checkpoint": 0, "held_out_bits_per_byte": held_bits()}

    def checkpoint(number: int, part: Sequence[Pair]) -> dict[str, Any]:
        pairs = lay_out(part, tokenizer, model=model)
        fit_texts(
            model, pairs.data, spec.recipe, seed=4 * seed + number, examples=spec.epochs * len(part),
            hidden=pairs.hidden,
        )  # fmt: skip
        tokens = _draw(model, tokenizer, dealt.prompts, spec, seed=4 * seed + number)
        train, test = (of_tokens(one[0], one[1], model) for one in tokens)
        row = {
            "kind": "checkpoint", "checkpoint": number, "held_out_bits_per_byte": held_bits(),
            "drawn_bits_per_symbol": response_bits(model, train) / train.symbols,
            "drawn_test_bits_per_symbol": response_bits(model, test) / test.symbols,
            "drawn_cut": float(np.mean(np.append(train.data.lengths, test.data.lengths) > spec.longest)),
            "drawn_symbols": train.symbols, "drawn_responses": len(train.data), "drawn_bytes": train.num_bytes,
        }  # fmt: skip
        return {"row": row, "weights": get_state(model), "drawn": tokens}

    def crossing(earlier: int, later: int, direction: str) -> Row:
        start, on = (later, earlier) if direction == "inverse" else (earlier, later)
        set_state(model, states[start - 1])
        own = rows[on]
        return {
            "kind": "crossing", "earlier": earlier, "later": later, "direction": direction,
            **_cross(model, *drawn[on - 1], spec.recipe, seed=4 * seed),
            "own_bits": own["drawn_bits_per_symbol"], "own_test_bits": own["drawn_test_bits_per_symbol"],
        }  # fmt: skip

    rows: list[Row] = [stages.do("base", base_row)]
    states, drawn = [], []
    for number, part in enumerate(dealt.slices, 1):
        done = stages.do(f"checkpoint {number}", partial(checkpoint, number, part))
        set_state(model, done["weights"])
        states.append(done["weights"])
        train, test = (of_tokens(one[0], one[1], model) for one in done["drawn"])
        drawn.append((train, test))
        rows.append(done["row"])
    for earlier, later in PAIRS:
        for direction in ("inverse", "forward"):
            name = f"{direction} {earlier} {later}"
            rows.append(stages.do(name, partial(crossing, earlier, later, direction)))
    return rows


Drawn = tuple[list[list[int]], list[int]]  # tokens of each prompt and response, and how many of them are the prompt's


def _draw(
    model: HuggingFaceModel, tokenizer: Tokenizer, prompts: Sequence[bytes], spec: ResistanceSpec, seed: int
) -> tuple[Drawn, Drawn]:
    """Draw responses: for training, and those to every fourth prompt for tests. What is drawn stays tokens."""
    length = min(spec.longest, model.context or spec.longest)
    asked = [tokenizer.encode(prompt + b"\n") for prompt in prompts]
    kept = [tokens for tokens in asked if len(tokens) < length]
    if len(kept) < _TESTED:
        raise InvalidParameter(f"the context of '{model.name}' is too short for the prompts: give another model")
    drawn = sample_responses(model, spec.responses, seed=seed, length=length, prompts=kept, batch=256)
    parts: tuple[Drawn, Drawn] = (([], []), ([], []))
    for number, tokens in enumerate(drawn):
        place = number % len(kept)
        lists, hidden = parts[place % _TESTED == 0]
        lists.append(tokens.tolist())
        hidden.append(len(kept[place]))
    return parts


def _cross(model: HuggingFaceModel, train: Dialogues, test: Dialogues, recipe: Recipe, seed: int) -> Row:
    before = response_bits(model, train) / train.symbols
    fitted = fit_texts(model, train.data, recipe, seed=seed, hidden=train.hidden)
    return {
        "loss_bits": fitted.total_bits / fitted.symbols,
        "curve_bits": [float(np.mean(part)) for part in np.array_split(fitted.losses_bits, _CURVE) if len(part)],
        "start_bits": before,
        "end_test_bits": response_bits(model, test) / test.symbols,
        "symbols": fitted.symbols,
        "seen": fitted.seen[:16],
    }


# ---- all of them ----


def resistance_units(spec: ResistanceSpec, out: Path) -> dict[str, ResistanceUnit]:
    """Return the units of a spec by name, in order; base models are kept in ``out/bases``."""
    folder = str(out / "bases")
    return {
        f"{source_labels(spec.data)[source]}/seed {seed}": ResistanceUnit(spec, source, seed, folder)
        for source in spec.data
        for seed in spec.seeds
    }


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
    return {
        **said,
        "data": list(source_labels(spec.data).values()),
        "pretrain": [source_label(source) for source in spec.pretrain],
        "data_sha256": [pairs_digest(usable_pairs(source, spec.longest, spec.reading)) for source in spec.data],
        "pretrain_sha256": _pretrain_digest(spec),
        **model_record([spec.model], spec.device),
    }


def _pretrain_digest(spec: ResistanceSpec) -> str | None:
    if spec.model not in SHAPES:
        return None
    texts = _pretraining_texts(spec.pretrain, spec.recipe.length).texts()
    return pairs_digest((b"", text) for text in texts)
