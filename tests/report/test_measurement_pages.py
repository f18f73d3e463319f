"""Reports: one file that needs nothing else, says what was measured, and fits a telephone."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
pytest.importorskip("jinja2", reason="reports need the extra 'report'")

import compresslab
from compresslab import Dataset, __version__
from compresslab.cli.main import main
from compresslab.errors import InvalidParameter, MissingExtra, UnknownName
from compresslab.report.figures import force_figure
from compresslab.report.html import render_page, write_report
from compresslab.report.ledger import STATEMENTS, claim_verdicts
from compresslab.report.page import Page, PageFigure, Section, Table
from compresslab.report.provenance import dataset_digest, provenance

from .chromium import dump_dom, text_of

Run = Callable[..., tuple[str, str]]

TEXTS = {
    "names": "ALPHA\nBETA\nGAMMA\nDELTA\n" * 5,
    "prose": "to be or not\nthat is the\nquestion to be\n" * 5,
    "co<d>e": "if x: y = 1\nfor z in y:\n    pass\n" * 5,
    "more": "not to be\nis that the question\n" * 3,
    "other": "for y in x:\n    y = 2\n" * 3,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of the three commands, with what they printed."""
    folder = tmp_path_factory.mktemp("reports")
    paths = {name: folder / f"{name}.txt" for name in TEXTS}
    for name, text in TEXTS.items():
        paths[name].write_text(text)
    parts = [str(paths[name]) for name in ("names", "prose", "co<d>e")]
    roles = ["--pretrain", *parts, "--align", str(paths["more"]), "--perturb", str(paths["other"])]
    calls = {
        "rate": ["rate", *parts[1:], "--depth", "2"],
        "tree": ["tree", parts[1], "--depth", "3"],
        "elasticity": ["elasticity", *roles, "--depth", "2", "--k", "5", "20", "--l", "0", "0.1"],
    }
    for name, call in calls.items():
        with pytest.MonkeyPatch.context() as patch:
            if name != "rate":  # drawing takes longest: the figures of one are enough here
                patch.setattr("compresslab.report.html.figure_bytes", lambda *_, **__: b"<svg></svg>")
            with pytest.raises(SystemExit) as stop:
                main([*call, "--report", str(folder / name), "--quiet"])
        assert not stop.value.code
    return {**{name: folder / name / "report.html" for name in calls}, "folder": folder}


class Page_(HTMLParser):  # noqa: N801 - not the library's Page
    """Checks that tags are balanced, and collects text, ids and whatever a page would fetch."""

    VOID = frozenset(["meta", "link", "br", "input", "img", "hr"])

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            if given.get(name):
                self.fetched.append(str(given[name]))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)


def read(path: Path) -> tuple[str, Page_]:
    text, parsed = path.read_text(encoding="utf-8"), Page_()
    parsed.feed(text)
    parsed.close()
    assert parsed.open == []
    return text, parsed


@pytest.mark.parametrize("name", ["rate", "tree", "elasticity"])
def test_a_report_is_well_formed_and_fetches_nothing(made: dict[str, Path], name: str) -> None:
    text, page = read(made[name])
    assert all(link.startswith(("#", "data:,")) for link in page.fetched)
    assert not re.search(r"@import|url\((?!#)", text)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.fetched if link.startswith("#")} <= set(page.ids)
    assert "NaN" not in " ".join(page.words)
    assert "None" not in " ".join(page.words)


@pytest.mark.parametrize("name", ["rate", "tree", "elasticity"])
def test_a_report_says_where_its_numbers_come_from(made: dict[str, Path], name: str) -> None:
    _, page = read(made[name])
    words = "".join(page.words)
    assert f"compresslab {name} " in words  # the exact command
    assert f"compresslab {__version__}" in words
    assert hashlib.sha256(TEXTS["prose"].encode()).hexdigest() in words
    assert dataset_digest(Dataset.from_texts([TEXTS["prose"]], split="line")) in words


def test_a_rate_report_holds_the_commands_numbers(made: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(made["folder"] / f"{name}.txt") for name in ("prose", "co<d>e")]
    with pytest.raises(SystemExit):
        main(["rate", *files, "--depth", "2", "--json"])
    got = json.loads(capsys.readouterr().out)
    _, page = read(made["rate"])
    words = re.sub(r"\s+", " ", "".join(page.words))
    assert f"take {got['bits_per_byte']:.3f} bits per byte" in words
    for one in [got, *got["files"]]:
        assert f"{one['entropy_bits']:.4f}" in page.words
        assert f"{one['total_ideal_bits']:,}" in page.words
    assert "co<d>e.txt" in words  # names are escaped, not lost


def test_an_elasticity_report_says_in_words_what_came_out(
    made: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, page = read(made["elasticity"])
    words = re.sub(r"\s+", " ", "".join(page.words))
    assert "the alignment data pays and the pre-training data gains: the model is elastic" in words
    assert "the theorem: −5 as l goes to 0" in words
    assert "−5.000" in page.words  # the ratio at l = 0
    assert "Sign map" in words
    assert "never seen before, which the theorem excludes" in words
    assert words.index("the model is elastic") < words.index("Data: phrases of 2 symbols")  # words first
    for symbol in ("D_p, D_a, D_t", "overlap"):
        assert symbol in page.words


def test_figures_are_left_beside_the_page_for_a_paper(made: dict[str, Path]) -> None:
    names = {path.name for path in (made["tree"].parent / "figures").iterdir()}
    assert names == {"tree-top.svg", "tree-top.png", "leaves.svg", "leaves.png"}


def test_json_stays_alone_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("to be\nor not\n")
    with pytest.raises(SystemExit):
        main(["rate", str(tmp_path / "a.txt"), "--json", "--report", str(tmp_path / "out"), "--quiet"])
    out, err = capsys.readouterr()
    assert json.loads(out)["responses"] == 2
    assert err == f"Report: {tmp_path / 'out' / 'report.html'}\n"


def test_a_report_that_cannot_be_written_is_one_readable_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("to be\n")
    with pytest.raises(SystemExit) as stop:
        main(["tree", str(tmp_path / "a.txt"), "--report", str(tmp_path / "a.txt" / "x"), "--quiet"])
    assert stop.value.code == 1
    assert re.search(r"compresslab: cannot write .*a\.txt/x: not a directory", capsys.readouterr().err)


def test_without_the_extra_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Page("t", "q", (), (), (), provenance([], []))
    (tmp_path / "a.txt").write_text("to be")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jinja2" else name)
    with pytest.raises(SystemExit) as stop:
        main(["rate", str(tmp_path / "a.txt"), "--report", str(tmp_path / "out")])
    assert stop.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""  # nothing is measured first
    assert err.startswith("compresslab: a report needs the optional extra 'report': pip install")
    (tmp_path / "a.txt").unlink()
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"a report needs the optional extra 'report': pip install"):
        write_report(page, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_figures_of_one_name_are_refused() -> None:
    from compresslab import Elasticity

    figure = force_figure(Elasticity.contained([1, 0, 0], [0, 1, 0], [0, 0, 1], k=9), [0, 1])
    twice = tuple(PageFigure("a", "t", "c", figure) for _ in range(2))
    with pytest.raises(InvalidParameter, match="two figures are called 'a'"):
        render_page(Page("t", "q", (), (), (Section("s", figures=twice),), provenance([], [])))


def test_verdicts_come_from_the_recorded_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.json").write_text('{"verdicts": {"conservation-law": "proved"}}')
    found = claim_verdicts(["conservation-law", "overlap-sign"], tmp_path / "ledger.json")
    assert [claim.verdict for claim in found] == ["proved", "not recorded"]
    assert all(claim.statement for claim in found)
    for broken in ("", "[]", '{"verdicts": 3}'):
        (tmp_path / "broken.json").write_text(broken)
        assert claim_verdicts(["overlap-sign"], tmp_path / "broken.json")[0].verdict == "not recorded"


def test_every_claim_of_the_ledger_has_its_sentence_and_no_other_has() -> None:
    ledger = Path(__file__).parents[2] / "proofs" / "ledger.json"
    if not ledger.is_file():
        pytest.skip("proofs/ledger.json is not here")
    assert list(STATEMENTS) == list(json.loads(ledger.read_text())["verdicts"])
    for sentence in STATEMENTS.values():
        assert re.fullmatch(r"[A-Z][^.]{20,}.*\.", sentence)
    assert len(set(STATEMENTS.values())) == len(STATEMENTS)
    with pytest.raises(UnknownName, match="unknown claim 'overlap-sing': did you mean 'overlap-sign'"):
        claim_verdicts(["overlap-sing"])


def test_every_claim_that_a_page_names_is_known() -> None:
    """Pages name claims as strings: each list of them in the package's source is looked at."""
    named = set()
    for path in Path(compresslab.__file__).parent.rglob("*.py"):
        for listed in re.findall(r"claim_verdicts\(\s*\[(.*?)\]", path.read_text(encoding="utf-8"), re.DOTALL):
            named |= set(re.findall(r'"([a-z-]+)"', listed))
    assert len(named) > 10
    assert named <= set(STATEMENTS)


def test_digests_tell_datasets_apart() -> None:
    base = Dataset.from_token_lists([[0, 1], [1]], vocab_size=2)
    others = [
        Dataset.from_token_lists([[0], [1, 1]], vocab_size=2),
        Dataset.from_token_lists([[1], [0, 1]], vocab_size=2),
        Dataset.from_token_lists([[0, 1], [1]], vocab_size=3),
        Dataset.from_token_lists([[0, 1], [1], []], vocab_size=2),
    ]
    assert len({dataset_digest(d) for d in [base, *others]}) == 5
    wide = Dataset.from_arrays(np.array([0, 1, 1], np.uint32), np.array([0, 2, 3]), vocab_size=2)
    assert dataset_digest(wide) == dataset_digest(base)


def test_a_table_is_a_table() -> None:
    block = Table("title", ("a", "b"), (("x", "1"), ("<y>", "2")))
    _, page = parsed(render_page(Page("t", "q", ("words",), (), (Section("s", tables=(block,)),), provenance([], []))))
    assert {"title", "a", "b", "x", "1", "<y>", "2"} <= set(page.words)


def parsed(html: str) -> tuple[str, Page_]:
    page = Page_()
    page.feed(html)
    return html, page


WIDTHS = """<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const inside = frame.contentDocument.documentElement;
  const out = document.createElement("pre");
  out.id = "widths";
  out.textContent = JSON.stringify([inside.scrollWidth, inside.clientWidth, inside.scrollHeight]);
  document.body.append(out);
};
</script>"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_a_page_is_never_wider_than_its_window(made: dict[str, Path], tmp_path: Path, width: int) -> None:
    html = made["elasticity"].read_text(encoding="utf-8").replace("&", "&amp;").replace('"', "&quot;")
    (tmp_path / "frame.html").write_text(
        f'<body><iframe style="width:{width}px;height:800px;border:0" srcdoc="{html}"></iframe>{WIDTHS}</body>',
        encoding="utf-8",
    )
    scroll, client, height = json.loads(text_of(dump_dom(tmp_path / "frame.html", tmp_path / "profile"), "widths"))
    assert client > width - 30
    assert scroll <= client
    assert height > 2000
