"""``make demo``: three parts in order, one page at the end; what is trained is kept. Here on little data."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'lm'")
pytest.importorskip("accelerate", reason="needs the extra 'lm'")
pytest.importorskip("matplotlib", reason="needs the extra 'report'")


import compresslab.cli.demo
import compresslab.lm.tiny
import compresslab.measurements.demo
from compresslab import Dataset
from compresslab.cli.main import main
from compresslab.data.corpora import Scenario
from compresslab.errors import MissingExtra
from compresslab.experiments.joint.presets import JOINT_PRESETS
from compresslab.experiments.joint.run import Arm, JointSpec
from compresslab.lm.tiny import TinyShape, make_tiny

SPEC = JointSpec(
    words=10,
    max_bytes=5,
    phrases=200,
    arms=(Arm("contained", "gru", 8, (0, 1), (0.0, 0.5, 1.0), steps=3, branch_steps=2),),
)


def little_scenario(**_: object) -> Scenario:
    rng = np.random.default_rng(0)
    names, prose, code, more, other = (
        Dataset.from_texts([bytes(rng.choice(letters, 12)) for _ in range(40)], name=name)
        for name, letters in (
            ("names", list(b"ABC")), ("prose", list(b"abcd")), ("code", list(b"a=(1")),
            ("prose, held out", list(b"abcd")), ("code, held out", list(b"a=(1")),
        )
    )  # fmt: skip
    return Scenario({"names": names, "prose": prose, "code": code}, more, other)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """The demo on little data and with small models; what it was asked to train is listed."""
    trained: list[str] = []

    def load(*, progress: Callable[[int, int], None] = lambda done, total: None) -> object:
        if not (tmp_path / "kept").exists():
            (tmp_path / "kept").touch()
            progress(1, 1)
            trained.append("tiny")
        return make_tiny(TinyShape(hidden=32, layers=1, heads=2, context=32), device="cpu")

    monkeypatch.setattr("compresslab._support.progress._PATIENCE", 600.0)
    monkeypatch.setattr(compresslab.cli.demo, "default_scenario", little_scenario)
    monkeypatch.setattr(compresslab.lm.tiny, "load_tiny", load)
    data = little_scenario().pretrain
    held_out = {name: data[name] for name in ("prose", "code", "names")}
    monkeypatch.setattr(
        compresslab.measurements.demo, "tiny_data", lambda: {name: (x, x) for name, x in held_out.items()}
    )
    for name, few in (("PIECES", 2), ("ALIGNED_FOR", 8), ("PERTURBED_FOR", (8, 16))):
        monkeypatch.setattr(compresslab.measurements.demo, name, few)
    monkeypatch.setitem(JOINT_PRESETS, "demo", lambda: SPEC)
    monkeypatch.setattr(compresslab.cli.demo, "workers", lambda: 1)  # another process would not see these settings
    monkeypatch.chdir(tmp_path)
    return trained


@pytest.mark.usefixtures("undrawn")
def test_the_demo_runs_its_parts_in_order_and_ends_in_a_page(
    small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--json"])
    out, err = capsys.readouterr()
    assert (stop.value.code or 0, err, small) == (0, "Report: demo-report/report.html\n", ["tiny"])
    got = json.loads(out)
    assert list(got) == ["elasticity", "tiny", "probe", "joint", "seconds"]
    page = (tmp_path / "demo-report" / "report.html").read_text()
    screen = re.search(r'<section class="answer".*?</section>', page, flags=re.DOTALL)
    assert screen is not None
    first = re.sub(r"<[^>]*>", " ", screen.group())
    for row in got["tiny"]:
        assert f"{row['model']['bits_per_byte']:.2f} on {row['model']['name']}" in page
    assert got["probe"]["roles"] == {"prose": "pretrain", "code": "pretrain", "names": "pretrain", "capitals": "align",
                                     "more code": "perturb"}  # fmt: skip
    assert "A small language model: training on" in first
    assert "alignment data “capitals”" in html.unescape(first).replace("'capitals'", "“capitals”")
    assert {row["examples"] for row in got["probe"]["measured"]} == {8, 16}
    assert "Networks trained by gradient descent: in the arm “contained”" in first
    assert "the alignment data" in first  # who pays
    for part in (
        "What will fine-tuning a small language model undo?",
        "Predicted beside measured",
        "A small language model on the same corpora",
        "Do trained networks follow?",
        "Curves of the arm “contained”",
    ):
        assert f">{part}<" in page

    with pytest.raises(SystemExit) as stop:  # once more, in words: nothing is trained, the numbers are the same
        main(["demo"])
    out, err = capsys.readouterr()
    assert (stop.value.code or 0, err, small) == (0, "", ["tiny"])
    parts = [
        "1 of 3. Elasticity of the embedded corpora",
        "Contained reading:",
        "2 of 3. A small language model: what will fine-tuning undo, and what did it?",
        "Held-out text of the embedded corpora, bits per byte",
        f"{got['tiny'][0]['model']['bits_per_byte']:.3f}",
        "Predicted changes, nats per token",
        "The model was trained earlier and kept in the cache.",
        "3 of 3. Do trained networks follow the theory?",
        "- contained (gru 8): excess",
        "The networks were trained earlier; their rows are in demo-joint.",
        "Report: demo-report/report.html",
    ]
    places = [out.index(part) for part in parts]
    assert places == sorted(places)
    assert out.endswith("\nReport: demo-report/report.html\n")
    assert len(re.findall(r"^\(\d+ s; \d+ s of processors\)$", out, flags=re.MULTILINE)) == 3


def test_nothing_is_measured_where_models_cannot_be_trained(
    small: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "accelerate" else object())
    with pytest.raises(MissingExtra):
        compresslab.cli.demo.check_models_extra()
    with pytest.raises(SystemExit) as stop:
        main(["demo"])
    out, err = capsys.readouterr()
    assert (stop.value.code, out, small) == (1, "", [])
    assert "the demo, which trains networks, needs the optional extra 'lm'" in err


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_the_stages_show_each_part_once(
    small: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(*options: str) -> str:
        with pytest.raises(SystemExit) as stop:
            main(["demo", *options])
        out, err = capsys.readouterr()
        assert (stop.value.code or 0, err) == (0, "")
        return re.sub(r"^\(\d+ s; \d+ s of processors\)$", "", out, flags=re.MULTILINE)

    with monkeypatch.context() as bare:  # the first stage needs no extra
        bare.setattr("importlib.util.find_spec", lambda name: None)
        first = shown("--first")
    assert (small, Path("demo-report").exists()) == ([], False)
    rest = shown("--rest")
    assert first.startswith("1 of 3. ")
    assert rest.startswith("2 of 3. ")
    again = shown()
    kept = ("The model was trained earlier", "The networks were trained earlier")
    assert [line for line in again.splitlines() if line and not line.startswith(kept)] == [
        line for line in (first + rest).splitlines() if line
    ]


def test_the_stages_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--first", "--rest"])
    assert stop.value.code == 1
    assert "--first and --rest exclude each other" in capsys.readouterr().err


@pytest.mark.slow
def test_networks_are_trained_in_another_process_meanwhile(
    small: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compresslab.cli.demo, "workers", lambda: 2)
    monkeypatch.setattr(compresslab.cli.demo, "_train_networks", _leave_a_mark)
    with compresslab.cli.demo._networks_begun(tmp_path / "networks") as begun:
        assert begun is not None
        begun.result()
    assert int((tmp_path / "networks" / "rows.jsonl").read_text()) != os.getpid()
    with compresslab.cli.demo._networks_begun(tmp_path / "networks") as begun:
        assert begun is None  # there are rows


def _leave_a_mark(folder: Path) -> None:
    folder.mkdir()
    (folder / "rows.jsonl").write_text(str(os.getpid()))
