"""What the experiment ``effective-volumes`` says, in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from compresslab.experiments.effective_volumes.run import EffectiveSpec
from compresslab.experiments.effective_volumes.summary import EffectiveSummary, Exchange, Rebound
from compresslab.report.digits import measured, rounded, shared_decimals, significant
from compresslab.report.page import Group, Section, Table
from compresslab.theory.estimates import Estimate

__all__ = ["effective_findings", "effective_tables", "rebound_signs", "rebound_sizes"]

ROLE_NAMES = {"pretrain": "pre-training", "align": "names", "rest": "prose"}


def effective_findings(spec: EffectiveSpec, summary: EffectiveSummary) -> Section:
    """Say in words what came out, agreement and disagreement alike."""
    back = sum(known.recovered for known in summary.known)
    bias = max(float(np.abs(known.bias).max()) for known in summary.known)
    z = np.abs([x for known in summary.known for errors in known.errors for x in errors])
    known = [
        f"Known mixtures: {back} of {len(summary.known)} come back: every share of every network's whole distribution "
        f"lies within 2 standard errors ({spec.phrases:,} phrases) of the truth (worst {bias:.2f}).",
        f"Of {len(z)} shares found from sampled phrases {np.mean(z <= 2):.0%} lie within 2 standard errors (95 % "
        f"expected of an unbiased one); worst {z.max():.2f}.",
    ]
    rates = []
    for rate in spec.learning_rates:
        line = [one for one in summary.exchanges if one.learning_rate == rate]
        first, last = line[0], line[-1]
        rates.append(
            f"Exchange rate, learning rate {rate:g}: a phrase of alignment counts for {_plain(first.rate)} phrases of "
            f"pre-training after {first.phrases:,}, for {_plain(last.rate)} after {last.phrases:,}, in updates of "
            f"{spec.batch:,} phrases each, to which the rate belongs; what was there before loses half of its weight "
            f"in {_plain(first.half_life)} phrases at first. The effective k, weight of pre-training for that of "
            f"alignment, is {_k(first)}, then {_k(last)}: the theorem takes it to be large."
        )
    cells = len(summary.rebounds)
    agree = {role: rebound_signs(summary.rebounds, role) for role in ROLE_NAMES}
    sure = "at 95 %" if len(spec.seeds) > 1 else "one seed, no interval"
    sizes = {role: rebound_sizes(summary.rebounds, role) for role in ROLE_NAMES}
    at_seen = max(abs(x.mean) for one in summary.rebounds for x in one.seen.values())
    largest = max(abs(x.mean) for one in summary.rebounds for x in one.network.values())
    back_again = sum(_recovers(one) for one in summary.rebounds)
    rebound = [
        f"Rebound, signs ({sure}): the theory at effective volumes and the networks agree on the change of "
        + ", of ".join(f"{ROLE_NAMES[role]} in {n} of {cells}" for role, n in agree.items())
        + " cases (learning rate, alignment, perturbation).",
        "Rebound, sizes: the networks' change over the theory's, median and quartiles, is "
        + "; ".join(f"{x[1]:.2f} ({x[0]:.2f} to {x[2]:.2f}) for {ROLE_NAMES[role]}" for role, x in sizes.items() if x)
        + ".",
        f"At the volumes of the phrases seen the theory knows no change above {significant(at_seen, 2)} nats; the "
        f"networks' go up to {significant(largest, 2)}.",
        "The perturbation holds no prose, and in the theory leaves the weight of prose beside that of names as it was. "
        f"In the networks that ratio rose in {back_again} of {cells} cases ({sure}).",
    ]
    found = {"Known mixtures": known, "Exchange rates": rates, "Rebound": rebound}
    return Section("Findings", groups=tuple(Group(title, tuple(lines)) for title, lines in found.items()))


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


def effective_tables(spec: EffectiveSpec, summary: EffectiveSummary) -> Iterator[Table]:
    """Yield the tables: of known mixtures, then for each learning rate those of exchange rates and of the rebound."""
    yield Table(
        f"Known mixtures: prose / names / code; distances from the truth in standard errors of {spec.phrases:,} "
        f"phrases, worst of {len(spec.seeds)} seeds",
        ("trained on", "whole distribution", "sampled phrases", "sampled within 2"),
        [
            (
                " / ".join(f"{x:.3f}" for x in known.mixture),
                " / ".join(f"{x:.2f}" for x in np.abs(known.bias).max(axis=0)),
                " / ".join(f"{x:.2f}" for x in np.abs(known.errors).max(axis=0)),
                f"{int((np.abs(known.errors) <= 2).sum())} of {np.size(known.errors)}",
            )
            for known in summary.known
        ],
    )
    for rate in spec.learning_rates:
        yield Table(
            f"Exchange rates at learning rate {rate:g}, after {spec.pretrain_steps * spec.batch:,} phrases of "
            "pre-training",
            ("alignment phrases", "share of names", "before", "of phrases seen", "exchange rate", "effective k",
             "half-life, phrases", "residual, nats"),
            [
                (
                    f"{one.phrases:,}", _plain(one.share), _plain(one.start), f"{one.seen:.4f}", _plain(one.rate),
                    _k(one), _plain(one.half_life), _plain(one.residual_nats),
                )
                for one in summary.exchanges
                if one.learning_rate == rate
            ],
        )  # fmt: skip
        yield Table(
            f"Rebound at learning rate {rate:g}: change of code lengths, nats per phrase: network; theory at "
            "effective volumes; theory at volumes of phrases seen",
            ("alignment", "perturbation", *(x for role in ROLE_NAMES.values() for x in (role, "effective", "seen")),
             "prose : names before", "after"),
            [
                (
                    f"{one.aligned:,}", f"{one.phrases:,}",
                    *(
                        x
                        for role in ROLE_NAMES
                        for x in (measured(one.network[role]), _mean(one.grown.get(role), 3),
                                  _mean(one.seen.get(role), 4))
                    ),
                    _plain(one.old_before), _plain(one.old_after),
                )
                for one in summary.rebounds
                if one.learning_rate == rate
            ],
        )  # fmt: skip


def _k(one: Exchange) -> str:
    return "infinite" if one.k is None else _plain(one.k)


def _plain(x: Estimate) -> str:
    return measured(x, signed=False)


def _mean(x: Estimate | None, digits: int) -> str:
    """Write the theory's change: "infinite" where it is not finite, "< 0.001" where the digits do not show it."""
    if x is None:
        return "infinite"
    if 0 < abs(x.mean) < 0.5 * 10**-digits:
        return f"< {10**-digits:.{digits}f}"
    known = min(digits, shared_decimals([x.half_width], digits))
    return rounded(x.mean, known, signed=True) if x.mean else "0"
