"""The report of the experiment ``volumes``, from rows that are made up: no network is trained here."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
pytest.importorskip("jinja2", reason="reports need the extra 'report'")

from compresslab.cli.main import main
from compresslab.errors import InvalidParameter, UnreadableFile
from compresslab.experiments.effective_volumes.experiment import EFFECTIVE_VOLUMES
from compresslab.experiments.effective_volumes.figures import exchange_figure, rebound_theory_figure
from compresslab.experiments.effective_volumes.run import EffectiveSpec, effective_units
from compresslab.experiments.effective_volumes.summary import summarise_effective
from compresslab.experiments.experiment import page_of, read
from compresslab.experiments.rows import Row, append_rows
from compresslab.report.provenance import provenance

SPEC = EffectiveSpec(
    words=10, mixtures=((0.5, 0.25, 0.25), (0.2, 0.2, 0.6)), seeds=(0, 1, 2), learning_rates=(0.001, 0.003),
    align_steps=(2, 10), perturb_after=(2, 10), perturb_steps=(1, 5),
)  # fmt: skip


def made_up(stage: str, rate: float, seed: int, aligned: int, steps: int) -> Row:
    """A network in which code takes twice as much weight from names as from prose."""
    shares = np.full(3, 1 / 3)
    if stage != "pretrain":
        shares = np.array([0.3, 0.4 + 0.01 * seed, 0.3 - 0.01 * seed])
    if stage == "perturb":
        shares = shares * [1 - 0.01 * steps, 1 - 0.02 * steps, 1]
        shares[2] += 1 - shares.sum()
    gamma = 5 - np.log(3 * shares)
    return {
        "stage": stage, "aligned": aligned, "steps": steps, "seed": seed, "learning_rate": rate,
        "shares": shares.tolist(), "residual_nats": 0.01, "gamma_nats": gamma.tolist(),
        "mixture_gamma_nats": (gamma - 0.1).tolist(), "grown_gamma_nats": (gamma - 0.1).tolist(),
        "seen_shares": [1 / 3] * 3, "seen_gamma_nats": [5.0, 5.0, 5.0],
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("volumes") / "run"
    made.mkdir()
    (made / "spec.json").write_text(json.dumps({"experiment": "volumes", **asdict(SPEC), "data_sha256": "x"}))
    for name, unit in effective_units(SPEC, Path()).items():
        if unit.mixture is not None:
            off = np.add(unit.mixture, [0.01, -0.01, 0.0])
            rows: list[Row] = [
                {
                    "stage": "known", "aligned": 0, "steps": 1, "seed": unit.seed, "mixture": list(unit.mixture),
                    "shares": off.tolist(), "sampled_shares": off.tolist(), "standard_errors": [0.0051, 0.004, 0.01],
                }
            ]  # fmt: skip
        else:
            where = [("pretrain", 0, 2000), *(("align", n, n) for n in (2, 10))]
            where += [("perturb", n, m) for n in (2, 10) for m in (1, 5)]
            rows = [made_up(stage, unit.learning_rate, unit.seed, n, m) for stage, n, m in where]
        append_rows(made / "rows.jsonl", name, rows)
    return made


def test_a_spec_comes_back_from_its_folder(folder: Path) -> None:
    spec, rows = read(EFFECTIVE_VOLUMES, folder)
    assert spec == SPEC
    assert len(rows) == 2 * 3 + 2 * 3 * 7


def test_mixtures_that_do_not_come_back_are_reported(folder: Path) -> None:
    page = page_of(EFFECTIVE_VOLUMES, folder, provenance(["report"], []))
    assert page.facts[0].value == "0 of 2"  # names are 2.5 standard errors off
    assert page.facts[0].tone == "bad"
    assert page.answer[0].endswith("0 of 2 known mixtures come back.")
    assert "in 20 of 24 cases which way" in page.answer[2]
    (mixtures, rates, rebound) = (group.points for group in page.sections[0].groups)
    assert "worst 2.50" in mixtures[0]
    assert "Of 18 shares found from sampled phrases 67%" in mixtures[1]
    assert len(rates) == 2
    assert "the change of pre-training in 4 of 8, of names in 8 of 8, of prose in 8 of 8" in rebound[0]
    assert "median and quartiles, is 1.00 (1.00 to 1.00) for pre-training; 1.00" in rebound[1]  # made so
    assert "knows no change above 0 nats; the networks' go up to 0.11." in rebound[2]
    assert "rose in 8 of 8 cases (at 95 %)" in rebound[3]
    assert [figure.name for figure in page.figures] == ["exchange", *(f"rebound-{i}" for i in range(4))]


def test_figures_show_networks_and_theory(folder: Path) -> None:
    summary = summarise_effective(*read(EFFECTIVE_VOLUMES, folder))
    one = [r for r in summary.rebounds if (r.learning_rate, r.aligned) == (0.001, 512)]
    panels = rebound_theory_figure(one).axes
    np.testing.assert_allclose(panels[1].lines[1].get_ydata(), [r.grown["align"].mean for r in one])
    assert panels[2].get_xlabel() == "phrases of the perturbation (code)"
    drawn = exchange_figure(summary.exchanges).axes[0]
    assert len(drawn.containers) == 2
    assert drawn.get_xscale() == drawn.get_yscale() == "log"
    with pytest.raises(InvalidParameter, match="one learning rate and one amount of alignment at a time"):
        rebound_theory_figure(summary.rebounds)


@pytest.mark.usefixtures("undrawn")
def test_the_command_writes_the_page(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["report", str(folder), "--out", str(tmp_path), "--quiet"])
    assert not stop.value.code
    assert "What does a late example count for?" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "figures" / "exchange.svg").is_file()


def test_an_unknown_experiment_and_an_older_spec_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spec.json").write_text('{"experiment": "baking"}')
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path), "--quiet"])
    assert "unknown experiment 'baking'" in capsys.readouterr().err
    for text in ("", "[]", '{"experiment": 1}', '{"experiment": "joint"}'):
        (tmp_path / "spec.json").write_text(text)
        with pytest.raises(
            InvalidParameter, match="is not a spec that a report can be made of .* experiment effective-volumes"
        ):
            read(EFFECTIVE_VOLUMES, tmp_path)
    with pytest.raises(UnreadableFile, match=r"spec\.json"):
        read(EFFECTIVE_VOLUMES, tmp_path / "missing")
    saved = asdict(SPEC) | {"experiment": "volumes"}
    del saved["perturb_after"]
    (tmp_path / "spec.json").write_text(json.dumps(saved))
    with pytest.raises(
        InvalidParameter, match="not a spec of 'effective-volumes' as this version has it \\('perturb_after'\\)"
    ):
        read(EFFECTIVE_VOLUMES, tmp_path)
