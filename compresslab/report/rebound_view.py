"""The summary of the experiment ``rebound`` in words and tables: for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from compresslab.experiments.rebound_summary import CURVES, AfterPositive, LeastVolume, ReboundSummary, verdict
from compresslab.experiments.slopes import Estimate
from compresslab.report.digits import measured, measured_mean
from compresslab.report.tables import make_table

__all__ = [
    "PAPER_TABLE_3",
    "Sheet",
    "arm_findings",
    "markdown",
    "rebound_findings",
    "rebound_sheets",
    "seeds_of",
    "sheets_view",
]

Sheet = tuple[str, list[str], list[list[str]]]

# Ji et al., arXiv 2406.06144, Table 3: unsafe samples to bring KL to the base below 0.01, after so many safe ones.
PAPER_TABLE_3 = {
    "Llama2-7B": {1000: 961, 2000: 844, 5000: 801, 10000: 729},
    "Gemma-2B": {1000: 923, 2000: 853, 5000: 709, 10000: 598},
}


def rebound_findings(summaries: Sequence[ReboundSummary]) -> Iterator[str]:
    """Say in words what each arm showed of what the paper finds: seen, not seen, or undecided here."""
    for one in summaries:
        for line in arm_findings(one):
            yield f"{one.arm}: {line}"


def arm_findings(one: ReboundSummary) -> Iterator[str]:
    """Say in words what one arm showed, without its name."""
    tuned = [found for found in one.after if found.positive]
    most = tuned[-1]
    yield (
        f"the positive data works ({verdict(one.gained, 1)}): after {most.positive:,} responses the score is "
        f"{measured(one.gained)} bits per byte."
    )
    fallen = most.curves["score"]
    yield (
        f"the negative data undoes it ({verdict(most.fallen, 1)}): with {one.negative[-1]:,} responses the score is "
        f"{measured(fallen[-1])}, from {measured(fallen[0])}: {_share(most.regained)} of the gain is taken back."
    )
    yield (
        f"faster than it moves a model that was never aligned ({verdict(most.excess_rate, 1)}): the early fall is "
        f"{measured(most.excess_rate)} bits per byte above the control's, for each 1,000."
    )
    yield (
        f"more positive data, faster fall ({verdict(one.rate_by_volume, 1)}): {measured(one.rate_by_volume)} for each "
        "doubling of the positive data."
    )
    two = sum(found.pooled_gain > 0 for found in tuned)
    steep = [verdict(found.change, 1) for found in tuned]
    yield (
        f"a fast fall, then a slow one ({_together(steep)}): the rate after the knee less that before it is above 0 at "
        f"95 % after {steep.count('seen')} of {len(steep)} positive volumes, and two phases describe all seeds' curves "
        f"together better than one (AICc) after {two}. After {most.positive:,} positive responses the score falls by "
        f"{measured(most.early_rate)} for each 1,000 up to {one.early:,}, then by {measured(most.late_rate)}."
    )
    for level in range(len(most.least)):
        yield _least_words([found.least[level] for found in tuned], one.negative[-1])


def _together(verdicts: Sequence[str]) -> str:
    kinds = set(verdicts)
    return verdicts[0] if len(kinds) == 1 else "seen in part"


def _least_words(least: Sequence[LeastVolume], largest: int) -> str:
    reached = sum(len(one.reached) for one in least)
    runs = sum(one.seeds for one in least)
    said = f"negative data brings KL to the base to {least[0].level:g} nats in {reached} of {runs} runs"
    word = "not seen" if not reached else "seen" if reached == runs else "undecided here"
    rest = f"; the others stay above it up to {largest:,} responses" if reached < runs else ""
    before = sum(one.at_once for one in least)
    return f"{said} ({word}){rest}" + (f"; {before} were there before any negative data." if before else ".")


def rebound_sheets(summaries: Sequence[ReboundSummary], *, wide: bool = True) -> Iterator[Sheet]:
    """Yield the tables: title, columns, rows; those that are not wide leave out what a terminal has no room for."""
    for one in summaries:
        head = f"{one.arm}: {one.parameters:,} parameters, {seeds_of(one.seeds)}"
        rates = ["positive", *_RATES] if wide else ["positive", *list(_RATES)[:3]]
        yield (
            f"{head}; rates in bits per byte for each 1,000 negative responses, early: up to {one.early:,}",
            rates,
            [[f"{found.positive:,}", *(_RATES[name](found) for name in rates[1:])] for found in one.after],
        )
        shown = [name for name in ("score", "positive", "kl", "judged") if name in one.after[0].curves]
        for name in shown if wide else shown[:1]:
            signed = name == "score"
            yield (
                f"{head}; {CURVES[name]}: positive data down, negative across",
                ["positive", *(f"{m:,}" for m in one.negative)],
                [[f"{found.positive:,}", *(_cell(x, signed, wide) for x in found.curves[name])] for found in one.after],
            )
        levels = [found.level for found in one.after[0].least]
        yield (
            f"{head}; least negative data that brings KL to the base to a level (the paper's Table 3)",
            ["positive", "KL before", "least KL", *(f"{level:g} nats" for level in levels)],
            [
                [
                    f"{found.positive:,}",
                    measured(found.curves["kl"][0], signed=False),
                    f"{measured_mean(found.closest_kl)} of it" if found.closest_kl else "-",
                    *(_least_cell(least, one.negative[-1]) for least in found.least),
                ]
                for found in one.after
                if found.positive
            ],
        )
    if wide:
        volumes = list(PAPER_TABLE_3["Llama2-7B"])
        yield (
            "The paper's Table 3: negative samples until KL to the base is below 0.01, after so many positive ones",
            ["model", *(f"{n:,}" for n in volumes)],
            [[model, *(f"{found[n]:,}" for n in volumes)] for model, found in PAPER_TABLE_3.items()],
        )


def _share(x: Estimate | None) -> str:
    return measured(x, signed=False, percent=True)


_RATES: dict[str, Callable[[AfterPositive], str]] = {
    "early": lambda found: measured(found.early_rate),
    "late": lambda found: measured(found.late_rate),
    "early above the control's": lambda found: measured(found.excess_rate) if found.positive else "-",
    "knee": lambda found: measured_mean(found.knee),
    "late less early": lambda found: measured(found.change),
    "AICc gain: one curve": lambda found: measured(found.gain),
    "all": lambda found: f"{found.pooled_gain:+.1f}",
    "taken back": lambda found: _share(found.regained),
}


def _cell(x: Estimate, signed: bool, wide: bool) -> str:
    return measured(x, signed=signed) if wide else measured_mean(x, signed=signed)


def _least_cell(least: LeastVolume, largest: int) -> str:
    if not least.reached:
        return f"> {largest:,}"
    mean = f"{sum(least.reached) / len(least.reached):.0f}"
    return mean if not least.censored else f"{mean} ({len(least.reached)} of {least.seeds}), else > {largest:,}"


def seeds_of(count: int) -> str:
    """Write how many seeds there are.

    Example:
        >>> seeds_of(1), seeds_of(3)
        ('1 seed', '3 seeds')
    """
    return f"{count} seed{'s' * (count != 1)}"


def sheets_view(findings: Sequence[str], sheets: Sequence[Sheet]) -> RenderableType:
    """Draw findings and tables for a terminal."""
    views: list[RenderableType] = [Text(f"- {line}") for line in findings]
    for title, columns, rows in sheets:
        table = make_table(title, columns)
        for row in rows:
            table.add_row(*row)
        views += [Text(), table]
    return Group(*views)


def markdown(findings: Sequence[str], sheets: Sequence[Sheet]) -> str:
    """Write findings and tables as Markdown."""
    parts = ["\n".join(f"- {line}" for line in findings)]
    for title, columns, rows in sheets:
        marks = ["---", *["---:"] * (len(columns) - 1)]
        lines = ["| " + " | ".join(cells) + " |" for cells in (columns, marks, *rows)]
        parts.append(f"**{title}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"
