"""The same shares, by the probe: of the aligned model, and net of the base, which is probed likewise.

The probe takes the batches of the first seed, and sees nothing of what is measured. It is told the datasets in the
audit's tokens, so that predicted and measured changes are of the same responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compresslab.audit.reading import AuditData
from compresslab.audit.settings import AuditSettings
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.probe.json_form import as_json
from compresslab.probe.lora import to_train
from compresslab.probe.probing import probe
from compresslab.probe.texts import Given

__all__ = ["PredictedShare", "predicted_shares", "probed"]

Found = Mapping[str, Any]


@dataclass(frozen=True)
class PredictedShare:
    """A share by the probe; None where what it is a share of is not above 0.

    Attributes:
        what: "undone" or "returned".
        perturbation: what is trained on.
        examples: how many.
        raw: of the aligned model's predicted change.
        net_of_control: of that net of the base's.
        within_linear_range: whether all predicted changes are in both models; None for first order alone.
    """

    what: str
    perturbation: str
    examples: int
    raw: float | None
    net_of_control: float | None
    within_linear_range: bool | None


def probed(model: HuggingFaceModel, data: AuditData, settings: AuditSettings, learning_rate: float) -> dict[str, Any]:
    """Return what the probe says of a model, as its JSON has it, without the time that it took.

    It is of the weights that the audit trains: all of them, or a LoRA's.
    """
    given: dict[str, dict[str, Given]] = {
        role: {one.name: one.dialogues for one in data.of_role(role)} for role in ("pretrain", "align", "perturb")
    }
    whole = all(weight.requires_grad for weight in model.module.parameters() if weight.is_floating_point())
    one = model if whole and not settings.lora else to_train(model, settings.lora, settings.seed)
    asked = settings.probe(learning_rate)
    found = as_json(
        probe(one, pretrain=given["pretrain"], align=given["align"], perturb=given["perturb"], settings=asked)
    )
    del found["seconds"]  # equal runs give equal rows
    return found


def predicted_shares(aligned: Found, base: Found) -> Iterator[PredictedShare]:
    """Yield the predicted shares from the probes of both models.

    Args:
        aligned: what `probed` returned of the aligned model.
        base: of the base.
    """
    roles = aligned["roles"]
    stops = dict.fromkeys((row["perturbation"], row["examples"]) for row in aligned["predicted"])
    for perturbation, examples in stops:
        for what, role, sign in (("undone", "align", 1.0), ("returned", "pretrain", -1.0)):
            names = [name for name in roles if roles[name] == role]
            whole = sum(sign * _tokens(aligned, name) * (_nats(base, name) - _nats(aligned, name)) for name in names)
            parts = [_rows(one, names, perturbation, examples) for one in (aligned, base)]
            moved = [sign * sum(_tokens(aligned, r["dataset"]) * _change(r) for r in rows) for rows in parts]
            ranges = [row["within_linear_range"] for rows in parts for row in rows]
            yield PredictedShare(
                what, perturbation, examples,
                moved[0] / whole if whole > 0 else None,
                (moved[0] - moved[1]) / whole if whole > 0 else None,
                None if None in ranges else all(ranges),
            )  # fmt: skip


def _rows(found: Found, names: Sequence[str], perturbation: str, examples: int) -> list[Mapping[str, Any]]:
    wanted = (perturbation, examples)
    return [r for r in found["predicted"] if (r["perturbation"], r["examples"]) == wanted and r["dataset"] in names]


def _change(row: Mapping[str, Any]) -> float:
    """Return the linearised change where there is one, else that to first order."""
    linearised = row["linearised_nats"]
    return float(row["first_order_nats"] if linearised is None else linearised)


def _tokens(found: Found, name: str) -> float:
    return float(found["datasets"][name]["tokens"])


def _nats(found: Found, name: str) -> float:
    return float(found["datasets"][name]["code_length_nats"])
