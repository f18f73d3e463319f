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
from compresslab.experiments.effective import (
    EffectiveSpec,
    effective_preset,
    effective_units,
    exchange_rate,
    run_effective,
)
from compresslab.report.effective_view import effective_findings, effective_markdown

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
    perturb_steps=(2, 20),
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    pytest.importorskip("torch", reason="training needs torch (the extra 'lm')")
    return run_effective(SPEC, tmp_path_factory.mktemp("effective"))


def test_known_mixtures_come_back_within_two_standard_errors(rows: list[dict[str, Any]]) -> None:
    known = [row for row in rows if row["stage"] == "known"]
    assert [tuple(row["mixture"]) for row in known] == list(SPEC.mixtures)
    for row in known:
        errors = np.array(row["standard_errors"])
        assert (np.abs(np.array(row["shares"]) - row["mixture"]) <= 2 * errors).all()
        assert (np.abs(np.array(row["sampled_shares"]) - row["mixture"]) <= 4 * errors).all()
        assert row["residual_nats"] < 0.01


def test_late_examples_count_for_more_and_what_is_fine_tuned_away_is_lost(rows: list[dict[str, Any]]) -> None:
    at = {(row["stage"], row["steps"]): row for row in rows if row["stage"] != "known"}
    assert list(at) == [("pretrain", 200), ("align", 2), ("align", 20), ("perturb", 2), ("perturb", 20)]
    assert at["pretrain", 200]["shares"] == pytest.approx([1 / 3] * 3, abs=0.05)
    names = [at[key]["shares"][1] for key in (("pretrain", 200), ("align", 2), ("align", 20))]
    assert names == sorted(names)
    seen = (200 / 3 + 20) / 220
    assert names[-1] > 2 * seen
    assert exchange_rate(names[-1], 200, 20) > 5
    assert at["perturb", 20]["shares"][2] > at["align", 20]["shares"][2]
    gammas = [at[key]["gamma_nats"][1] for key in (("pretrain", 200), ("align", 20), ("perturb", 20))]
    assert gammas[1] < gammas[0] < gammas[2]


def test_the_report_holds_the_numbers_of_the_rows(rows: list[dict[str, Any]]) -> None:
    text = effective_markdown(SPEC, rows)
    assert f"{rows[0]['residual_nats']:.5f}" in text
    assert "in 2 of 2 the shares" in effective_findings(SPEC, rows)[0]
    assert "nan" not in text


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
        ({"seeds": (0, 0)}, "at least one seed, 0 or more, each once"),
        ({"phrases": 1}, "phrases is a whole number, 2 or more: not 1"),
        ({"network": "lstm"}, "unknown network 'lstm'"),
    ],
)
def test_a_wrong_spec_fails_before_anything_is_written(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((InvalidParameter, UnknownName), match=message):
        run_effective(replace(SPEC, **change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_presets() -> None:
    for name in ("demo", "cpu", "gpu"):
        effective_preset(name).check()
        assert len(effective_preset(name).mixtures) >= 5
    assert len(effective_units(effective_preset("cpu"))) == 6 * 3 + 2 * 3
    with pytest.raises(UnknownName, match="did you mean 'cpu'"):
        effective_preset("cpus")
