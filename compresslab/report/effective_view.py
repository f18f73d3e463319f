"""The rows of the effective-volume experiment as tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from compresslab.experiments.effective import EffectiveSpec, exchange_rate
from compresslab.experiments.rows import Row

__all__ = ["effective_findings", "effective_markdown"]


def effective_findings(spec: EffectiveSpec, rows: Sequence[Row]) -> list[str]:
    """Say in words what came out."""
    known = [row for row in rows if row["stage"] == "known"]
    z = np.concatenate([_z(row) for row in known])
    bias = np.concatenate([_bias(row) for row in known])
    mixtures = {tuple(row["mixture"]) for row in known}
    within = [m for m in mixtures if all((_bias(row) <= 2).all() for row in known if tuple(row["mixture"]) == m)]
    found = [
        f"Known mixtures: in {len(within)} of {len(mixtures)} the shares of the whole distribution lie within 2 "
        f"standard errors ({spec.phrases:,} phrases) of the truth, for all seeds and parts (worst {bias.max():.1f}).",
        f"Of {len(z)} sampled shares {np.mean(z <= 2):.0%} lie within 2 standard errors (95 % expected of an unbiased "
        f"one); worst {z.max():.2f}.",
    ]
    for rate in spec.learning_rates:
        last = [
            r
            for r in rows
            if r["stage"] == "align" and r["learning_rate"] == rate and r["steps"] == spec.align_steps[0]
        ]
        if last:
            rates = [_rate(spec, row) for row in last]
            found.append(
                f"Learning rate {rate:g}: after {spec.align_steps[0] * spec.batch:,} alignment phrases each counts "
                f"like {np.mean(rates):.0f} phrases of pre-training ({min(rates):.0f} to {max(rates):.0f} over seeds)."
            )
    return found


def effective_markdown(spec: EffectiveSpec, rows: Sequence[Row]) -> str:
    """Write findings and tables."""
    parts = ["\n".join(f"- {line}" for line in effective_findings(spec, rows))]
    known = [row for row in rows if row["stage"] == "known"]
    parts.append(
        _table(
            "Known mixtures: shares of prose / names / code",
            ["trained on", "seed", "sampled shares", "standard errors", "whole distribution", "residual, nats"],
            [
                [
                    _shares(row["mixture"]), str(row["seed"]), _shares(row["sampled_shares"]),
                    _shares(row["standard_errors"]), _shares(row["shares"]), f"{row['residual_nats']:.5f}",
                ]
                for row in known
            ],
        )
    )  # fmt: skip
    for rate in spec.learning_rates:
        one = [row for row in rows if row["stage"] != "known" and row["learning_rate"] == rate]
        stops = dict.fromkeys((row["stage"], row["steps"]) for row in one)
        lines = []
        for stage, steps in stops:
            group = [row for row in one if (row["stage"], row["steps"]) == (stage, steps)]
            shares = np.mean([row["shares"] for row in group], axis=0)
            cells = [stage, f"{steps * spec.batch:,}", _shares(shares), _share_of_phrases(spec, stage, steps)]
            cells.append(f"{np.mean([_rate(spec, row) for row in group]):.0f}" if stage == "align" else "-")
            cells.append(f"{np.mean([row['residual_nats'] for row in group]):.3f}")
            for part in range(3):
                own = np.mean([row["gamma_nats"][part] for row in group])
                of_mixture = [row["mixture_gamma_nats"][part] for row in group]
                said = "infinite" if None in of_mixture else f"{np.mean(of_mixture):.3f}"
                cells.append(f"{own:.3f} / {said}")
            lines.append(cells)
        parts.append(
            _table(
                f"A sequence at learning rate {rate:g} (means over {len(spec.seeds)} seeds); code lengths in nats: the "
                "network's / the mixture's at its effective volumes",
                ["stage", "phrases", "effective shares", "shares of phrases seen", "exchange rate", "residual",
                 "prose", "names", "code"],
                lines,
            )
        )  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _z(row: Row) -> Any:
    return _in_errors(row, "sampled_shares")


def _bias(row: Row) -> Any:
    return _in_errors(row, "shares")


def _in_errors(row: Row, column: str) -> Any:
    """How many standard errors shares lie from the truth; infinitely many where the error came out as 0."""
    off, errors = np.abs(np.array(row[column]) - row["mixture"]), np.array(row["standard_errors"])
    return np.divide(off, errors, out=np.where(off > 0, np.inf, 0.0), where=errors > 0)


def _rate(spec: EffectiveSpec, row: Row) -> float:
    return exchange_rate(row["shares"][1], spec.pretrain_steps * spec.batch, row["steps"] * spec.batch)


def _share_of_phrases(spec: EffectiveSpec, stage: str, steps: int) -> str:
    seen = np.full(3, spec.pretrain_steps / 3)
    if stage != "pretrain":
        seen[1] += steps if stage == "align" else spec.align_steps[-1]
    if stage == "perturb":
        seen[2] += steps
    return _shares(seen / seen.sum())


def _shares(values: Any) -> str:
    return " / ".join(f"{x:.4f}" for x in values)


def _table(title: str, columns: list[str], rows: list[list[str]]) -> str:
    marks = ["---", *["---:"] * (len(columns) - 1)]
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, marks, *rows)]
    return f"**{title}**\n\n" + "\n".join(lines)
