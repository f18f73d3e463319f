"""The page of the experiment ``resistance``: inverse against forward alignment."""

from __future__ import annotations

from collections.abc import Sequence

from compresslab.experiments.resistance.figures import crossing_curves_figure, resistance_gap_figure
from compresslab.experiments.resistance.spec import ResistanceSpec
from compresslab.experiments.resistance.summary import ResistanceSummary
from compresslab.experiments.resistance.tables import resistance_findings, resistance_tables
from compresslab.experiments.rows import Row
from compresslab.report.digits import measured, spanned
from compresslab.report.page import Fact, Page, PageFigure, Section, Table, joined, seeds_of, tone
from compresslab.report.provenance import Provenance

__all__ = ["resistance_page"]


def resistance_page(
    spec: ResistanceSpec, summaries: Sequence[ResistanceSummary], rows: Sequence[Row], source: Provenance
) -> Page:
    """Put the report together: see `compresslab.experiments.experiment.Experiment`."""
    tables = tuple(resistance_tables(summaries))
    return Page(
        title="Is it easier to train a model back than forward?",
        question="A model is fine-tuned on three slices of data, one after the other. Is a later checkpoint trained "
        "back on what an earlier one says more easily than the earlier one forward?",
        answer=_answer(summaries),
        facts=tuple(fact for one in summaries[:3] for fact in _facts(one)),
        sections=(
            resistance_findings(summaries),
            Section("Losses, in the paper's layout", tables=tables[: -len(summaries)]),
            *map(_section, range(len(summaries)), summaries, tables[-len(summaries) :]),
        ),
        provenance=source,
        symbols={
            "θ1, θ2, θ3": "the checkpoints, in the order of training",
            "D_1, D_2, D_3": "responses drawn from each of them to held-out prompts, at temperature 1",
            "inverse, forward": "θj→θi is θj trained on D_i for one pass: inverse alignment where j > i, forward where "
            "j < i",
            "training loss": "what the other checkpoint's data costs while it is learned, bits per symbol",
            "excess": "training loss less what the same data costs the checkpoint that drew it",
            "forward less inverse": "above 0 the way back, inverse alignment, is the easier",
            "neutral data": "responses that no checkpoint has anything to do with; θ1 and θ3 learn them too, and their "
            "loss holds how far from them a learner begins as well as how fast it learns",
            "KL": "Kullback-Leibler divergence, what data costs a model beyond what it costs its generator",
            "±": "half a 95 % interval, Student's, over seeds, paired",
            "seen, undecided": "seen: the interval lies above 0 and an exact test of the signs is at 5 % or below; "
            "undecided: one of the two does not say so; so many seeds would decide if mean, spread and share of "
            "signs stay as they are",
        },
    )


def _answer(summaries: Sequence[ResistanceSummary]) -> tuple[str, ...]:
    size = spanned(one.parameters for one in summaries)
    seeds = max(one.seeds for one in summaries)
    return (
        f"A language model of {size} parameters ({seeds_of(seeds)}) was fine-tuned on three slices of "
        f"{joined([one.data for one in summaries])}; each checkpoint then learned what another one says.",
        f"By the training loss, the paper's measure, the way back is {_counted(summaries, 'loss')}.",
        f"But that loss also holds how random the learned texts are by themselves; without that (the excess) the way "
        f"back is {_counted(summaries, 'excess')}; and that the same data, that of the second checkpoint, is learned "
        "more easily on the way back than forward is "
        f"{'; '.join(f'{one.toward.loss.verdict} for {one.data}' for one in summaries)}{_net(summaries)}.",
    )


def _net(summaries: Sequence[ResistanceSummary]) -> str:
    """Say the same net of how the two learners learn neutral data, where they did."""
    found = [f"{one.plasticity.loss.verdict} for {one.data}" for one in summaries if one.plasticity is not None]
    return f", and net of how the two learn neutral data {'; '.join(found)}" if found else ""


def _counted(summaries: Sequence[ResistanceSummary], name: str) -> str:
    found = [getattr(crossing, name).verdict.kind for one in summaries for crossing in one.crossings]
    easier, harder = found.count("seen"), found.count("the opposite seen")
    return (
        f"the easier in {easier} of {len(found)} comparisons, the harder in {harder}, and in "
        f"{len(found) - easier - harder} it is undecided"
    )


def _facts(one: ResistanceSummary) -> tuple[Fact, ...]:
    last = one.crossings[-1]
    return tuple(
        Fact(
            f"{one.data}: {name}, forward less inverse, checkpoints {last.later} and {last.earlier}",
            measured(x.gap),
            f"bits per symbol; above 0: back is easier; {x.verdict}",
            tone(x.verdict.kind),
        )
        for name, x in (("training loss", last.loss), ("excess", last.excess))
    )


def _section(number: int, one: ResistanceSummary, table: Table) -> Section:
    return Section(
        one.data,
        tables=(table,),
        figures=(
            PageFigure(f"data-{number}-gaps", "Forward less inverse", "Above 0, inverse alignment is the easier. Large "
                       "marks are means with 95 % intervals, small dots seeds.", resistance_gap_figure(one)),
            PageFigure(f"data-{number}-curves", "Along the pass", "What the other checkpoint's data costs while it is "
                       "learned, less what it costs its generator: 0 would be the generator itself.",
                       crossing_curves_figure(one)),
        ),
    )  # fmt: skip
