"""What is said of a slope says also whether its sign is certain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compresslab import Dataset
from compresslab.data.corpora import Scenario
from compresslab.measurements.elasticity import ElasticityResult, measure_elasticity
from compresslab.measurements.elasticity_words import reading_findings


@pytest.fixture(scope="module")
def result() -> ElasticityResult:
    """Data of which a third is new in the perturbation, so that pre-training loses from the start."""
    shown = Dataset.from_texts(["abab", "abba", "baab"] * 20, name="shown")
    new = Dataset.from_texts(["cdcd", "abab", "dccd"] * 20, name="new")
    scenario = Scenario({"shown": shown}, Dataset.from_texts(["abab", "bbbb"] * 20, name="more"), new)
    return measure_elasticity(scenario.pretrain, scenario.align, scenario.perturb, depth=2)


@pytest.mark.parametrize("turn", [0.0, 0.5])
@pytest.mark.parametrize("sign", ["undecided", "+"])
def test_what_follows_from_a_slope_is_as_certain_as_its_sign(result: ElasticityResult, sign: str, turn: float) -> None:
    reading = result.readings[-1]
    rows = []
    for row in reading.rows:
        assert row.errors is not None
        rows.append(replace(row, errors=replace(row.errors, pretrain=replace(row.errors.pretrain, sign=sign))))
    said = list(reading_findings(result, replace(reading, rows=tuple(rows), turning_points=(turn,))))
    (line,) = [one for one in said if " loses from the start" in one or " then loses" in one]
    assert ("sign is not certain" in line) == (sign == "undecided")
