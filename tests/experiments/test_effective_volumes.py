"""Effective volumes of small trained networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compresslab.errors import InvalidParameter, UnknownName
from compresslab.experiments.effective_volumes.experiment import EFFECTIVE_VOLUMES
from compresslab.experiments.effective_volumes.presets import effective_preset
from compresslab.experiments.effective_volumes.run import (
    EffectiveSpec,
    effective_units,
    exchange_rate,
    grow,
)
from compresslab.experiments.effective_volumes.summary import summarise_effective
from compresslab.experiments.effective_volumes.tables import effective_findings, effective_tables, rebound_signs
from compresslab.experiments.experiment import run
from compresslab.experiments.models.exact_training import evaluate, fit_samples, one_thread
from compresslab.experiments.models.networks import new_network, to_tensors
from compresslab.experiments.models.trie import Trie
from compresslab.report.markdown import markdown
from compresslab.report.page import Section

SPEC = EffectiveSpec(
    words=10,
    mixtures=((0.6, 0.3, 0.1), (0.1, 0.2, 0.7)),
    seeds=(0,),
    learning_rates=(0.01,),
    size=24,
    max_bytes=5,
    steps=400,
    phrases=5000,
    pretrain_steps=200,
    align_steps=(2, 20),
    perturb_after=(2, 20),
    perturb_steps=(2, 20),
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    pytest.importorskip("torch", reason="training needs torch (the extra 'lm')")
    return run(EFFECTIVE_VOLUMES, SPEC, tmp_path_factory.mktemp("effective"))


@pytest.mark.slow
def test_known_mixtures_come_back_within_two_standard_errors(rows: list[dict[str, Any]]) -> None:
    known = [row for row in rows if row["stage"] == "known"]
    assert [tuple(row["mixture"]) for row in known] == list(SPEC.mixtures)
    for row in known:
        errors = np.array(row["standard_errors"])
        assert (np.abs(np.array(row["shares"]) - row["mixture"]) <= 2 * errors).all()
        assert (np.abs(np.array(row["sampled_shares"]) - row["mixture"]) <= 4 * errors).all()
        assert row["residual_nats"] < 0.01


@pytest.mark.slow
def test_late_examples_count_for_more_and_earlier_ones_are_lost(rows: list[dict[str, Any]]) -> None:
    at = {(row["stage"], row["aligned"], row["steps"]): row for row in rows if row["stage"] != "known"}
    stages = [("pretrain", 0, 200), ("align", 2, 2), ("align", 20, 20)]
    assert list(at) == stages + [("perturb", aligned, steps) for aligned in (2, 20) for steps in (2, 20)]
    assert at["pretrain", 0, 200]["shares"] == pytest.approx([1 / 3] * 3, abs=0.05)
    names = [at[key]["shares"][1] for key in (("pretrain", 0, 200), ("align", 2, 2), ("align", 20, 20))]
    assert names == sorted(names)
    seen = (200 / 3 + 20) / 220
    assert names[-1] > 2 * seen
    assert exchange_rate(names[-1], 200, 20) > 5
    assert at["perturb", 20, 20]["shares"][2] > at["align", 20, 20]["shares"][2]
    gammas = [at[key]["gamma_nats"][1] for key in (("pretrain", 0, 200), ("align", 20, 20), ("perturb", 20, 20))]
    assert gammas[1] < gammas[0] < gammas[2]
    assert at["perturb", 20, 2]["seen_shares"] == pytest.approx(np.array([200 / 3, 200 / 3 + 20, 200 / 3 + 2]) / 222)


@pytest.mark.slow
def test_the_summary_holds_the_numbers_of_the_rows(rows: list[dict[str, Any]]) -> None:
    found = summarise_effective(SPEC, rows)
    assert [known.recovered for known in found.known] == [True, True]
    at = {(row["stage"], row["aligned"], row["steps"]): row for row in rows if row["stage"] != "known"}
    before, after = at["align", 20, 20], at["perturb", 20, 2]
    one = next(r for r in found.rebounds if (r.aligned, r.phrases) == (20 * 256, 2 * 256))
    assert one.l == 0.1
    change = np.array(after["gamma_nats"]) - before["gamma_nats"]
    assert one.network["align"].mean == pytest.approx(change[1])
    assert one.network["pretrain"].mean == pytest.approx(change.mean())
    grown = np.array(after["grown_gamma_nats"]) - before["mixture_gamma_nats"]
    assert one.grown["rest"].mean == pytest.approx(grown[0])
    assert one.old_after.mean == pytest.approx(after["shares"][0] / after["shares"][1])
    exchange = found.exchanges[-1]
    assert (exchange.phrases, exchange.share.mean) == (5120, before["shares"][1])
    left = 0.5 ** (exchange.phrases / exchange.half_life.mean)
    start = at["pretrain", 0, 200]["shares"][1]
    assert left == pytest.approx((1 - before["shares"][1]) / (1 - start))  # a half-life that gives the share back
    assert exchange.start.mean == start  # as measured: it is not quite a third
    assert exchange.rate.mean == pytest.approx(exchange_rate(before["shares"][1], 200 * 256, 5120, start))
    assert exchange.k is not None
    assert exchange.k.mean == pytest.approx(left / (1 - left))


@pytest.mark.slow
def test_the_theory_says_which_way_the_rebound_goes(rows: list[dict[str, Any]]) -> None:
    found = summarise_effective(SPEC, rows)
    assert rebound_signs(found.rebounds, "align") == len(found.rebounds) == 4
    assert all(one.network["align"].mean > 0 for one in found.rebounds)


@pytest.mark.slow
def test_the_report_holds_the_numbers_of_the_summary(rows: list[dict[str, Any]]) -> None:
    summary = summarise_effective(SPEC, rows)
    text = markdown(Section("", tables=tuple(effective_tables(SPEC, summary))))
    assert "2 of 2 come back" in effective_findings(SPEC, summary).lines[0]
    assert f"{summary.rebounds[0].network['align'].mean:+.3f}" in text
    assert f"{summary.exchanges[1].rate.mean:,.0f}" in text
    assert "nan" not in text
    with pytest.raises(
        InvalidParameter, match=r"rows are missing \(perturb 0.01 20 20\): run the experiment to its end"
    ):
        summarise_effective(
            SPEC, [row for row in rows if (row["stage"], row["steps"]) != ("perturb", 20)] + rows[-3:-2]
        )


@pytest.mark.slow
def test_a_share_that_came_out_without_an_error_is_infinitely_far_off(rows: list[dict[str, Any]]) -> None:
    changed = [{**row, "standard_errors": [0.0, 0.1, 0.1]} if row["stage"] == "known" else row for row in rows]
    assert not any(known.recovered for known in summarise_effective(SPEC, changed).known)


def test_evaluation_does_not_change_training() -> None:
    pytest.importorskip("torch", reason="training needs torch (the extra 'lm')")
    words = Trie.build([b"a", b"ab", b"b"])
    ends = []
    for stops in ((6,), (1, 4, 6)):
        with one_thread():
            trie, network = to_tensors(words), new_network("gru", 4, words, 0)
            rng = np.random.default_rng(0)
            p = np.array([0.2, 0.5, 0.3])

            def look(stop: int, rng: np.random.Generator = rng) -> int:
                rng.random(3)
                return stop

            seen = fit_samples(network, trie, p, rng, stops=stops, batch=8, learning_rate=0.01, at=look)
            ends.append(evaluate(network, trie))
        assert seen == list(stops)
    assert np.array_equal(*ends)


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), st.floats(0, 0.999))
def test_grown_shares_are_on_the_simplex_and_take_from_all_alike(weights: list[float], share: float) -> None:
    before = np.array(weights) / sum(weights)
    after = grow(before, np.array([0.0, 0.0, 1.0]), share)
    assert after.sum() == pytest.approx(1)
    assert after[2] == pytest.approx(max(share, before[2]))
    assert after[0] * before[1] == pytest.approx(after[1] * before[0])


@given(share=st.floats(0.34, 0.99), pretrain=st.integers(1, 10**6), latest=st.integers(1, 10**6))
def test_the_exchange_rate_gives_the_share_back(share: float, pretrain: int, latest: int) -> None:
    r = exchange_rate(share, pretrain, latest)
    assert (pretrain / 3 + r * latest) / (pretrain + r * latest) == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mixtures": ((0.5, 0.4, 0.2),)}, "three shares, 0 or more, with the sum 1"),
        ({"mixtures": ((0.5, 0.5),)}, "three shares"),
        ({"learning_rates": (0.0,)}, "a learning rate lies between 0 and 1: not 0.0"),
        ({"align_steps": (5, 5)}, "align_steps is a rising list"),
        ({"perturb_steps": ()}, "perturb_steps is a rising list"),
        ({"perturb_after": (3,)}, "starts from one of the align_steps: 3 is none of them"),
        ({"seeds": (0, 0)}, "at least one seed, 0 or more, each once"),
        ({"phrases": 1}, "phrases is a whole number, 2 or more: not 1"),
        ({"network": "lstm"}, "unknown network 'lstm'"),
    ],
)
def test_a_wrong_spec_fails_before_anything_is_written(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((InvalidParameter, UnknownName), match=message):
        run(EFFECTIVE_VOLUMES, replace(SPEC, **change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_presets() -> None:
    for name in ("demo", "cpu", "gpu"):
        effective_preset(name).check()
        assert len(effective_preset(name).mixtures) >= 5
    assert len(effective_units(effective_preset("cpu"), Path())) == 6 * 5 + 2 * 5
    with pytest.raises(UnknownName, match="did you mean 'cpu'"):
        effective_preset("cpus")


@pytest.mark.slow  # the law is that of tests/experiments/test_joint.py
def test_a_run_cut_off_in_the_middle_of_a_line_ends_with_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch (the extra 'lm')")
    small = replace(SPEC, words=4, size=4, steps=3, phrases=50, pretrain_steps=5, seeds=(0, 1))
    run(EFFECTIVE_VOLUMES, small, tmp_path)
    path = tmp_path / "rows.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    run(EFFECTIVE_VOLUMES, small, tmp_path)
    assert path.read_bytes() == whole
