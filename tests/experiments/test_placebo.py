"""The placebo of a rebound: what is net of it, what is claimed, and what turns when its rows are swapped."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compresslab.data.texts import Texts
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.neutral_text import PROSE_BACKWARDS, backwards
from compresslab.experiments.data.tuning_texts import EMBEDDED, deal_texts, given_texts
from compresslab.experiments.experiment import design_of, finished, read, record, run
from compresslab.experiments.models import base_models
from compresslab.experiments.models.finetuning import Recipe, learning_rate_sum
from compresslab.experiments.rebound.claim_tables import claim_tables
from compresslab.experiments.rebound.claims import CLAIMS, claims_tested, plain_claims
from compresslab.experiments.rebound.experiment import REBOUND
from compresslab.experiments.rebound.gate import RateGate
from compresslab.experiments.rebound.pilot import through_gate
from compresslab.experiments.rebound.placebo import share_trend, trend
from compresslab.experiments.rebound.presets import rebound_preset
from compresslab.experiments.rebound.run import ReboundSpec
from compresslab.experiments.rebound.summary import CHANGED, summarise_rebound
from compresslab.experiments.rebound.tables import NO_PLACEBO, rebound_findings, rebound_tables
from compresslab.experiments.rows import Row
from compresslab.experiments.spec import read_spec
from compresslab.lm.tiny import TinyShape
from compresslab.report.markdown import markdown
from compresslab.report.page import Section
from compresslab.theory.multiple_tests import holm
from tests.experiments.tuning import POSITIVE, VOLUMES, made_placebo, small_rebound

RESULTS = Path(__file__).parents[2] / "docs" / "results"
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs the extra 'lm' (torch and transformers)"
)


# ---- what is net of it ----


def column(rows: list[Row], group: str, n: int, name: str) -> np.ndarray:
    """A quantity of a group at one volume, of shape (seeds, negative), by loops over the rows."""
    found = np.empty((3, len(VOLUMES)))
    for row in rows:
        if row["group"] == group and n in (row["positive"], row["neutral"]) and row["positive"] + row["neutral"] == n:
            plus, minus = row["positive_bits_per_byte"], row["negative_bits_per_byte"]
            value = minus - plus if name == "score" else row[f"{name}_bits_per_byte"]
            found[row["seed"], VOLUMES.index(row["negative"])] = value
    return found


def test_net_of_the_placebo_is_the_value_less_the_placebos_seed_by_seed() -> None:
    spec, rows = made_placebo()
    (one,) = summarise_rebound(spec, rows)
    assert one.after[0].placebo is None  # the control is net of nothing
    for found in one.after[1:]:
        net = found.placebo
        assert net is not None
        for name in CHANGED:
            treated, placebo = (column(rows, group, found.positive, name) for group in ("treated", "placebo"))
            expected = (treated - treated[:, :1]) - (placebo - placebo[:, :1])
            assert [x.mean for x in net.changed[name]] == pytest.approx(expected.mean(axis=0), abs=1e-12)
            spread = expected[:, -1].std(ddof=1) / np.sqrt(3) * 0.95 * np.sqrt(2 / 0.0975)  # t of 2 degrees
            assert net.changed[name][-1].half_width == pytest.approx(spread, abs=1e-12)
        score = column(rows, "treated", found.positive, "score") - column(rows, "placebo", found.positive, "score")
        assert net.gained.mean == pytest.approx(score[:, 0].mean())
        assert net.fallen.mean == pytest.approx((score[:, 0] - score[:, -1]).mean())
        assert net.survives.mean == pytest.approx(score[:, -1].mean())
        assert net.early_rate.mean == pytest.approx((score[:, 0] - score[:, 3]).mean() * 1000 / 40)
        assert net.regained is not None
        assert net.regained.mean == pytest.approx((score[:, 0] - score[:, -1]).mean() / score[:, 0].mean())


def test_what_is_net_of_control_does_not_depend_on_the_placebo() -> None:
    spec, rows = made_placebo()
    (one,) = summarise_rebound(spec, rows)
    (without,) = summarise_rebound(spec, [row for row in rows if row["group"] != "placebo"])
    assert replace(one, after=(), placebo=None) == replace(without, after=())
    assert [replace(found, placebo=None) for found in one.after] == list(without.after)


def test_missing_rows_of_the_placebo_are_named() -> None:
    spec, rows = made_placebo()
    with pytest.raises(InvalidParameter, match="no row for seed 2, 400 neutral and 160 negative: run it first"):
        summarise_rebound(spec, rows[:-1])


@given(st.lists(st.floats(0.5, 3), min_size=3, max_size=3), st.floats(0.1, 2), st.integers(0, 100))
@settings(max_examples=30)
def test_a_loss_in_proportion_has_no_slope_and_units_do_not_matter(means: list[float], share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    gains = np.array(means) + 0.01 * rng.standard_normal((5, 3))
    noise = 0.01 * rng.standard_normal((5, 3))
    found = share_trend([1, 2, 8], share * gains, gains)
    assert found is not None
    assert found.mean == pytest.approx(0, abs=1e-9)
    assert found.half_width == pytest.approx(0, abs=1e-9)
    noisy, scaled = (share_trend([1, 2, 8], k * (share * gains + noise), k * gains) for k in (1.0, 7.0))
    assert noisy is not None
    assert scaled is not None
    assert (scaled.mean, scaled.half_width) == pytest.approx((noisy.mean, noisy.half_width))


def test_with_gains_that_are_known_the_slope_of_the_share_is_an_ordinary_trend() -> None:
    rng = np.random.default_rng(3)
    gains, losses = np.tile([1.0, 2.0, 4.0], (6, 1)), rng.standard_normal((6, 3))
    found, plain = share_trend([10, 20, 80], losses, gains), trend([10, 20, 80], losses / gains)
    assert found is not None
    assert (found.mean, found.half_width) == pytest.approx((plain.mean, plain.half_width))
    assert share_trend([10, 20, 80], losses, gains * [1, 1, 0] + rng.standard_normal((6, 3)) * [0, 0, 1]) is None


# ---- what turns when rows are swapped ----


def swapped(rows: list[Row], group: str) -> list[Row]:
    """The rows with those of a group in place of the treated ones, and the other way round.

    The control has one volume: it is swapped with the treated models of the largest.
    """
    most = max(row["positive"] for row in rows)

    def turned(row: Row) -> Row:
        if group == "placebo" and row["group"] != "control":
            other = "placebo" if row["group"] == "treated" else "treated"
            return {**row, "group": other, "positive": row["neutral"], "neutral": row["positive"]}
        if group == "control" and row["group"] == "control":
            return {**row, "group": "treated", "positive": most}
        if group == "control" and row["positive"] == most:
            return {**row, "group": "control", "positive": 0}
        return row

    return [turned(row) for row in rows]


TURNED = {"seen": "the opposite seen", "the opposite seen": "seen"}


def page_text(spec: ReboundSpec, rows: list[Row]) -> str:
    """The sentences and tables of the page that rows make, figures aside."""
    from compresslab.experiments.rebound.page import rebound_page
    from compresslab.report.provenance import Provenance

    made = rebound_page(spec, summarise_rebound(spec, rows), rows, Provenance("", "", "", {}, {}))
    return "\n".join([*made.answer, *(markdown(section) for section in made.sections)])


def test_swapping_the_placebo_with_the_treated_turns_what_is_net_of_it() -> None:
    spec, rows = made_placebo()
    tests, turned = (claims_tested(spec, summarise_rebound(spec, x)[0]) for x in (rows, swapped(rows, "placebo")))
    net = [i for i, claim in enumerate(CLAIMS) if "placebo" in claim.name and "share" not in claim.name]
    assert len(net) == 5
    for i in net:
        assert turned[i].verdict == TURNED.get(tests[i].verdict, tests[i].verdict)
        before, after = tests[i].found, turned[i].found
        assert before is not None
        assert after is not None
        assert (after.mean, after.half_width) == pytest.approx((-before.mean, before.half_width))
    assert {tests[i].verdict for i in net} > {"seen"}  # what is undecided cannot turn


def test_swapping_the_control_with_the_treated_turns_what_is_net_of_it() -> None:
    spec, rows = made_placebo()
    (one,), (turned,) = (summarise_rebound(spec, x) for x in (rows, swapped(rows, "control")))
    before, after = one.after[-1], turned.after[-1]
    for name in ("net_fallen", "excess_rate", "survives"):
        assert getattr(after, name).mean == pytest.approx(-getattr(before, name).mean)
    assert (claims_tested(spec, one)[1].verdict, claims_tested(spec, turned)[1].verdict) == (
        "seen",
        "the opposite seen",
    )


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("placebo", "net of what they do to a base that was trained on neutral texts instead, is {}"),
        ("control", "all negative data after the largest positive volume, net of the control: {} ("),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_a_page_made_again_from_swapped_rows_says_the_opposite(group: str, said: str) -> None:
    pytest.importorskip("matplotlib")
    spec, rows = made_placebo()
    before, after = page_text(spec, rows), page_text(spec, swapped(rows, group))
    assert said.format("seen") in before
    assert said.format("the opposite seen") in after
    assert said.format("seen") not in after


# ---- claims ----


def test_the_primary_claim_stands_alone_and_the_others_are_one_family() -> None:
    spec, rows = made_placebo()
    first, *family = claims_tested(spec, summarise_rebound(spec, rows)[0])
    assert first.primary
    assert first.p_corrected == first.p
    assert not any(test.primary for test in family)
    p = [test.p for test in family] + [test.p_equivalent for test in family if test.margin]
    corrected = [test.p_corrected for test in family] + [test.p_equivalent_corrected for test in family if test.margin]
    assert corrected == holm(p)
    assert len(p) == 8 + 6


def test_a_loss_in_proportion_is_told_from_one_that_is_not() -> None:
    spec, rows = made_placebo()
    springs = [{**row, "seed_noise": 0} for row in rows]
    rng = np.random.default_rng(0)
    for row in springs:
        n, m = row["positive"] + row["neutral"], row["negative"]
        gain = {0: 0.0, 100: 0.1, 200: 0.2, 400: 0.3}[n] * (row["group"] == "treated")
        lost = 0.5 * m / VOLUMES[-1]
        row["negative_bits_per_byte"] = 3.25 + gain * (1 - lost) + 1e-4 * rng.standard_normal()
    proportional = claims_tested(spec, summarise_rebound(spec, springs)[0])
    assert [test.verdict for test in proportional[-2:]] == ["loss in proportion, as a spring's"] * 2
    for row in springs:  # the same loss after every volume
        if row["group"] == "treated":
            gain = {100: 0.1, 200: 0.2, 400: 0.3}[row["positive"]]
            row["negative_bits_per_byte"] += (0.5 * gain - 0.05) * row["negative"] / VOLUMES[-1]
    equal = claims_tested(spec, summarise_rebound(spec, springs)[0])
    assert [test.verdict for test in equal[-2:]] == ["seen"] * 2
    assert equal[-1].found is not None
    assert equal[-1].found.mean == pytest.approx(np.polyfit(np.log2(POSITIVE[1:]), [0.5, 0.25, 1 / 6], 1)[0], abs=0.01)


def test_the_claims_stand_in_findings_tables_and_json() -> None:
    spec, rows = made_placebo()
    summaries = summarise_rebound(spec, rows)
    text = markdown(replace(rebound_findings(spec, summaries), tables=tuple(rebound_tables(spec, summaries))))
    assert NO_PLACEBO not in text
    assert f"claim: primary: {CLAIMS[0].name}: seen" in text
    assert "the placebo, a base after 400 neutral responses, before any negative data: score +0.002" in text
    assert "; placebo, preference for positive texts over the base's, bits per byte: neutral data down" in text
    assert text.count("net of placebo") == 4  # score and three code lengths
    (table,) = claim_tables(spec, summaries)
    assert [row[0] for row in table.rows] == [claim.name for claim in CLAIMS]
    plain = plain_claims(spec, summaries)
    assert [test["claim"] for test in plain] == [claim.name for claim in CLAIMS]
    assert json.loads(json.dumps(plain, allow_nan=False)) == json.loads(json.dumps(plain))


def test_the_design_of_a_spec_with_a_placebo_freezes_its_claims_and_margins() -> None:
    spec, _ = made_placebo()
    design = design_of(REBOUND, spec)
    assert design.primary.startswith(CLAIMS[0].name)
    assert all(claim.name in design.secondary for claim in CLAIMS[1:])
    assert "within 0.01 bits per byte and 0.1 of the gain for each doubling" in design.equivalence
    assert "neutral: prose-backwards" in design.placebo
    gated = replace(spec, gate=RateGate(0.01, 9, ((0.002, 0.05), (0.001, 0.008))))
    assert (
        "in a pilot on seed 9, which is in no arm: 0.002 (KL 0.0500), 0.001 (KL 0.0080)"
        in design_of(REBOUND, gated).rate
    )
    assert design_of(REBOUND, replace(spec, texts=replace(spec.texts, neutral=()))) == REBOUND.design


# ---- older folders ----


@pytest.mark.parametrize("name", ["rebound-cpu", "rebound-demo"])
@pytest.mark.skipif(not RESULTS.is_dir(), reason="docs/results is not here")
def test_folders_from_before_the_placebo_are_read_and_say_that_there_is_none(name: str) -> None:
    spec, rows = read(REBOUND, RESULTS / name)
    summaries = summarise_rebound(spec, rows)
    assert all(found.placebo is None for one in summaries for found in one.after)
    said = rebound_findings(spec, summaries)
    assert NO_PLACEBO in said.lead
    assert "net of placebo" not in markdown(Section("", tables=tuple(rebound_tables(spec, summaries))))
    assert plain_claims(spec, summaries) == []


def test_a_spec_without_a_placebo_is_recorded_as_before(tmp_path: Path) -> None:
    saved = record(REBOUND, small_rebound(tmp_path))
    assert not {"margin_bits", "margin_share", "gate"} & saved.keys()
    assert "neutral" not in saved["texts"]
    assert saved["design"]["placebo"].startswith("none")


# ---- neutral texts ----


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_backwards_twice_is_forwards(texts: list[str]) -> None:
    packed = Texts.pack(text.encode("utf-8", "replace") for text in texts)
    assert list(backwards(backwards(packed))) == list(packed)


def test_neutral_texts_may_be_given_alone_and_leave_the_others_as_they_are(tmp_path: Path) -> None:
    spec = small_rebound(tmp_path).texts
    (tmp_path / "neutral.txt").write_text("".join(f"so {i}\n" for i in range(60)))
    own = given_texts(spec, [f"neutral={tmp_path / 'neutral.txt'}"])
    assert own.positive == spec.positive
    dealt, without = deal_texts(own, 12), deal_texts(spec, 12)
    assert len(dealt.train["neutral"]) == 60 - 4 - 20
    assert len(dealt.contained) == 60
    assert list(dealt.contained)[:40] == list(without.contained)
    parts = [set(dealt.train["neutral"]), set(dealt.held_out["neutral"]), set(list(dealt.contained)[40:])]
    assert len(set.union(*parts)) == 60
    for role in ("positive", "negative"):
        assert list(dealt.train[role]) == list(without.train[role])
    assert "neutral" not in without.train
    with pytest.raises(InvalidParameter, match=r"the neutral data \(neutral.txt\) has 60 texts .* 64 are needed"):
        deal_texts(own, 40)
    with pytest.raises(InvalidParameter, match="data for positive, none for pretrain, negative"):
        given_texts(spec, ["neutral=names", "positive=names"])


@pytest.mark.parametrize("source", ["prose", "names", "code"])
def test_data_of_another_role_is_not_neutral(source: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=f"{source} is in another role, so it is not neutral"):
        deal_texts(given_texts(EMBEDDED, [f"neutral={source}"]), 12)
    spec = small_rebound(tmp_path).texts
    with pytest.raises(InvalidParameter, match="bad.txt is in two roles, negative and neutral"):
        deal_texts(replace(spec, neutral=spec.negative), 12)


# ---- runs ----


@pytest.fixture
def tiny_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReboundSpec:
    """One arm without contained texts, one seed, a model of a few hundred weights."""
    monkeypatch.setitem(base_models.SHAPES, "mini", TinyShape(hidden=8, layers=1, heads=2, context=32))
    spec = small_rebound(tmp_path / "texts")
    (tmp_path / "texts" / "neutral.txt").write_text("".join(f"so {i}\n" for i in range(60)))
    arm = replace(spec.arms[1], model="mini", seeds=(0,))
    texts = replace(spec.texts, held_out=2, contained=0)
    return replace(spec, arms=(arm,), positive=(0, 4, 8), samples=0, texts=texts)


@pytest.mark.slow
@needs_torch
def test_a_placebo_has_the_same_recipe_order_and_sum_and_the_other_rows_stay(
    tiny_spec: ReboundSpec, tmp_path: Path
) -> None:
    neutral = str(tmp_path / "texts" / "neutral.txt")
    spec = replace(tiny_spec, texts=replace(tiny_spec.texts, neutral=(neutral,)))
    rows = run(REBOUND, spec, tmp_path / "with")
    assert [(r["group"], r["positive"], r["neutral"], r["negative"]) for r in rows] == [
        (group, n * (group == "treated"), n * (group == "placebo"), m)
        for group, volumes in (("control", (0,)), ("treated", (4, 8)), ("placebo", (4, 8)))
        for n in volumes
        for m in spec.negative
    ]
    assert len({row["seen_negative"] for row in rows}) == 1
    for row in rows:
        aligned = row["positive"] + row["neutral"]
        assert (
            row["learning_rate_sum_aligned"]
            == learning_rate_sum(spec.recipe, aligned)
            == pytest.approx(0.003 * aligned / 2)
        )
    moved = [r for r in rows if r["group"] == "placebo" and not r["negative"]]
    assert all(r["neutral_bits_per_byte"] < rows[0]["neutral_bits_per_byte"] for r in moved)
    saved = json.loads((tmp_path / "with" / "spec.json").read_text())
    assert saved["texts"]["neutral"] == ["neutral.txt"]
    assert str(tmp_path) not in json.dumps(saved)
    others = [{k: v for k, v in r.items() if "neutral" not in k} for r in rows if r["group"] != "placebo"]
    assert others == [
        {k: v for k, v in r.items() if "neutral" not in k} for r in run(REBOUND, tiny_spec, tmp_path / "without")
    ]
    assert read(REBOUND, tmp_path / "with")[1] == rows


@needs_torch
def test_the_gate_halves_the_rate_until_the_control_holds_the_level(tiny_spec: ReboundSpec, tmp_path: Path) -> None:
    assert through_gate(tiny_spec, tmp_path) is tiny_spec
    first = through_gate(replace(tiny_spec, gate=RateGate(10.0, 7)), tmp_path)
    assert first.gate is not None
    ((rate, moved),) = first.gate.tried
    assert rate == tiny_spec.recipe.learning_rate
    spec = replace(tiny_spec, gate=RateGate(moved / 3, 7))
    gated = through_gate(spec, tmp_path)
    assert gated.gate is not None
    rates, far = zip(*gated.gate.tried, strict=True)
    assert rates == tuple(rate / 2**i for i in range(len(rates)))
    assert far[-1] <= moved / 3 < min(far[:-1])
    assert gated.recipe == replace(tiny_spec.recipe, learning_rate=rates[-1])
    control = run(REBOUND, replace(gated, arms=(replace(gated.arms[0], seeds=(7,)),), gate=None), tmp_path / "rows")
    last = control[len(spec.negative) - 1]
    assert (last["kl_positive_nats"] + last["kl_negative_nats"]) / 2 == pytest.approx(far[-1], rel=1e-9)


@pytest.mark.slow
@needs_torch
def test_a_folder_that_has_a_gate_is_not_piloted_again(
    tiny_spec: ReboundSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(tiny_spec, gate=RateGate(10.0, 7))
    rows = run(REBOUND, spec, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "spec.json").read_text())["gate"]["tried"]
    monkeypatch.setattr("compresslab.experiments.rebound.pilot.control_kl_nats", None)
    assert run(REBOUND, spec, tmp_path / "out") == rows
    with pytest.raises(InvalidParameter, match="holds the rows of another experiment .*gate: "):
        run(REBOUND, replace(spec, gate=RateGate(5.0, 7)), tmp_path / "out")
    kept, found = finished(REBOUND, spec, tmp_path / "out")
    assert found == rows
    assert kept.recipe.learning_rate == spec.recipe.learning_rate
    assert read(REBOUND, tmp_path / "out")[0].gate == through_gate(spec, tmp_path / "out").gate


@needs_torch
@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (RateGate(0.0, 7), "the gate's level is a positive number"),
        (RateGate(0.1, 0), r"a seed that is in no arm: not 0 beside \[0\]"),
        (RateGate(0.1, 7, ((0.001, 0.05),)), "the pilot ended at a learning rate of 0.001 .* the recipe has 0.003"),
        (RateGate(0.1, 7, ((0.003, 0.5),)), "with a KL of 0.5 nats per token"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(gate: RateGate, message: str, tiny_spec: ReboundSpec, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=message):
        run(REBOUND, replace(tiny_spec, gate=gate), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_referee_preset_has_seeds_of_no_run_that_was_looked_at() -> None:
    spec = rebound_preset("referee")
    mine = {seed for arm in spec.arms for seed in arm.seeds}
    assert len(mine) >= 12
    for path in RESULTS.glob("*/spec.json"):
        saved = json.loads(path.read_text())
        if saved["experiment"] in ("rebound", "scaling") and path.parent.name != "rebound-referee":
            held = {seed for arm in saved.get("arms", ()) for seed in arm["seeds"]} | set(saved.get("seeds", ()))
            assert not held & mine
    assert spec.gate is not None
    assert spec.gate.passed
    other = rebound_preset("referee", model="7k")  # what was chosen was chosen for another model
    assert other.gate is not None
    assert (other.gate.tried, other.recipe.learning_rate) == ((), spec.gate.tried[0][0])


@pytest.mark.skipif(not (RESULTS / "rebound-referee").is_dir(), reason="docs/results is not here")
def test_the_referee_preset_is_the_spec_that_was_frozen_before_its_rows() -> None:
    spec = rebound_preset("referee")
    saved = read_spec(RESULTS / "rebound-referee", "rebound")
    wanted = json.loads(json.dumps({**asdict(spec), "design": asdict(design_of(REBOUND, spec))}))
    for name in wanted.keys() - {"texts"}:
        assert json.loads(json.dumps(saved[name])) == wanted[name], name
    for name in ("pretrain", "positive", "negative", "neutral", "held_out", "contained", "longest", "limit"):
        assert json.loads(json.dumps(saved["texts"][name])) == wanted["texts"][name]


def test_sums_of_learning_rates_are_those_of_the_steps() -> None:
    recipe = Recipe(batch=4, learning_rate=0.01, warmup=3)
    assert learning_rate_sum(recipe, 0) == 0
    assert learning_rate_sum(recipe, 18) == pytest.approx(0.01 * (1 / 3 + 2 / 3 + 1 + 1 + 1))
    cosine = replace(recipe, schedule="cosine", warmup=0)
    assert learning_rate_sum(cosine, 400) == pytest.approx(0.01 * 50.5)
    assert learning_rate_sum(cosine, 200, of=400) > learning_rate_sum(cosine, 400) / 2
    assert PROSE_BACKWARDS not in rebound_preset("cpu").texts.neutral
