"""An audit as JSON: the names are fixed, and published in ``schema.json`` beside this file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compresslab._support.json_text import finite
from compresslab.audit.counting import Change, Share
from compresslab.audit.result import AuditResult, verdict_of
from compresslab.audit.sentences import beside, elastic, first_tokens_share, of_perturbation
from compresslab.audit.standing import DIRECTIONS, CodeLength, KlAt, position_label
from compresslab.theory.estimates import Estimate

__all__ = ["SCHEMA_VERSION", "as_json", "schema", "series_as_json"]

SCHEMA_VERSION = 1


def series_as_json(results: Sequence[AuditResult]) -> dict[str, Any]:
    """Return one audit as `as_json` has it; of several an object whose ``series`` holds one for each."""
    if len(results) == 1:
        return as_json(results[0])
    return {"schema_version": SCHEMA_VERSION, "series": [as_json(one) for one in results]}


def as_json(result: AuditResult) -> dict[str, Any]:
    """Return an audit as JSON has it; null is what is not known or not defined. The names are those of the schema.

    What stands at the top is of the first perturbation after the last number of examples; ``by_perturbation`` has all.
    """
    first = result.perturbations[0]
    alignment = [k for k in result.kl if k.dataset in result.of_role("align")]
    kl_share, token_share = first_tokens_share(result)
    value: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "base": asdict(result.base),
        "aligned": asdict(result.aligned),
        "settings": asdict(result.settings),
        "data": {name: asdict(facts) for name, facts in result.data.items()},
        "code_length_nats": {
            side: {name: one.nats.mean for name, one in found.items()} for side, found in result.code_lengths.items()
        },
        "code_lengths": {
            side: {name: _code_length(one) for name, one in found.items()}
            for side, found in result.code_lengths.items()
        },
        "kl_nats": {direction: dict(_mean_kl(alignment, direction)) for direction in DIRECTIONS},
        "kl_by_position": [_kl(one) for one in result.kl],
        "first_tokens": {"kl_share": kl_share, "token_share": token_share},
        "effective_volumes": {side: asdict(found) for side, found in result.volumes.items()},
        "effective_depth": {
            side: {one.dataset: {"layers": one.layers, "excess_bits": list(one.excess_bits)} for one in found}
            for side, found in result.depths.items()
        },
        "gate": {
            "learning_rate": result.learning_rate,
            "level_nats": result.settings.level_nats,
            "tried": [{"learning_rate": rate, "control_kl_nats": kl} for rate, kl in result.tried.items()],
        },
        "placebo": {
            "examples": result.neutral_examples,
            "kl_nats": result.placebo_kl_nats,
            "aligned_kl_nats": result.aligned_kl_nats,
        }
        if result.neutral_examples
        else None,
        "perturbation": first,
        **_of_perturbation(result, first),
        "by_perturbation": {name: _of_perturbation(result, name) for name in result.perturbations},
        "changes": [_change(one) for one in result.changes],
        "shares": [_share(result, one) for one in result.shares],
        "kl_to_base_nats": {
            arm: {name: {str(seen): _ends(x) for seen, x in stops.items()} for name, stops in by_perturbation.items()}
            for arm, by_perturbation in result.kl_to_base.items()
        },
        "sentences": [*beside(result)],
        "probe": result.probe,
    }
    plain: dict[str, Any] = finite(value)
    return plain


def schema() -> dict[str, Any]:
    """Return the JSON Schema of what `series_as_json` gives."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "schema.json").read_text(encoding="utf-8"))
    return found


def _of_perturbation(result: AuditResult, name: str) -> dict[str, Any]:
    net: dict[str, dict[str, Any]] = {}
    for one in result.changes:
        if one.perturbation == name:
            net.setdefault(one.dataset, {})[str(one.examples)] = _ends(one.net_of_control, "value_nats")
    undone, returned = (result.share(what, name).net_of_control for what in ("undone", "returned"))
    return {
        "net_of_control": net,
        "undone_share": _ends(undone),
        "returned_share": _ends(returned),
        "verdict": verdict_of(undone),
        "answer": elastic(result, name),
        "findings": [*of_perturbation(result, name)],
    }


def _change(one: Change) -> dict[str, Any]:
    return {
        "perturbation": one.perturbation,
        "dataset": one.dataset,
        "examples": one.examples,
        **{
            f"{name}_nats": _ends(getattr(one, name))
            for name in ("aligned", "control", "placebo", "net_of_control", "net_of_placebo")
        },
    }


def _share(result: AuditResult, one: Share) -> dict[str, Any]:
    found = result.prediction(one.what, one.perturbation, one.examples)
    return {
        "what": one.what,
        "perturbation": one.perturbation,
        "examples": one.examples,
        "of_nats": _ends(one.of_nats),
        **{name: _ends(getattr(one, name)) for name in ("raw", "net_of_control", "net_of_placebo")},
        "predicted": {
            "raw": found.raw,
            "net_of_control": found.net_of_control,
            "within_linear_range": found.within_linear_range,
        },
    }


def _code_length(one: CodeLength) -> dict[str, Any]:
    return {"nats": _ends(one.nats), "bits_per_byte": _ends(one.bits_per_byte)}


def _kl(one: KlAt) -> dict[str, Any]:
    return {
        "dataset": one.dataset,
        "direction": one.direction,
        "position": position_label(one.first, one.last),
        "nats": _ends(one.nats),
        "tokens": one.tokens,
        "share": one.share,
    }


def _mean_kl(rows: Sequence[KlAt], direction: str) -> Iterator[tuple[str, float]]:
    """Yield the divergence at each position over several datasets, each token once."""
    at: dict[str, tuple[float, int]] = {}
    for one in rows:
        if one.direction == direction:
            label = position_label(one.first, one.last)
            total, tokens = at.get(label, (0.0, 0))
            at[label] = total + one.nats.mean * one.tokens, tokens + one.tokens
    for label, (total, tokens) in at.items():
        yield label, total / tokens


def _ends(x: Estimate | None, value: str = "value") -> Mapping[str, float | None]:
    return {value: None, "low": None, "high": None} if x is None else {value: x.mean, "low": x.low, "high": x.high}
