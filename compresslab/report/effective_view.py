"""The effective-volume experiment in words and tables: for a terminal, and as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compresslab.experiments.effective import EffectiveSpec
from compresslab.experiments.effective_summary import EffectiveSummary, Rebound, summarise_effective
from compresslab.experiments.rows import Row
from compresslab.experiments.slopes import Estimate

__all__ = ["Sheet", "effective_findings", "effective_markdown", "effective_sheets", "rebound_signs", "rebound_sizes"]

Sheet = tuple[str, list[str], list[list[str]]]

ROLE_NAMES = {"pretrain": "pre-training", "align": "names", "rest": "prose"}


def effective_findings(spec: EffectiveSpec, summary: EffectiveSummary) -> list[str]:
    """Say in words what came out, agreement and disagreement alike."""
    back = sum(known.recovered for known in summary.known)
    bias = max(float(np.abs(known.bias).max()) for known in summary.known)
    z = np.abs([x for known in summary.known for errors in known.errors for x in errors])
    found = [
        f"Known mixtures: {back} of {len(summary.known)} come back: every share of every network's whole distribution "
        f"lies within 2 standard errors ({spec.phrases:,} phrases) of the truth (worst {bias:.2f}).",
        f"Of {len(z)} shares found from sampled phrases {np.mean(z <= 2):.0%} lie within 2 standard errors (95 % "
        f"expected of an unbiased one); worst {z.max():.2f}.",
    ]
    for rate in spec.learning_rates:
        line = [one for one in summary.exchanges if one.learning_rate == rate]
        first, last = line[0], line[-1]
        found.append(
            f"Exchange rate, learning rate {rate:g}: a phrase of alignment counts for {_number(first.rate)} phrases of "
            f"pre-training after {first.phrases:,}, for {_number(last.rate)} after {last.phrases:,}; what was there "
            f"before loses half of its weight in {_number(first.half_life)} phrases at first."
        )
    cells = len(summary.rebounds)
    agree = {role: rebound_signs(summary.rebounds, role) for role in ROLE_NAMES}
    sure = "at 95 %" if len(spec.seeds) > 1 else "one seed, no interval"
    found.append(
        f"Rebound, signs ({sure}): the theory at effective volumes and the networks agree on the change of "
        + ", of ".join(f"{ROLE_NAMES[role]} in {n} of {cells}" for role, n in agree.items())
        + " cases (learning rate, alignment, perturbation)."
    )
    sizes = {role: rebound_sizes(summary.rebounds, role) for role in ROLE_NAMES}
    found.append(
        "Rebound, sizes: the networks' change over the theory's, median and quartiles, is "
        + "; ".join(f"{x[1]:.2f} ({x[0]:.2f} to {x[2]:.2f}) for {ROLE_NAMES[role]}" for role, x in sizes.items() if x)
        + "."
    )
    at_seen = max(abs(x.mean) for one in summary.rebounds for x in one.seen.values())
    largest = max(abs(x.mean) for one in summary.rebounds for x in one.network.values())
    found.append(
        f"At the volumes of the phrases seen the theory knows no change above {at_seen:.3f} nats; the networks' go up "
        f"to {largest:.2f}."
    )
    back_again = sum(_recovers(one) for one in summary.rebounds)
    found.append(
        "The perturbation holds no prose, and in the theory leaves the weight of prose beside that of names as it was. "
        f"In the networks that ratio rose in {back_again} of {cells} cases ({sure})."
    )
    return found


def rebound_signs(rebounds: Sequence[Rebound], role: str) -> int:
    """Count the cases in which theory and network change a code length in the same direction (networks at 95 %)."""
    return sum(role in one.grown and _sign(one.network[role]) == int(np.sign(one.grown[role].mean)) for one in rebounds)


def rebound_sizes(rebounds: Sequence[Rebound], role: str) -> tuple[float, float, float] | None:
    """Return the quartiles of the networks' changes over the theory's; None where the theory has no finite ones."""
    ratios = [
        one.network[role].mean / one.grown[role].mean for one in rebounds if role in one.grown and one.grown[role].mean
    ]
    if not ratios:
        return None
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
    return low, middle, high


def _sign(x: Estimate) -> int:
    return x.sign if x.runs > 1 else int(np.sign(x.mean))


def _recovers(one: Rebound) -> bool:
    return _sign(one.old_change) > 0


def effective_sheets(spec: EffectiveSpec, summary: EffectiveSummary) -> list[Sheet]:
    """Return all tables as text: title, columns, rows."""
    sheets: list[Sheet] = [
        (
            f"Known mixtures: prose / names / code; distances from the truth in standard errors of {spec.phrases:,} "
            f"phrases, worst of {len(spec.seeds)} seeds",
            ["trained on", "whole distribution", "sampled phrases", "sampled within 2"],
            [
                [
                    " / ".join(f"{x:.3f}" for x in known.mixture),
                    " / ".join(f"{x:.2f}" for x in np.abs(known.bias).max(axis=0)),
                    " / ".join(f"{x:.2f}" for x in np.abs(known.errors).max(axis=0)),
                    f"{int((np.abs(known.errors) <= 2).sum())} of {np.size(known.errors)}",
                ]
                for known in summary.known
            ],
        )
    ]
    for rate in spec.learning_rates:
        sheets.append(
            (
                f"Exchange rates at learning rate {rate:g}, after {spec.pretrain_steps * spec.batch:,} phrases of "
                "pre-training",
                ["alignment phrases", "share of names", "of phrases seen", "exchange rate", "half-life, phrases",
                 "residual, nats"],
                [
                    [
                        f"{one.phrases:,}", _pm(one.share, 4), f"{one.seen:.4f}", _pm(one.rate, 0),
                        _pm(one.half_life, 0), _pm(one.residual_nats, 3),
                    ]
                    for one in summary.exchanges
                    if one.learning_rate == rate
                ],
            )
        )  # fmt: skip
        sheets.append(
            (
                f"Rebound at learning rate {rate:g}: change of code lengths, nats per phrase: network; theory at "
                "effective volumes; theory at volumes of phrases seen",
                ["alignment", "perturbation", *(x for role in ROLE_NAMES.values() for x in (role, "effective", "seen")),
                 "prose : names before", "after"],
                [
                    [
                        f"{one.aligned:,}", f"{one.phrases:,}",
                        *(
                            x
                            for role in ROLE_NAMES
                            for x in (_pm(one.network[role], 3, sign=True), _mean(one.grown.get(role), 3),
                                      _mean(one.seen.get(role), 4))
                        ),
                        _pm(one.old_before, 4), _pm(one.old_after, 4),
                    ]
                    for one in summary.rebounds
                    if one.learning_rate == rate
                ],
            )
        )  # fmt: skip
    return sheets


def effective_markdown(spec: EffectiveSpec, rows: Sequence[Row]) -> str:
    """Write findings and tables; intervals are Student's, at 95 %, over seeds."""
    summary = summarise_effective(spec, rows)
    parts = ["\n".join(f"- {line}" for line in effective_findings(spec, summary))]
    parts += [_table(*sheet) for sheet in effective_sheets(spec, summary)]
    return "\n\n".join(parts) + "\n"


def _pm(x: Estimate, digits: int, *, sign: bool = False) -> str:
    half = f" ± {x.half_width:,.{digits}f}" if x.runs > 1 else ""
    return (f"{x.mean:+,.{digits}f}" if sign else f"{x.mean:,.{digits}f}") + half


def _mean(x: Estimate | None, digits: int) -> str:
    return "infinite" if x is None else f"{x.mean:+.{digits}f}"


def _number(x: Estimate) -> str:
    digits = 0 if abs(x.mean) >= 10 else 1
    return f"{x.mean:,.{digits}f}" + (f" ± {x.half_width:,.{digits}f}" if x.runs > 1 else "")


def _table(title: str, columns: list[str], rows: list[list[str]]) -> str:
    marks = ["---", *["---:"] * (len(columns) - 1)]
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, marks, *rows)]
    return f"**{title}**\n\n" + "\n".join(lines)
