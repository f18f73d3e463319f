"""The report of the experiment ``joint``, from rows made of the theory itself: no network is trained here."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
pytest.importorskip("jinja2", reason="reports need the extra 'report'")

from compresslab.cli.main import main
from compresslab.errors import InvalidParameter, UnreadableFile
from compresslab.experiments.experiment import page_of, read
from compresslab.experiments.joint.experiment import JOINT
from compresslab.experiments.joint.run import Arm, JointSpec, scenarios
from compresslab.experiments.rows import Row, append_rows
from compresslab.report.provenance import provenance
from compresslab.theory.code_length import LN2

GRID = (0.0, 0.25, 0.5, 1.0)
SPEC = JointSpec(
    words=10,
    max_bytes=5,
    arms=(
        Arm("contained <1>", "gru", 8, (0, 1, 2), GRID),
        Arm("larger", "gru", 16, (0,), GRID),
        Arm("largest", "gru", 32, (0,), GRID),
        Arm("same", "gru", 8, (0, 1), GRID, reading="same"),
    ),
)
ROLES = ("pretrain", "align", "perturb")


def write_rows(folder: Path) -> None:
    """What networks would leave behind that are the theory, but for a little noise."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps({"experiment": "joint", **asdict(SPEC), "leaves": 1}))
    for arm, scenario in scenarios(SPEC):
        for seed in arm.seeds:
            rows: list[Row] = []
            for l in arm.l:  # noqa: E741
                gamma = scenario.code_lengths_nats(l)
                noisy = {role: getattr(gamma, role) + 0.003 + rng.normal() * 1e-5 for role in ROLES}
                rows.append(
                    {
                        "arm": arm.name, "network": arm.network, "size": arm.size, "parameters": 100 * arm.size,
                        "leaves": scenario.probabilities.shape[1], "reading": arm.reading, "k": arm.k, "seed": seed,
                        "l": l, "excess_nats": 0.003, "wasted": 0.0,
                        **{f"gamma_{role}_nats": x for role, x in noisy.items()},
                        **{f"coded_{role}_bits": x / LN2 for role, x in noisy.items()},
                    }
                )  # fmt: skip
            append_rows(folder / "rows.jsonl", f"{arm.name}/seed {seed}", rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("joint") / "run"
    write_rows(made)
    return made


def test_a_spec_comes_back_from_its_folder(folder: Path) -> None:
    spec, rows = read(JOINT, folder)
    assert spec == SPEC
    assert len(rows) == sum(len(arm.seeds) * len(arm.l) for arm in SPEC.arms)


def test_the_page_holds_measured_and_exact_slopes(folder: Path) -> None:
    page = page_of(JOINT, folder, provenance(["report"], []))
    exact = scenarios(SPEC)[0][1].derivatives(0.0)
    align = next(fact for fact in page.facts if fact.label.startswith("alignment"))
    mean, half = align.value.split(" ± ")
    assert float(mean) == pytest.approx(exact.align / LN2, rel=0.03)
    assert len(mean) - mean.index(".") == len(half) - half.index(".")
    assert f"theory {exact.align / LN2:+.{len(half) - half.index('.') - 1}f};" in align.note  # as many digits
    assert [section.title for section in page.sections][1:] == [
        *(f"Curves of the arm “{arm.name}”" for arm in SPEC.arms), "Fit"
    ]  # fmt: skip
    assert page.answer[0].startswith("7 networks (gru; 800 to 3,200 parameters)")
    figure = next(drawn.figure for drawn in page.figures if drawn.name == "arm-0-slopes")
    theory = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 61]
    np.testing.assert_allclose(theory[1].get_ydata()[0], exact.align / LN2)
    assert len(figure.axes[0].containers) == 2 * len(GRID)  # pre-training and alignment, each l with its interval


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_the_command_writes_the_page_into_the_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["report", str(folder), "--quiet"])
    assert not stop.value.code
    assert capsys.readouterr().out == f"Report: {folder / 'report.html'}\n"
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "figures" / "excess.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit):
        main(["report", str(folder), "--quiet", "--json"])
    assert json.loads(capsys.readouterr().out) == {"report": str(folder / "report.html")}
    assert "contained &lt;1&gt;" in text
    assert "contained <1>" not in text
    assert re.search(r"rows\.jsonl</th>", text)


def test_rows_of_other_texts_are_refused(folder: Path, tmp_path: Path) -> None:
    spec = json.loads((folder / "spec.json").read_text())
    (tmp_path / "spec.json").write_text(json.dumps({**spec, "data_sha256": "0" * 64}))
    with pytest.raises(
        InvalidParameter, match="is of other texts than this Python's .* make the report with the Python"
    ):
        read(JOINT, tmp_path)


def test_a_folder_without_an_experiment_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"spec\.json"):
        read(JOINT, tmp_path)
    for text in ("", "[]", '{"experiment": "rebound"}', '{"experiment": "joint", "arms": [{}]}'):
        (tmp_path / "spec.json").write_text(text)
        with pytest.raises(InvalidParameter, match=r"is not a spec (that a report can be|of 'joint')"):
            read(JOINT, tmp_path)
