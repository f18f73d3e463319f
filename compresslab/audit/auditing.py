"""One call: how elastic an aligned model is, measured on it, on its base, and on a placebo.

An audit keeps what it has done in a folder, and goes on from there:

====================  ===========================================================================================
``base-HASH/``        of a base: the gate's runs, which are the control, the placebo's, and the base's probe
``pair-HASH/``        of a pair: the two models side by side, the aligned model's runs, and its probe
====================  ===========================================================================================

Models of one base share its folder, so that a series of checkpoints trains the control once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from compresslab._support.files import temporary_folder
from compresslab._support.locks import alone_with
from compresslab.audit.arms import ArmUnit, arm_rows
from compresslab.audit.counting import Runs, changes, shares
from compresslab.audit.gate import Gate, find_rate
from compresslab.audit.layers import Volumes, measure_depth, measure_volumes
from compresslab.audit.predicting import predicted_shares, probed
from compresslab.audit.reading import AuditData, check_pair, read_roles
from compresslab.audit.result import MARGIN, MODELS, AuditResult, DataFacts, PairModel
from compresslab.audit.settings import AuditSettings
from compresslab.audit.standing import DIRECTIONS, TokenScores, code_length, kl_by_position, score_pair
from compresslab.errors import InvalidParameter
from compresslab.experiments.experiment import Design
from compresslab.experiments.pool import run_units
from compresslab.experiments.rows import Row
from compresslab.experiments.spec import save_spec
from compresslab.experiments.stages import Stages
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.registry import get_model
from compresslab.probe.prediction import symbols_of
from compresslab.probe.texts import Given, ProbeData
from compresslab.theory.estimates import Estimate, estimate

__all__ = ["DESIGN", "audit", "audit_series"]

DESIGN = Design(
    primary="the share of what alignment gained on its data that new data undoes, net of control, after the last "
    "number of examples: above 0; all else is secondary",
    stopping="after as many seeds as were asked for",
    equivalence=f"{MARGIN:.0%} of what alignment gained",
    treated="the aligned model, fine-tuned on the new data",
    control="the base, fine-tuned on the same examples in the same order at the same rate",
    placebo="the base, aligned to neutral data at the alignment's sum of learning rates where that is known (else at "
    "that of the longest fine-tuning), then as the control; left out without neutral data",
    factors="seeds of the order of examples, and responses, crossed",
    rate="halved from the one that was asked for until the control's divergence from its base stays below the level",
)

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
        folder=folder, progress=progress, **changes,
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
        progress: likewise.
        changes: likewise.
    """
    if not pairs:
        raise InvalidParameter("an audit takes a base and an aligned model: give both")
    chosen = (settings or AuditSettings()).changed(changes)
    given = {"pretrain": pretrain, "align": align, "perturb": perturb, "neutral": neutral or {}}
    for role, sets in given.items():
        if not isinstance(sets, Mapping):
            raise InvalidParameter(f"{role} is a dictionary of data by name, such as {{'chat': texts}}: not {sets!r}")
    with _kept(folder) as where:
        found: list[AuditResult] = []
        at: _Base | None = None
        for base, aligned in pairs:
            after = _loaded(aligned)
            if at is None or at.given is not base:
                before = after if base is aligned else _loaded(base)
                check_pair(before, after)
                at = _measured_base(base, before, read_roles(after, given, chosen), chosen, where, progress)
            check_pair(at.model, after)
            found.append(_audited(at, after, chosen, where, progress))
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


@contextmanager
def _kept(folder: str | PathLike[str] | None) -> Iterator[Path]:
    if folder is not None:
        yield Path(folder)
        return
    with temporary_folder() as temporary:
        yield temporary


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
    where: Path,
    progress: Progress | None,
) -> _Base:
    fingerprint = base.content_fingerprint()
    folder, of = _journal(where / f"base-{fingerprint[:16]}", data, settings, {"base": fingerprint})
    with _alone(folder):
        gate = find_rate(
            lambda rate, number: _unit("control", base, base, data, settings, rate, number, folder, of), folder,
            settings.learning_rate, settings.level_nats, settings.seeds, _telling(progress, "training the control"),
        )  # fmt: skip
        placebo: list[Row] = []
        if data.neutral is not None:
            placebo = _trained("placebo", base, base, data, settings, gate.learning_rate, folder, of, progress)
        kept = Stages(folder / "kept", of=f"{of} {gate.learning_rate}")
        _tell(progress, "probing the base", 0)
        probe = kept.do("probe", lambda: probed(base, data, settings, gate.learning_rate))
        volumes = Volumes(**kept.do("volumes", lambda: asdict(measure_volumes(base, data.measured, settings.seed))))
        _tell(progress, "probing the base", 1)
    return _Base(given, base, fingerprint, data, gate, tuple(placebo), probe, volumes)


def _audited(
    at: _Base, aligned: HuggingFaceModel, settings: AuditSettings, where: Path, progress: Progress | None
) -> AuditResult:
    base, data, rate = at.model, at.data, at.gate.learning_rate
    prints = {"base": at.fingerprint, "aligned": aligned.content_fingerprint()}
    name = f"pair-{at.fingerprint[:8]}-{prints['aligned'][:16]}"
    folder, of = _journal(where / name, data, settings, prints)
    with _alone(folder):
        kept = Stages(folder / "kept", of=f"{of} {rate}")
        scores: dict[str, TokenScores] = {}
        for done, one in enumerate(data.measured):
            _tell(progress, "comparing the models", done, len(data.measured))
            scores[one.name] = _scores(kept, base, aligned, one)
        volumes = Volumes(**kept.do("volumes", lambda: asdict(measure_volumes(aligned, data.measured, settings.seed))))
        _tell(progress, "comparing the models", 1)
        rows = _trained("aligned", aligned, base, data, settings, rate, folder, of, progress)
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
                found
                for one in data.measured
                if (found := measure_depth(scores[one.name], getattr(scores[one.name], side), one)) is not None
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


def _journal(folder: Path, data: AuditData, settings: AuditSettings, models: Mapping[str, str]) -> tuple[Path, str]:
    """Begin a folder, or go on with one of the same audit; return it, and what its stages are of."""
    stream = data.measured[0].stream
    spec = {
        "experiment": "audit", "design": asdict(DESIGN), "settings": asdict(settings), "models": dict(models),
        "tokens": {"prefix": stream.prefix_id, "eos": stream.eos_id}, "data": data.digests(),
    }  # fmt: skip
    save_spec(folder, spec)
    return folder, repr(spec)


def _alone(folder: Path) -> Any:
    return alone_with(
        folder / "spec.json", f"another process audits in {folder}: wait until it ends, or name another folder"
    )


def _unit(
    arm: str, model: HuggingFaceModel, base: HuggingFaceModel, data: AuditData, settings: AuditSettings, rate: float,
    number: int, folder: Path, of: str,
) -> ArmUnit:  # fmt: skip
    stages = Stages(folder / "stages" / f"{arm}-{number}", of=f"{of} {arm} {number} {rate}")
    return ArmUnit(arm, model, base, data, settings, rate, number, stages)


def _trained(
    arm: str, model: HuggingFaceModel, base: HuggingFaceModel, data: AuditData, settings: AuditSettings, rate: float,
    folder: Path, of: str, progress: Progress | None,
) -> list[Row]:  # fmt: skip
    units = {
        f"{arm}/seed {number}": _unit(arm, model, base, data, settings, rate, number, folder, of)
        for number in range(settings.seeds)
    }
    return run_units(
        arm_rows, units, folder / f"{arm}.jsonl", progress=_telling(progress, f"training the {arm}"),
        saved=lambda unit: unit.stages.clear(),
    )  # fmt: skip


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
