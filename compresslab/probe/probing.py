"""One call: what fine-tuning on new data will do to a model's pre-training, alignment and other data."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.files import temporary_folder
from compresslab.errors import InvalidParameter, MismatchedVocabulary
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.registry import get_model
from compresslab.lm.responses import token_name
from compresslab.probe.gradients import Gradients, measure_gradients
from compresslab.probe.lora import to_train
from compresslab.probe.overlaps import layer_groups, measure_overlaps, nearest_mixture, stationarities
from compresslab.probe.prediction import Measured, measure, per_byte, predict, symbols_of
from compresslab.probe.preferences import prepare_pairs
from compresslab.probe.products import Network, code_lengths_nats, plain_kernels
from compresslab.probe.result import DatasetFacts, ModelFacts, ProbeResult
from compresslab.probe.returning import measure_criteria
from compresslab.probe.settings import ProbeSettings
from compresslab.probe.texts import Given, ProbeData, prepare
from compresslab.theory.estimates import ratio_standard_error

__all__ = ["ROLES", "check_given", "check_named", "in_tokens", "probe", "trainable"]

ROLES = ("pretrain", "align", "other", "perturb")

Progress = Callable[[str, int, int], None]


def probe(
    model: str | LanguageModel,
    *,
    perturb: Mapping[str, Given],
    pretrain: Mapping[str, Given] | None = None,
    align: Mapping[str, Given] | None = None,
    other: Mapping[str, Given] | None = None,
    base: str | LanguageModel | None = None,
    verify: bool = False,
    settings: ProbeSettings | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> ProbeResult:
    """Predict what fine-tuning a model on new data will do to the data that it was trained on.

    The model is not changed. What is predicted is the same with and without ``verify``.

    Args:
        model: a causal model of transformers, or the name of one; weights in float32 for a prediction of small changes.
        perturb: what the model will be fine-tuned on, by name: lists of texts, or of pairs of a prompt and a response,
            datasets in the model's tokens, dialogues, or what `compresslab.data.door.read_data` read.
        pretrain: data like that which it was pre-trained on, likewise.
        align: data like that which it was aligned with.
        other: data in neither, of which is asked whether it comes back.
        base: the model before its alignment, with the same tokens: what alignment has gained is then known.
        verify: fine-tune for real as well, on a copy of the weights, and measure.
        settings: how the fine-tuning is done; `ProbeSettings()` where None.
        progress: called with (what is done, how much of it is done, how much there is).
        changes: fields of `ProbeSettings` that differ from ``settings``, such as ``learning_rate=1e-3``.

    Raises:
        InvalidParameter: nothing to train on; one name for two datasets; a base without alignment data; a model
            without gradients, or one that has no
            forward derivatives; a base with other tokens; a learning rate at which training diverges.
        EmptyDataset: a dataset without responses.
        MismatchedVocabulary: data in other tokens than the model's.
        MissingExtra: torch or transformers is not installed.

    Source: theory, sections 9 to 11 and 13.

    Example:
        >>> from compresslab.lm.tiny import TinyShape, make_tiny
        >>> model = make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), device="cpu")  # random weights
        >>> found = probe(
        ...     model, pretrain={"words": ["to be", "or not"]}, perturb={"digits": ["123", "456"]},
        ...     optimizer="sgd", learning_rate=0.1, examples=[2], batch=2,
        ... )
        >>> change = found.curve("digits", "digits")[0]
        >>> change.linearised_nats < 0 and abs(change.linearised_nats - change.first_order_nats) < 0.1
        True
    """
    chosen = (settings or ProbeSettings()).changed(changes)
    given = {"pretrain": pretrain or {}, "align": align or {}, "other": other or {}, "perturb": perturb}
    check_given(given, with_base=base is not None)
    whole = trainable(get_model(model) if isinstance(model, str) else model)
    network_model = to_train(whole, chosen.lora, chosen.seed) if chosen.lora else whole
    base_model = None if base is None else trainable(get_model(base) if isinstance(base, str) else base)
    sets = in_tokens(network_model, given, chosen, base_model)
    if base_model is not None:
        sets = [_referred(base_model, data) if data.width > 1 else data for data in sets]
    gained = None if base_model is None else _base_nats(base_model, sets)
    seconds: dict[str, float] = {}

    def telling(stage: str) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(stage, done, total)

    network_of = Network.of(network_model)
    with temporary_folder() as folder, plain_kernels(network_model) if chosen.linearised else nullcontext():
        with _timed(seconds, "gradients"):
            found = measure_gradients(network_of, sets, chosen, folder, telling("measuring gradients"))
            overlaps = measure_overlaps(found, chosen)
        with _timed(seconds, "predictions"):
            predicted = predict(network_of, sets, found, chosen, folder, telling("predicting"))
        with _timed(seconds, "criterion"):
            criteria = measure_criteria(network_model, sets)
        measured: tuple[Measured, ...] = ()
        if verify:
            with _timed(seconds, "fine_tuning"):
                measured = measure(network_of, sets, found, chosen, telling("fine-tuning"))
    trained = [i for role in ("pretrain", "align") for i, data in enumerate(sets) if data.role == role]
    return ProbeResult(
        model=ModelFacts(whole.name, whole.fingerprint(), network_of.layout.total, layer_groups(network_of.layout)),
        settings=chosen,
        prefix=network_model.prefix_id,
        eos=network_model.eos_id,
        datasets={data.name: _facts(found, i, data, gained, network_model) for i, data in enumerate(sets)},
        overlaps=overlaps,
        predicted=predicted,
        stationarity=stationarities(overlaps, sets),
        mixture=(tuple(sets[i].name for i in trained), nearest_mixture(overlaps.products, trained))
        if trained
        else None,
        criteria=criteria,
        measured=measured,
        sketch_error=found.sketch.error,
        seconds=seconds,
    )


def check_given(given: Mapping[str, Mapping[str, Given]], *, with_base: bool) -> None:
    """Raise InvalidParameter unless a probe can be made of such data: of each role by name.

    Args:
        given: role -> name -> data.
        with_base: whether a model before alignment is given.
    """
    if with_base and not given["align"]:
        raise InvalidParameter(
            "a base says what alignment has gained: give alignment data (--align), or leave --base out"
        )
    if not given["perturb"]:
        raise InvalidParameter("a probe asks what training on new data does: give some with perturb (--perturb)")
    check_named(given)


def check_named(given: Mapping[str, Mapping[str, Given]]) -> None:
    """Raise InvalidParameter unless data of each role is given by name, and no two datasets have one."""
    for role, sets in given.items():
        if not isinstance(sets, Mapping):
            raise InvalidParameter(
                f"{role} is a dictionary of data by name, such as {{'reviews': texts}}: not {sets!r}"
            )
    names = [name for sets in given.values() for name in sets]
    for name in names:
        if names.count(name) > 1:
            raise InvalidParameter(f"two datasets are called {name!r}: each has a name of its own (NAME=FILE)")


def trainable(model: LanguageModel) -> HuggingFaceModel:
    """Return a model, one that has gradients; raise InvalidParameter for another."""
    if not isinstance(model, HuggingFaceModel):
        raise InvalidParameter(
            f"'{model.name}' has no weights that are trained by gradients: a probe takes a causal model of transformers"
        )
    return model


def in_tokens(
    model: HuggingFaceModel,
    given: Mapping[str, Mapping[str, Given]],
    settings: ProbeSettings,
    base: HuggingFaceModel | None = None,
) -> list[ProbeData]:
    """Put the data of a probe into its model's tokens, and check that the base has them too; no weights are needed.

    Raises:
        EmptyDataset: no responses.
        InvalidParameter: a chat template that cannot be used.
        MismatchedVocabulary: data, or a base, in other tokens than the model's.
    """
    if base is not None:
        one, two = base.tokenizer, model.tokenizer
        if one is not None and two is not None and one != two:
            raise MismatchedVocabulary(
                f"the base '{base.name}' reads the tokens of '{one.name}', the model '{model.name}' those of "
                f"'{two.name}': give the model that it was aligned from"
            )
        settings = replace(settings, length=min(settings.length, base.context or settings.length))
    if settings.align_loss == "dpo" and base is None:
        raise InvalidParameter(
            "the DPO loss is relative to a reference, the model before alignment: give it with base (--base)"
        )
    found = [
        prepare_pairs(model, name, role, data, settings)
        if (role, settings.align_loss) == ("align", "dpo")
        else prepare(model, name, role, data, settings)
        for role, sets in given.items()
        for name, data in sets.items()
    ]
    for data in found if base is not None else ():
        assert base is not None
        tokens = data.dialogues.data
        if data.role == "align" and max(int(tokens.tokens.max(initial=0)), data.stream.eos_id) >= base.vocab_size:
            raise MismatchedVocabulary(
                f"the base '{base.name}' has {base.vocab_size} tokens, fewer than the data of the aligned model: "
                "give the model that it was aligned from"
            )
    return found


def _referred(base: HuggingFaceModel, data: ProbeData) -> ProbeData:
    """Return pairs with the code length of each response under their reference."""
    network = Network.of(base)
    alone = replace(data, width=1, group=np.zeros(2 * data.responses, dtype=np.int64))
    return replace(data, reference=code_lengths_nats(network, network.weights, alone))


def _base_nats(base: HuggingFaceModel, sets: Sequence[ProbeData]) -> dict[str, float]:
    """Return what each alignment dataset costs under the base, nats per token."""
    found = {}
    for data in sets:
        if data.role != "align":
            continue
        network = Network.of(base)
        nats = code_lengths_nats(network, network.weights, data)
        found[data.name] = float(nats.sum()) / data.symbols
    return found


def _facts(
    found: Gradients, i: int, data: ProbeData, gained: Mapping[str, float] | None, model: HuggingFaceModel
) -> DatasetFacts:
    nats: NDArray[np.float64] = found.nats[i]
    mean = float(nats.sum()) / data.symbols
    left = found.left_out[i]
    row = found.means[i]
    squared = sum(float(np.square(row[at], dtype=np.float64).sum()) for _, at in found.layout.pieces())
    before = None if gained is None else gained.get(data.name)
    laid = data.dialogues
    return DatasetFacts(
        role=data.role,
        objective=data.objective,
        responses=data.responses,
        tokens=data.symbols,
        bytes=data.num_bytes,
        code_length_nats=mean,
        code_length_standard_error_nats=ratio_standard_error(nats, symbols_of(data)),
        code_length_bits_per_byte=per_byte(mean, data),
        gradient_norm=math.sqrt(squared),
        gradient_noise=math.sqrt((len(left) - 1) / len(left) * float(np.square(left).sum())) if left.size else None,
        gained_nats=None if before is None else before - mean,
        prefix_token=token_name(model, data.stream.prefix_id),
        eos_token=token_name(model, data.stream.eos_id),
        layout=data.layout,
        template_sha256=None if laid.template is None else laid.template.fingerprint,
        own_prefixes=laid.own_prefixes,
        own_ends=laid.own_ends,
        control_tokens=laid.control_tokens,
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
