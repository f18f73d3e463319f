"""The page of ``effective-volumes``: known mixtures recovered, exchange rates, and the rebound beside theory."""

from __future__ import annotations

from collections.abc import Sequence

from compresslab.experiments.effective_volumes.figures import exchange_figure, rebound_theory_figure
from compresslab.experiments.effective_volumes.run import EffectiveSpec
from compresslab.experiments.effective_volumes.summary import EffectiveSummary
from compresslab.experiments.effective_volumes.tables import (
    effective_findings,
    effective_tables,
    rebound_signs,
    rebound_sizes,
)
from compresslab.experiments.rows import Row
from compresslab.report.digits import measured
from compresslab.report.ledger import claim_verdicts
from compresslab.report.page import Fact, Page, PageFigure, Section
from compresslab.report.provenance import Provenance

__all__ = ["effective_page"]


def effective_page(spec: EffectiveSpec, summary: EffectiveSummary, rows: Sequence[Row], source: Provenance) -> Page:
    """Put the report together: see `compresslab.experiments.experiment.Experiment`."""
    tables = tuple(effective_tables(spec, summary))
    recovered = sum(known.recovered for known in summary.known)
    rates = [one for one in summary.exchanges if one.phrases == summary.exchanges[0].phrases]
    facts = (
        Fact("known mixtures recovered", f"{recovered} of {len(summary.known)}", "within 2 standard errors",
             "good" if recovered == len(summary.known) else "bad"),
        *(
            Fact(f"a phrase of alignment counts for, learning rate {one.learning_rate:g}",
                 measured(one.rate, signed=False), f"phrases of pre-training, after {one.phrases:,} of alignment")
            for one in rates
        ),
    )  # fmt: skip
    return Page(
        title="What does a late example count for?",
        question="A network's effective volumes are the shares of the mixture that explains it best. Do known mixtures "
        "come back, and what are the volumes of data that was seen last?",
        answer=_answer(spec, summary),
        facts=facts,
        sections=(
            effective_findings(spec, summary),
            Section("Known mixtures", tables=tables[:1]),
            Section(
                "Exchange rates",
                "Had training counted every phrase alike, the exchange rate would be 1. It belongs to updates, not to "
                "phrases: with other batches the same phrases count otherwise. The half-life is the number of "
                "alignment phrases in which the weight of all data before them halves.",
                tables=tables[1::2],
                figures=(
                    PageFigure("exchange", "What a phrase of alignment counts for",
                               "Bars are 95 % intervals over seeds.", exchange_figure(summary.exchanges)),
                ),
            ),
            Section(
                "Rebound",
                "After the alignment the perturbation: code alone. The theory's network is a mixture in which code "
                "takes weight from all that was there alike, until its share is the one that is measured.",
                tables=tables[2::2],
                figures=_rebound_figures(summary),
            ),
        ),
        provenance=source,
        claims=claim_verdicts(["effective-volumes-concave", "conservation-law"]),
        symbols={
            "phrase": "one word of three corpora: prose, names of characters, code",
            "pre-training, alignment, perturbation": "training on all three corpora; then on names; then on code",
            "effective volume": "weight in the mixture of prose, names and code that explains a network best",
            "exchange rate": "how many phrases of pre-training a phrase of alignment counts for",
            "effective k": "effective weight of all pre-training for that of the alignment; the theorem takes it to be "
            "large",
            "residual": "what no mixture explains of a network, nats per phrase",
            "effective, seen": "the theory's change, at effective volumes and at the volumes of the phrases seen",
            "standard error": "of a share that is found from sampled phrases",
            "± and bars": "half a 95 % interval, Student's, over seeds",
        },
    )  # fmt: skip


def _answer(spec: EffectiveSpec, summary: EffectiveSummary) -> tuple[str, ...]:
    recovered = sum(known.recovered for known in summary.known)
    rate = summary.exchanges[0].learning_rate
    line = [one for one in summary.exchanges if one.learning_rate == rate]
    first, last = (measured(one.rate, signed=False) for one in (line[0], line[-1]))
    cells = 3 * len(summary.rebounds)
    agree = sum(rebound_signs(summary.rebounds, role) for role in ("pretrain", "align", "rest"))
    size = rebound_sizes(summary.rebounds, "pretrain")
    further = f"; they change {size[1]:.1f} times as much as it says (median, all data)" if size else ""
    return (
        f"Small networks were trained on mixtures of prose, names and code, and the mixture that explains each network "
        f"best was then found: {recovered} of {len(summary.known)} known mixtures come back.",
        "What was seen last counts for more: after pre-training on all three, a phrase of names (the alignment) counts "
        f"for {first} phrases of pre-training at first and for {last} at last (learning rate {rate:g}, updates of "
        f"{spec.batch:,} phrases each).",
        f"When code alone is trained on next, the theory at these volumes says in {agree} of {cells} cases which way "
        f"the networks' code lengths go{further}.",
    )


def _rebound_figures(summary: EffectiveSummary) -> tuple[PageFigure, ...]:
    cases = dict.fromkeys((one.learning_rate, one.aligned) for one in summary.rebounds)
    return tuple(
        PageFigure(
            f"rebound-{i}",
            f"After {aligned:,} phrases of alignment, learning rate {rate:g}",
            "Dots are networks with 95 % intervals over seeds; lines are the theory at effective volumes.",
            rebound_theory_figure(
                [one for one in summary.rebounds if (one.learning_rate, one.aligned) == (rate, aligned)]
            ),
        )
        for i, (rate, aligned) in enumerate(cases)
    )
