"""The gate: the learning rate at which the control, a base that has nothing to lose by it, moves little.

A base that the new data moves far says little of alignment: whatever it is given would move so. The rate begins where
the settings say, and is halved until the control's divergence from its base after all examples stays below a level, for
every perturbation and every seed. The runs of the rate that passes are the control.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from compresslab.audit.arms import ArmUnit, arm_rows
from compresslab.audit.sending import run_arm
from compresslab.errors import InvalidParameter
from compresslab.experiments.models.finetuning import Diverged
from compresslab.experiments.rows import Row, read_rows

__all__ = ["HALVINGS", "Gate", "control_kl_nats", "find_rate"]

HALVINGS = 12


@dataclass(frozen=True)
class Gate:
    """What the gate found.

    Attributes:
        learning_rate: of all arms.
        tried: rate -> the control's largest divergence, nats per token; None where it diverged.
        rows: of the control.
    """

    learning_rate: float
    tried: Mapping[float, float | None]
    rows: tuple[Row, ...]


def find_rate(
    control: Callable[[float, int], ArmUnit],
    folder: Path,
    begin: float,
    level_nats: float,
    seeds: int,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> Gate:
    """Halve a learning rate until the control stays below a level.

    Args:
        control: a rate and a seed's number -> the unit.
        folder: where the rows are kept, a file for each rate.
        begin: the first rate.
        level_nats: the largest divergence of any perturbation, seed, and dataset of pre-training and alignment, nats
            per token.
        seeds: how many.
        progress: as of `compresslab.experiments.pool.run_units`, for each rate.
        workers: processes.

    Raises:
        InvalidParameter: the level is passed at the last rate too.
    """
    tried: dict[float, float | None] = {}
    rate = begin
    for halved in range(HALVINGS + 1):
        rate = begin / 2**halved
        units = {f"control/seed {number}": control(rate, number) for number in range(seeds)}
        path, rows = folder / f"control-{halved}.jsonl", list[Row]()
        # The first seed tells most rates that are too high: the others are not run for them.
        first = dict(list(units.items())[:1])
        for chosen in (units,) if len(read_rows(path)) > 1 else (first, units):
            rows = run_arm(_rows, chosen, path, workers=workers, progress=progress)
            tried[rate] = control_kl_nats(rows)
            if tried[rate] is None or tried[rate] >= level_nats:  # type: ignore[operator]
                break
        else:
            return Gate(rate, tried, tuple(rows))
    last = tried[rate]
    said = "diverges" if last is None else f"moves by {last:.3g} nats per token"
    raise InvalidParameter(
        f"the base itself {said} when it is trained on the new data at learning rate {rate:g}, more than the gate's "
        f"{level_nats:g}: give fewer examples, a lower learning rate, or a higher --level (level_nats)"
    )


def control_kl_nats(rows: list[Row]) -> float | None:
    """Return the largest divergence of a control from its base after all examples; None where it diverged."""
    if any(row.get("diverged") for row in rows):
        return None
    last = max(row["examples"] for row in rows)
    return max(float(nats) for row in rows if row["examples"] == last for nats in row["kl_base_nats"].values())


def _rows(unit: ArmUnit) -> list[Row]:
    try:
        return arm_rows(unit)
    except Diverged:
        return [{"arm": unit.arm, "seed": unit.seed, "learning_rate": unit.learning_rate, "diverged": True}]
