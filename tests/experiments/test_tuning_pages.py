"""The reports of rebound and scaling, from rows made by hand: no network is trained here."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
pytest.importorskip("jinja2", reason="reports need the extra 'report'")

from compresslab.cli.main import main
from compresslab.errors import InvalidParameter
from compresslab.experiments.experiment import read
from compresslab.experiments.rebound.experiment import REBOUND
from compresslab.experiments.rebound.page import cells_of
from compresslab.experiments.rows import append_rows
from compresslab.experiments.scaling.experiment import SCALING
from tests.experiments.test_scaling import made_scaling
from tests.experiments.tuning import POSITIVE, VOLUMES, made_rebound, made_score


def write(folder: Path, experiment: str, spec: Any, rows: Any, unit: str) -> None:
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps({"experiment": experiment, **asdict(spec)}))
    for name in dict.fromkeys(f"{row[unit]}/seed {row['seed']}" for row in rows):
        append_rows(folder / "rows.jsonl", name, [row for row in rows if f"{row[unit]}/seed {row['seed']}" == name])


def report(folder: Path) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(["report", str(folder), "--quiet"])
    assert stopped.value.code in (0, None)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("undrawn")
def test_the_report_of_rebound_shows_every_arm(tmp_path: Path) -> None:
    spec, rows = made_rebound()
    folder = tmp_path / "rebound"
    write(folder, "rebound", spec, rows, "arm")
    saved, found = read(REBOUND, folder)
    assert saved == spec
    assert len(found) == len(rows)
    page = report(folder)
    assert "Does a fine-tuned model rebound?" in page
    assert "More positive data, faster fall (seen)" in page
    assert "score (preference for positive texts) after 400 of them" in page
    names = {f"arm-0-{name}.svg" for name in ("score", "kl", "judged", "grid")}
    assert {path.name for path in (folder / "figures").glob("*.svg")} == names


def test_the_curves_drawn_are_those_of_the_rows() -> None:
    from compresslab.experiments.rebound.summary import summarise_rebound

    (one,) = summarise_rebound(*made_rebound())
    cells = cells_of(one, "score")
    assert [(cell.positive, cell.negative) for cell in cells] == [(n, m) for n in POSITIVE for m in VOLUMES]
    for cell in cells:
        assert cell.value == pytest.approx(made_score(cell.positive, cell.negative), abs=1e-12)
        assert cell.low is not None
        assert cell.low <= cell.value


def test_a_run_that_is_not_finished_is_reported_as_far_as_it_went(tmp_path: Path) -> None:
    spec, rows = made_rebound()
    folder = tmp_path / "rebound"
    write(folder, "rebound", spec, [row for row in rows if row["seed"] < 2], "arm")
    assert read(REBOUND, folder)[0] == replace(spec, arms=(replace(spec.arms[0], seeds=(0, 1)),))


@pytest.mark.usefixtures("undrawn")
def test_the_report_of_scaling_shows_both_series(tmp_path: Path) -> None:
    spec, rows = made_scaling()
    folder = tmp_path / "scaling"
    write(folder, "scaling", spec, rows, "point")
    assert read(SCALING, folder)[0] == spec
    page = report(folder)
    assert "Rebound grows with pre-training (seen)" in page
    assert "early fall above the control" in page
    parts = ("rates", "curves", "depth", "excess")
    names = {f"{series}-{part}.svg" for series in ("size", "pre-training") for part in parts}
    assert {path.name for path in (folder / "figures").glob("*.svg")} == names


@pytest.mark.parametrize("change", [{"models": [[]]}, {"volumes": 3}, {"models": 5}, {"seeds": {"a": 1}}])
def test_a_spec_that_makes_no_units_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    spec, rows = made_scaling()
    write(tmp_path / "scaling", "scaling", spec, rows, "point")
    path = tmp_path / "scaling" / "spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InvalidParameter, match=r"not a spec of 'scaling' as this version has it|no seed of this exp"):
        read(SCALING, tmp_path / "scaling")


def test_specs_of_something_else_are_refused(tmp_path: Path) -> None:
    spec, rows = made_rebound()
    folder = tmp_path / "rebound"
    write(folder, "rebound", spec, rows, "arm")
    with pytest.raises(InvalidParameter, match="its experiment is not 'scaling'"):
        read(SCALING, folder)
    saved = json.loads((folder / "spec.json").read_text())
    del saved["levels"]
    (folder / "spec.json").write_text(json.dumps(saved))
    with pytest.raises(InvalidParameter, match=r"not a spec of 'rebound' as this version has it \('levels'\)"):
        read(REBOUND, folder)
