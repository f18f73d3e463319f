"""One call: how elastic an aligned model is, measured on it, on its base, and on a placebo.

An audit keeps what it has done in a folder, and goes on from there:

====================  ===========================================================================================
``base-HASH/``        of a base: the gate's runs, which are the control, the placebo's, and the base's probe; one more,
                      ``base-HASH-HASH/``, where a later model of a series has another chat template
``pair-HASH/``        of a pair: the two models side by side, the aligned model's runs, and its probe
====================  ===========================================================================================

Models of one base share its folder, so that a series of checkpoints trains the control once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any, TypeAlias

import numpy as np

from compresslab.audit.arms import ArmUnit, arm_rows
from compresslab.audit.counting import Runs, changes, shares
from compresslab.audit.gate import Gate, find_rate
from compresslab.audit.journal import Journal, Place, journal, place_of
from compresslab.audit.layers import Volumes, measure_depth, measure_volumes
from compresslab.audit.predicting import predicted_shares, probed
from compresslab.audit.reading import AuditData, check_pair, fitting, read_again, read_roles
from compresslab.audit.result import MODELS, AuditResult, DataFacts, PairModel
from compresslab.audit.sending import processes_for, run_arm
from compresslab.audit.settings import AuditSettings
from compresslab.audit.standing import DIRECTIONS, TokenScores, code_length, kl_by_position, score_pair
from compresslab.errors import InvalidParameter
from compresslab.experiments.rows import Row
from compresslab.experiments.stages import Stages
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.registry import get_model
from compresslab.probe.prediction import symbols_of
from compresslab.probe.texts import Given, ProbeData
from compresslab.theory.estimates import Estimate, estimate

__all__ = ["audit", "audit_series"]

Model: TypeAlias = str | LanguageModel
Progress = Callable[[str, int, int], None]


def audit(
    base: Model,
    aligned: Model,
    *,
    pretrain: Mapping[str, Given],
    align: Mapping[str, Given],
    perturb: Mapping[str, Given],
    neutral: Mapping[str, Given] | None = None,
    settings: AuditSettings | None = None,
    folder: str | PathLike[str] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    **changes: Any,
) -> AuditResult:
    """Measure how elastic an aligned model is: what new data undoes of its alignment, and what comes back.

    Neither model is changed: copies are trained.

    Args:
        base: the model before its alignment, or its name.
        aligned: the model that it became, with the same tokens.
        pretrain: data like that of pre-training, by name: lists of texts, or of pairs of a prompt and a response,
            datasets in the models' tokens, dialogues, or what `compresslab.data.door.read_data` read.
        align: data like that of the alignment.
        perturb: what is trained on.
        neutral: one dataset, to which the placebo is aligned; no placebo without it.
        settings: how; `AuditSettings()` where None.
        folder: where to keep what is done; an audit that was stopped goes on from it. Nothing is kept where None.
        workers: processes, which share the seeds of each arm; on GPUs as many at most as their memory holds.
        progress: called with (what is done, how much of it is done, how much there is).
        changes: fields of `AuditSettings` that differ, such as ``learning_rate=1e-3``.

    Raises:
        InvalidParameter: data missing, or in two roles; a model without gradients; a folder of another audit; a gate
            that no rate passes.
        EmptyDataset: a dataset without responses.
        MismatchedVocabulary: models of other tokens than each other's, or data in other tokens than theirs.
        MissingExtra: torch or transformers is not installed.

    Source: theory, sections 7 to 11 and 13.

    Example:
        >>> from compresslab.lm.tiny import TinyShape, make_tiny
        >>> model = make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), device="cpu")  # random weights
        >>> found = audit(
        ...     model, model, pretrain={"words": ["to be", "or not"]}, align={"polite": ["please", "thanks"]},
        ...     perturb={"digits": ["123", "456"]}, learning_rate=1e-3, examples=[2], batch=2, seeds=1,
        ... )
        >>> found.share("undone").net_of_control is None, found.changes[0].net_of_control.mean  # nothing to undo
        (True, 0.0)
    """
    return audit_series(
        [(base, aligned)], pretrain=pretrain, align=align, perturb=perturb, neutral=neutral, settings=settings,
        folder=folder, workers=workers, progress=progress, **changes,
    )[0]  # fmt: skip


def audit_series(
    pairs: Sequence[tuple[Model, Model]],
    *,
    pretrain: Mapping[str, Given],
    align: Mapping[str, Given],
    perturb: Mapping[str, Given],
    neutral: Mapping[str, Given] | None = None,
    settings: AuditSettings | None = None,
    folder: str | PathLike[str] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    **changes: Any,
) -> tuple[AuditResult, ...]:
    """Audit several pairs on the same data: checkpoints of one alignment, or sizes, each with its own base.

    Args:
        pairs: base and aligned model of each. Models of one base are best next to each other: it is loaded once.
        pretrain: as for `audit`.
        align: likewise.
        perturb: likewise.
        neutral: likewise.
        settings: likewise.
        folder: likewise; models of one base share what is kept of it.
        workers: likewise.
        progress: likewise.
        changes: likewise.
    """
    if not pairs:
        raise InvalidParameter("an audit takes a base and an aligned model: give both")
    asked = (settings or AuditSettings()).changed(changes)
    roles = {"pretrain": pretrain, "align": align, "perturb": perturb, "neutral": neutral or {}}
    given = {role: read_again(role, sets) for role, sets in roles.items()}
    with place_of(folder) as where:
        found: list[AuditResult] = []
        at: _Base | None = None
        layouts: dict[str, dict[str, str]] = {}
        for base, aligned in pairs:
            after = _loaded(aligned)
            same = at is not None and _same(at.given, base)
            before = at.model if at is not None and same else after if base is aligned else _loaded(base)
            check_pair(before, after)
            chosen = fitting(asked, before, after)
            data = read_roles(after, given, chosen)
            # A checkpoint with a chat template of its own reads other tokens: its control is trained on those.
            if at is None or not same or at.data.digests() != data.digests():
                at = _measured_base(base, before, data, chosen, where, progress, layouts, workers)
            found.append(_audited(at, after, chosen, where, progress, workers))
        return tuple(found)


@dataclass(frozen=True, eq=False)
class _Base:
    """What the audits of one base share."""

    given: Model
    model: HuggingFaceModel
    fingerprint: str
    data: AuditData
    gate: Gate
    placebo: tuple[Row, ...]
    probe: Mapping[str, Any]
    volumes: Volumes


def _same(one: Model, two: Model) -> bool:
    return one is two or (isinstance(one, str) and isinstance(two, str) and one == two)


def _loaded(model: Model) -> HuggingFaceModel:
    named = isinstance(model, str) and model != "tiny"  # which is float32 as it is
    found = get_model(model, **({"dtype": "float32"} if named else {}))
    if not isinstance(found, HuggingFaceModel):
        raise InvalidParameter(
            f"'{found.name}' has no weights that are trained by gradients: an audit takes causal models of transformers"
        )
    return found


def _measured_base(
    given: Model,
    base: HuggingFaceModel,
    data: AuditData,
    settings: AuditSettings,
    where: Place,
    progress: Progress | None,
    layouts: dict[str, dict[str, str]],
    workers: int,
) -> _Base:
    workers = processes_for(base, workers)
    fingerprint, seed = base.content_fingerprint(), settings.seed
    name, tokens = f"base-{fingerprint[:16]}", data.digests()
    if layouts.setdefault(fingerprint, tokens) != tokens:  # an earlier model of this call read the data otherwise
        name = f"{name}-{hashlib.sha256(repr(tokens).encode()).hexdigest()[:8]}"
    placebo: list[Row] = []
    with journal(where, name, data, settings, {"base": fingerprint}) as kept_in:
        gate = find_rate(
            lambda rate, number: ArmUnit(
                "control", base, base, data, settings, rate, number, kept_in.stages("control", number, rate)
            ),
            kept_in.folder, settings.learning_rate, settings.level_nats, settings.seeds,
            _telling(progress, "training the control"), workers,
        )  # fmt: skip
        rate = gate.learning_rate
        if data.neutral is not None:
            placebo = _trained("placebo", base, base, data, settings, rate, kept_in, progress, workers)
        kept = kept_in.kept(rate)
        _tell(progress, "probing the base", 0)
        probe = kept.do("probe", lambda: probed(base, data, settings, rate))
        volumes = Volumes(**kept.do("volumes", lambda: asdict(measure_volumes(base, data.measured, seed))))
        _tell(progress, "probing the base", 1)
    return _Base(given, base, fingerprint, data, gate, tuple(placebo), probe, volumes)


def _audited(
    at: _Base,
    aligned: HuggingFaceModel,
    settings: AuditSettings,
    where: Place,
    progress: Progress | None,
    workers: int,
) -> AuditResult:
    base, data, rate = at.model, at.data, at.gate.learning_rate
    prints = {"base": at.fingerprint, "aligned": aligned.content_fingerprint()}
    name = f"pair-{at.fingerprint[:8]}-{prints['aligned'][:16]}"
    with journal(where, name, data, settings, prints) as kept_in:
        kept = kept_in.kept(rate)
        scores: dict[str, TokenScores] = {}
        for done, one in enumerate(data.measured):
            _tell(progress, "comparing the models", done, len(data.measured))
            scores[one.name] = _scores(kept, base, aligned, one)
        found = kept.do("volumes", lambda: asdict(measure_volumes(aligned, data.measured, settings.seed)))
        volumes = Volumes(**found)
        rows = _trained(
            "aligned", aligned, base, data, settings, rate, kept_in, progress, processes_for(aligned, workers)
        )
        _tell(progress, "probing the aligned model", 0)
        probe = kept.do("probe", lambda: probed(aligned, data, settings, rate))
        _tell(progress, "probing the aligned model", 1)
    every = [*rows, *at.gate.rows, *at.placebo]
    runs = Runs.of(
        every, {one.name: symbols_of(one) for one in data.measured}, {one.name: one.role for one in data.measured}
    )
    kl = _kl_to_base(every, data)
    begun = {arm: next(iter(found.values()))[0].mean for arm, found in kl.items()}
    return AuditResult(
        base=_facts(base, prints["base"]),
        aligned=_facts(aligned, prints["aligned"]),
        settings=settings,
        data=_data_facts(data),
        code_lengths={
            side: {one.name: code_length(_of(scores[one.name], side, one.responses), one) for one in data.measured}
            for side in MODELS
        },
        kl=tuple(found for one in data.measured for found in kl_by_position(scores[one.name], one)),
        volumes={"base": at.volumes, "aligned": volumes},
        depths={
            side: tuple(
                depth
                for one in data.measured
                if (depth := measure_depth(scores[one.name], getattr(scores[one.name], side), one)) is not None
            )
            for side in MODELS
        },
        learning_rate=rate,
        tried=at.gate.tried,
        neutral_examples=0 if data.neutral is None else settings.neutral_examples(rate),
        placebo_kl_nats=begun.get("placebo"),
        aligned_kl_nats=begun["aligned"],
        kl_to_base=kl,
        changes=tuple(changes(runs)),
        shares=tuple(shares(runs)),
        predicted=tuple(predicted_shares(probe, at.probe)),
        probe=probe,
    )


def _trained(
    arm: str,
    model: HuggingFaceModel,
    base: HuggingFaceModel,
    data: AuditData,
    settings: AuditSettings,
    rate: float,
    kept_in: Journal,
    progress: Progress | None,
    workers: int,
) -> list[Row]:
    units = {
        f"{arm}/seed {number}": ArmUnit(
            arm, model, base, data, settings, rate, number, kept_in.stages(arm, number, rate)
        )
        for number in range(settings.seeds)
    }
    path = kept_in.folder / f"{arm}.jsonl"
    return run_arm(arm_rows, units, path, workers=workers, progress=_telling(progress, f"training the {arm}"))


def _scores(kept: Stages, base: HuggingFaceModel, aligned: HuggingFaceModel, data: ProbeData) -> TokenScores:
    import torch

    def compute() -> dict[str, Any]:
        found = score_pair(base, aligned, data)
        columns = {"response": found.response, "position": found.position, "base": found.base, "aligned": found.aligned}
        return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in {**columns, **found.kl}.items()}

    held = {name: tensor.numpy() for name, tensor in kept.do(f"scores {data.name}", compute).items()}
    kl = {direction: held[direction] for direction in DIRECTIONS}
    return TokenScores(held["response"], held["position"], held["base"], held["aligned"], kl)


def _of(scores: TokenScores, side: str, responses: int) -> Any:
    return scores.per_response(getattr(scores, side), responses)


def _kl_to_base(rows: Sequence[Row], data: AuditData) -> dict[str, dict[str, dict[int, Estimate]]]:
    """Return the divergence from the base in each arm, over seeds: arm -> perturbation -> examples."""
    tokens = {one.name: one.symbols for one in data.measured}
    held: dict[tuple[str, str, int], list[float]] = {}
    for row in rows:
        kl = row["kl_base_nats"]
        mean = sum(tokens[name] * nats for name, nats in kl.items()) / sum(tokens[name] for name in kl)
        held.setdefault((row["arm"], row["perturbation"], row["examples"]), []).append(mean)
    found: dict[str, dict[str, dict[int, Estimate]]] = {}
    for (arm, perturbation, examples), values in held.items():
        found.setdefault(arm, {}).setdefault(perturbation, {})[examples] = estimate(values)
    return found


def _facts(model: HuggingFaceModel, fingerprint: str) -> PairModel:
    return PairModel(model.name, fingerprint, sum(int(p.numel()) for p in model.module.parameters()))


def _data_facts(data: AuditData) -> dict[str, DataFacts]:
    every = (*data.measured, *([] if data.neutral is None else [data.neutral]))
    return {
        one.name: DataFacts(one.role, one.responses, one.symbols, one.num_bytes, bool(one.dialogues.hidden.any()))
        for one in every
    }


def _telling(progress: Progress | None, stage: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(stage, done, total)


def _tell(progress: Progress | None, stage: str, done: int, total: int = 1) -> None:
    if progress is not None:
        progress(stage, done, total)
