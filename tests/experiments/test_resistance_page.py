"""The report of the experiment ``resistance``, from rows that are made up: no model is trained here."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
pytest.importorskip("jinja2", reason="reports need the extra 'report'")

from compresslab.cli.main import main
from compresslab.errors import InvalidParameter
from compresslab.experiments.experiment import page_of, read
from compresslab.experiments.resistance.experiment import RESISTANCE
from compresslab.experiments.resistance.figures import crossing_curves_figure, resistance_gap_figure
from compresslab.experiments.resistance.spec import PAIRS, ResistanceSpec
from compresslab.experiments.resistance.summary import LEVEL, least_seeds, sign_test, summarise_resistance
from compresslab.experiments.resistance.tables import NO_NEUTRAL, resistance_findings, resistance_tables
from compresslab.experiments.rows import Row, append_rows
from compresslab.report.provenance import provenance

SPEC = ResistanceSpec(("first.jsonl", "second.jsonl"), tuple(range(6)))


def write_unit(folder: Path, data: str, seed: int) -> None:
    """Losses in which the entropy hides that inverse alignment is the easier, by 0.1 bits and a little noise."""
    rng = np.random.default_rng(seed)
    head: Row = {"data": data, "seed": seed, "model": "96k", "parameters": 96_208}
    own = {1: 3.0, 2: 2.8, 3: 2.7}
    rows: list[Row] = [{**head, "kind": "checkpoint", "checkpoint": 0, "held_out_bits_per_byte": 4.0}]
    rows += [
        {
            **head,
            "kind": "checkpoint",
            "checkpoint": i,
            "held_out_bits_per_byte": own[i],
            "drawn_bits_per_symbol": own[i],
        }
        for i in own
    ]
    for earlier, later in PAIRS:
        for direction, on, excess in (("inverse", earlier, 0.2), ("forward", later, 0.3)):
            noisy = excess + 0.01 * rng.normal()
            rows.append(
                {
                    **head, "kind": "crossing", "earlier": earlier, "later": later, "direction": direction,
                    "loss_bits": own[on] + noisy, "own_bits": own[on], "own_test_bits": own[on],
                    "start_bits": own[on] + 2 * noisy, "end_test_bits": own[on] + noisy / 2,
                    "curve_bits": [own[on] + 2 * noisy, own[on] + noisy],
                }
            )  # fmt: skip
    append_rows(folder / "rows.jsonl", f"{data}/seed {seed}", rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("resistance") / "run"
    made.mkdir()
    (made / "spec.json").write_text(json.dumps({"experiment": "resistance", **asdict(SPEC), "data_sha256": ["x", "y"]}))
    for data in SPEC.data:
        for seed in SPEC.seeds:
            write_unit(made, data, seed)
    return made


def test_a_spec_comes_back_from_its_folder(folder: Path) -> None:
    spec, rows = read(RESISTANCE, folder)
    assert spec == SPEC
    assert len(rows) == 2 * 6 * 10


def test_the_page_tells_the_loss_from_the_excess(folder: Path) -> None:
    page = page_of(RESISTANCE, folder, provenance(["report"], []))
    assert "back is the easier in 0 of 6 comparisons" in page.answer[1]
    assert "back is the easier in 6 of 6 comparisons, the harder in 0" in page.answer[2]
    first = page.sections[0].groups[0].points
    assert "lower training loss: undecided" in first[1] or "the opposite seen" in first[1]
    assert "3, 2.8, 2.7 bits per symbol" in first[2]
    assert "inverse alignment is the easier: seen, for all three pairs" in first[3]
    assert "6 of 6 seeds above 0" in first[3]
    assert "has come nearer: seen, for all three pairs" in first[5]
    assert [fact.tone for fact in page.facts] == ["bad", "good"] * 2
    assert [section.title for section in page.sections][2:] == list(SPEC.data)
    paper = page.sections[1].tables[1]
    assert tuple(paper.columns) == ("model", "θ2→θ1", "θ1→θ2", "θ3→θ2", "θ2→θ3", "θ3→θ1", "θ1→θ3")
    assert tuple(paper.rows[0]) == ("Llama2-7B", "0.159", "0.202", "0.195", "0.214", "0.167", "0.235")


def test_every_loss_of_the_paper_is_lower_inverse_than_forward() -> None:
    from compresslab.experiments.resistance.tables import PAPER_TABLE_1

    assert all(inverse < forward for found in PAPER_TABLE_1.values() for inverse, forward in found)


def test_tables_hold_the_numbers(folder: Path) -> None:
    summaries = summarise_resistance(*read(RESISTANCE, folder))
    first = next(iter(resistance_tables(summaries)))
    rows = first.rows
    assert "bits per symbol" in first.title
    assert [row[0] for row in rows] == ["first.jsonl", "first.jsonl, excess", "second.jsonl", "second.jsonl, excess"]
    assert float(rows[1][1]) == pytest.approx(0.2, abs=0.02)
    assert len(list(resistance_tables(summaries, wide=False))) == 3


def test_two_learners_of_the_same_data_are_compared_without_entropies(folder: Path) -> None:
    summaries = summarise_resistance(*read(RESISTANCE, folder))
    same = summaries[0].toward
    assert same.loss.gap.mean == pytest.approx(0.1, abs=0.02)  # forward 0.3 of excess, back 0.2, the same entropy
    assert (same.loss.verdict.kind, same.loss.easier) == ("seen", 6)
    assert same.start.gap.mean == pytest.approx(2 * same.loss.gap.mean)
    page = page_of(RESISTANCE, folder, provenance(["report"], []))
    assert "on the way back than forward is seen for first.jsonl; seen for second.jsonl." in page.answer[2]
    paper, corrected = page.sections[0].points
    assert "Llama2-13B" in paper
    assert "with 6 seeds the test of signs has p = 0.0312 at best, and none of 24" in corrected
    assert corrected.endswith("could survive Holm's correction; that takes 10 seeds.")


def neutral_rows(rows: list[Row], slower: float) -> list[Row]:
    """Rows of θ1 and θ3 on neutral data, which θ1 learns by so many bits more slowly."""
    found = []
    for data, seed in dict.fromkeys((row["data"], row["seed"]) for row in rows):
        for i, loss in ((1, 4.0 + slower), (3, 4.0)):
            noisy = loss + 1e-3 * np.random.default_rng([seed, i]).normal()
            head = {"data": data, "seed": seed, "kind": "neutral", "checkpoint": i}
            found.append(
                {
                    **head,
                    "loss_bits": noisy,
                    "start_bits": 4.0 + 2 * (noisy - 4.0),
                    "end_test_bits": noisy,
                    "curve_bits": [],
                }
            )
    return found


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("slower", "kind"), [(0.0, "seen"), (0.3, "the opposite seen")])
def test_a_learner_that_learns_anything_more_slowly_is_no_resistance(folder: Path, slower: float, kind: str) -> None:
    spec, rows = read(RESISTANCE, folder)
    spec = replace(spec, neutral=("neutral.jsonl",))
    summaries = summarise_resistance(spec, [*rows, *neutral_rows(rows, slower)])
    for one in summaries:
        assert one.plasticity is not None
        assert one.plasticity.neutral.gap.mean == pytest.approx(slower, abs=0.002)
        assert one.plasticity.start.gap.mean == pytest.approx(2 * slower, abs=0.002)
        assert one.plasticity.loss.gap.mean == pytest.approx(one.toward.loss.gap.mean - slower, abs=0.002)
        assert one.plasticity.loss.verdict.kind == kind
    tables = list(resistance_tables(summaries))
    assert [row[-1] for row in tables[3].rows] == [kind] * 2
    page = RESISTANCE.page(spec, summaries, rows, provenance(["report"], []))
    assert f"net of how the two learn neutral data {kind} for first.jsonl" in page.answer[2]
    assert [len(section.tables) for section in page.sections[1:]] == [4, 1, 1]
    assert NO_NEUTRAL not in page.sections[0].lead
    said = "\n".join(page.sections[0].lines)
    assert f"so it is net of how the two learn neutral data ({kind}): " in said
    if slower:
        assert re.search(r"on neutral data θ1 less θ3 is \+0\.30\d* ± .*, before they learn it \+0\.6", said)


def test_swapping_the_learners_of_neutral_data_turns_what_they_differ_by(folder: Path) -> None:
    spec, rows = read(RESISTANCE, folder)
    spec = replace(spec, neutral=("neutral.jsonl",))
    neutral = neutral_rows(rows, 0.3)
    turned = [{**row, "checkpoint": 4 - row["checkpoint"]} for row in neutral]
    one, two = (summarise_resistance(spec, [*rows, *x])[0].plasticity for x in (neutral, turned))
    assert one is not None
    assert two is not None
    assert two.neutral.gap.mean == pytest.approx(-one.neutral.gap.mean)
    assert (one.loss.verdict.kind, two.loss.verdict.kind) == ("the opposite seen", "seen")


def swapped(rows: list[Row]) -> list[Row]:
    """The rows with θ1 and θ3 in each other's place, as learners and as those who drew the data."""

    def turned(row: Row) -> Row:
        if row["kind"] == "crossing":
            other = "forward" if row["direction"] == "inverse" else "inverse"
            return {**row, "earlier": 4 - row["later"], "later": 4 - row["earlier"], "direction": other}
        return {**row, "checkpoint": 4 - row["checkpoint"]} if row["checkpoint"] else row

    return [turned(row) for row in rows]


TURNED = {"seen": "the opposite seen", "the opposite seen": "seen", "undecided": "undecided"}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("slower", [0.0, 0.3])
def test_a_page_made_again_with_the_first_and_the_third_checkpoint_swapped_says_the_opposite(
    folder: Path, slower: float
) -> None:
    spec, rows = read(RESISTANCE, folder)
    spec, rows = replace(spec, neutral=("neutral.jsonl",)), [*rows, *neutral_rows(rows, slower)]
    before, after = (
        RESISTANCE.page(spec, summarise_resistance(spec, x), x, provenance(["report"], []))
        for x in (rows, swapped(rows))
    )
    net = ["seen", "the opposite seen"][slower > 0]
    for page, same, less in ((before, "seen", net), (after, "the opposite seen", TURNED[net])):
        said = (
            f"is {same} for first.jsonl; {same} for second.jsonl, and net of how the two learn neutral data {less} for"
        )
        assert said in page.answer[2]
    assert "the easier in 6 of 6 comparisons, the harder in 0," in before.answer[2]
    assert "the easier in 0 of 6 comparisons, the harder in 6," in after.answer[2]
    for one, two in zip(before.sections[1].tables[2:], after.sections[1].tables[2:], strict=True):
        assert [row[-1] for row in two.rows] == [TURNED[row[-1]] for row in one.rows]
    for one, two in zip(before.sections[2:], after.sections[2:], strict=True):
        verdicts = {tuple(row[:2]): row[-1] for row in one.tables[0].rows}
        pair = {"θ2, θ1": "θ3, θ2", "θ3, θ2": "θ2, θ1", "θ3, θ1": "θ3, θ1"}
        turned = {(pair[row[0]], row[1]): TURNED[row[-1]] for row in two.tables[0].rows}
        assert turned == verdicts
        assert set(verdicts.values()) > {"seen"}


def test_what_survives_the_correction_for_the_number_of_tests_is_counted(folder: Path) -> None:
    spec, rows = read(RESISTANCE, folder)
    doubled = [*rows, *({**row, "seed": row["seed"] + 6} for row in rows)]
    summaries = summarise_resistance(replace(spec, seeds=tuple(range(12))), doubled)
    tests = [(c.loss, c.excess, c.start, c.end) for one in summaries for c in one.crossings]
    kinds = [x.verdict.kind for four in tests for x in four if 24 * x.p_value <= LEVEL]
    assert {abs(2 * x.easier - 12) for four in tests for x in four if 24 * x.p_value <= LEVEL} == {12}
    corrected = resistance_findings(summaries).points[1]
    assert kinds.count("seen") >= 6
    assert corrected.endswith(
        f"p = 0.0005 at best, and by Holm's correction {kinds.count('seen')} of 24 (three pairs, four quantities, each "
        f"source) stay seen, {kinds.count('the opposite seen')} the opposite seen."
    )


@pytest.mark.usefixtures("undrawn")
def test_without_neutral_data_the_page_says_so(folder: Path) -> None:
    page = page_of(RESISTANCE, folder, provenance(["report"], []))
    assert NO_NEUTRAL in page.sections[0].lead
    assert "net of" not in page.answer[2]


@pytest.mark.parametrize("tests", [1, 2, 12, 24, 100])
def test_the_least_seeds_are_the_first_that_could_survive_the_correction(tests: int) -> None:
    seeds = least_seeds(tests)
    assert sign_test(seeds, 0) <= 0.05 / tests < sign_test(seeds - 1, 0)


def test_figures_show_seeds_and_means(folder: Path) -> None:
    one = summarise_resistance(*read(RESISTANCE, folder))[0]
    axes = resistance_gap_figure(one).axes[0]
    assert axes.get_ylabel() == "forward less inverse,\nbits per symbol"
    assert len(axes.containers) == 2
    drawn = np.asarray(axes.containers[1].lines[0].get_ydata(), dtype=np.float64)
    np.testing.assert_allclose(drawn, [crossing.excess.gap.mean for crossing in one.crossings])
    panels = crossing_curves_figure(one).axes
    assert len(panels) == 3
    np.testing.assert_allclose(panels[2].lines[0].get_ydata(), one.crossings[2].curves["inverse"])


@pytest.mark.usefixtures("undrawn")
def test_the_command_writes_the_page_of_finished_sources(folder: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.mkdir()
    (part / "spec.json").write_bytes((folder / "spec.json").read_bytes())
    lines = (folder / "rows.jsonl").read_text().splitlines(keepends=True)
    (part / "rows.jsonl").write_text("".join(lines[:70]))
    with pytest.raises(SystemExit) as stop:
        main(["report", str(part), "--quiet"])
    assert not stop.value.code
    text = (part / "report.html").read_text(encoding="utf-8")
    assert "first.jsonl" in text
    assert (part / "figures" / "data-0-gaps.svg").is_file()
    assert not (part / "figures" / "data-1-gaps.svg").is_file()


def test_an_older_spec_is_named(tmp_path: Path) -> None:
    saved = asdict(SPEC) | {"experiment": "resistance"}
    del saved["answers"]
    (tmp_path / "spec.json").write_text(json.dumps(saved))
    with pytest.raises(InvalidParameter, match="not a spec of 'resistance' as this version has it \\('answers'\\)"):
        read(RESISTANCE, tmp_path)
