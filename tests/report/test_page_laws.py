"""What holds on every page of an experiment: made here of the recorded results, and looked at in a browser."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
pytest.importorskip("jinja2", reason="reports need the extra 'report'")

from compresslab import Dataset
from compresslab.errors import InvalidParameter
from compresslab.lm.tiny import TinyShape, make_tiny
from compresslab.measurements.demo import TinyRow
from compresslab.measurements.demo_page import demo_page
from compresslab.measurements.elasticity import build_scenarios, measure_scenarios
from compresslab.measurements.elasticity_page import elasticity_page
from compresslab.measurements.model_rate import ModelRateResult
from compresslab.measurements.model_rate_page import model_rate_page
from compresslab.probe.probing import probe
from compresslab.report.html import render_page
from compresslab.report.page import Page
from compresslab.report.provenance import provenance

from .chromium import dump_dom, text_of
from .prose import NAMES, RESULTS, golden, prose_of, recorded_page
from .test_figures import check_texts

COMMANDS = {
    "joint-cpu": "compresslab experiment joint --preset cpu --out joint-cpu",
    "rebound-cpu": "compresslab experiment rebound --preset cpu --out rebound-cpu --data pretrain=tinyshakespeare.txt "
    "--data pretrain=prose --data positive=rt-polarity.pos --data negative=rt-polarity.neg",
    "rebound-referee": "compresslab experiment rebound --preset referee --out rebound-referee",
    "resistance-cpu": "compresslab experiment resistance --preset cpu --out resistance-cpu --data truthfulqa.csv "
    "--data rt-polarity.pos",
    "resistance-referee": "compresslab experiment resistance --preset referee --out resistance-referee",
    "scaling-cpu": "compresslab experiment scaling --preset cpu --out scaling-cpu --data pretrain=tinyshakespeare.txt "
    "--data pretrain=prose --data positive=rt-polarity.pos --data negative=rt-polarity.neg",
    "effective-volumes-cpu": "compresslab experiment effective-volumes --preset cpu --out effective-volumes-cpu",
}


@pytest.fixture(scope="module")
def pages() -> dict[str, tuple[Page, str]]:
    if not RESULTS.is_dir():
        pytest.skip("docs/results is not here")
    made = {}
    for name in NAMES:
        try:
            page = recorded_page(name)
        except InvalidParameter as error:
            if "other texts than this Python's" not in str(error):
                raise
            continue
        made[name] = (page, render_page(page, undrawn(page)))
    return made


def undrawn(page: Page) -> dict[str, bytes]:
    """Nothing in the place of every figure, where only the text around it is looked at: drawing takes longest."""
    return dict.fromkeys([drawn.name for drawn in page.figures], b"<svg></svg>")


class Blocks(HTMLParser):
    """The texts of paragraphs, findings, meanings and cells, and the classes of what they stand in."""

    BLOCKS = frozenset(["p", "li", "dd", "dt", "td", "th", "h1", "h2", "h3", "pre"])
    VOID = frozenset(["meta", "link", "br", "input", "img", "hr", "use", "path"])

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.found: list[tuple[str, tuple[str, ...], str]] = []  # tag, classes around it, text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append((tag, dict(attrs).get("class") or ""))
        if tag in self.BLOCKS:
            self.found.append((tag, tuple(name for _, name in self.open), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            while self.open and self.open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        names = [tag for tag, _ in self.open]
        if set(names) & self.BLOCKS and not set(names) & {"svg", "style", "script"}:
            tag, classes, text = self.found[-1]
            self.found[-1] = (tag, classes, text + data)


def blocks(html: str) -> list[tuple[str, tuple[str, ...], str]]:
    reader = Blocks()
    reader.feed(html)
    return reader.found


@pytest.mark.parametrize("name", NAMES)
def test_the_prose_is_that_of_the_golden_file(pages: dict[str, tuple[Page, str]], name: str) -> None:
    taken(pages, name)
    said, held = prose_of(pages[name][0]).splitlines(), golden()[name].splitlines()
    assert said == held, "if the new words are right: python -m tests.report.prose"


@pytest.mark.parametrize("name", NAMES)
def test_no_sentence_comes_twice(pages: dict[str, tuple[Page, str]], name: str) -> None:
    html = taken(pages, name)
    said = [text for tag, _, text in blocks(html) if tag in ("p", "li")]
    sentences = [
        one.strip() for text in said for one in re.split(r"(?<=[.!?])\s+(?=[A-Z“])", text) if len(one.strip()) > 20
    ]
    assert len(sentences) > 20
    assert [one for one, times in Counter(sentences).items() if times > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_numbers_have_no_sign_of_nothing_and_true_minus_signs(pages: dict[str, tuple[Page, str]], name: str) -> None:
    for tag, classes, text in blocks(taken(pages, name)):
        if tag == "pre" or "hash" in classes or "/" in text:
            continue
        assert not re.search(r"[-−+]0\.0*(?!\d)", text), text
        assert not re.search(r"(?<![\w)\]-])-\d", text), text
        assert not re.search(r"\d ±|± [\d<]", text), text
        assert not re.search(r"\d %|\d of \d", text), text


@pytest.mark.parametrize("name", NAMES)
def test_the_title_of_a_table_stands_outside_of_its_scroll_area(pages: dict[str, tuple[Page, str]], name: str) -> None:
    html = taken(pages, name)
    assert "<caption" not in html
    titles = [classes for tag, classes, _ in blocks(html) if tag == "p" and classes[-1] == "title"]
    assert len(titles) == html.count('<div class="scroll"')
    assert not any("scroll" in classes for classes in titles)
    for opening in re.findall(r'<div class="scroll"[^>]*>', html):
        assert re.fullmatch(r'<div class="scroll" role="region" aria-label="[^"]+" tabindex="0">', opening)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_how_its_rows_were_measured(pages: dict[str, tuple[Page, str]], name: str) -> None:
    commands = [text for tag, _, text in blocks(taken(pages, name)) if tag == "pre"]
    assert commands == [COMMANDS[name], f"compresslab report {name}"]
    text = taken(pages, name)
    digest = json.loads((RESULTS / name / "spec.json").read_text())
    for one in [digest["texts"]["sha256"]] if "texts" in digest else digest["data_sha256"]:
        assert one in text
    assert "<dt>seeds</dt>" in text


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_has_its_sentence(pages: dict[str, tuple[Page, str]], name: str) -> None:
    taken(pages, name)
    for claim in pages[name][0].claims:
        assert claim.verdict in ("proved", "refuted", "open", "hypothesis")
        assert claim.statement.endswith(".")


DRAWN_LONG = {"joint-cpu", "effective-volumes-cpu", "scaling-cpu"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in DRAWN_LONG else name for name in NAMES]
)
def test_no_text_of_a_figure_is_cut_or_overlaps_another(pages: dict[str, tuple[Page, str]], name: str) -> None:
    taken(pages, name)
    drawn = [shown for section in pages[name][0].sections for shown in section.figures]
    assert len(drawn) > 3
    for shown in drawn:
        check_texts(shown.figure)


def tiny_row(name: str) -> TinyRow:
    rate = ModelRateResult(
        name=name, model="tiny", fingerprint="f" * 64, window=None, stride=None, eos=True, prefix_token="<s>",
        eos_token="</s>", own_prefixes=0, own_ends=0, control_tokens=0, read_control_tokens=False, template=None,
            template_sha256=None, layout="", context_tokens=0, context_bytes=0, responses=3,
        tokens=90, symbols=93, bytes=90, exact=True, bits=200.0, eos_bits=6.0, bits_per_token=2.2,
        error_bits_per_token=0.05, nats_per_token=1.52, perplexity=4.6, bits_per_symbol=2.15, bits_per_byte=2.2222,
        error_bits_per_byte=0.0511, seconds=0.1, tree_bits_per_byte=3.5, tree_depth=4,
        general_bits_per_byte={"gzip": 3.1, "xz": 3.2},
    )  # fmt: skip
    return TinyRow(rate, 2.9)


def test_the_demos_page_answers_in_three_sentences_and_says_nothing_twice(
    pages: dict[str, tuple[Page, str]], tmp_path: Path
) -> None:
    taken(pages, "joint-cpu")
    texts = {"prose": "to be or not to be, that is", "names": "ALPHA, BETA, GAMMA", "code": "if x: y = 1"}
    data = {name: Dataset.from_texts([text, text[::-1]], name=name) for name, text in texts.items()}
    align, perturb = (Dataset.from_texts([text], name=text) for text in ("ALPHA, DELTA", "y = 1"))
    built = build_scenarios(data, align, perturb, depth=2)
    elasticity = elasticity_page(measure_scenarios(built), built, provenance(["demo"], [*data.values()]))
    probed = probe(
        make_tiny(TinyShape(hidden=8, layers=1, heads=2, context=16), device="cpu"),
        pretrain={"prose": ["to be", "or not"]},
        align={"capitals": ["TO BE", "OR NOT"]},
        perturb={"code": ["x = 1", "y = 2"]},
        verify=True,
        examples=[2],
        batch=2,
        length=16,
    )
    rows = [tiny_row("prose"), tiny_row("code")]
    page = demo_page(elasticity, rows, probed, pages["joint-cpu"][0], tmp_path / "joint")
    assert "a small language model" in page.answer[1].lower()
    assert "networks" in page.answer[2].lower()
    html = render_page(page, undrawn(page))
    said = [text for tag, _, text in blocks(html) if tag in ("p", "li") and len(text) > 25]
    assert [one for one, times in Counter(said).items() if times > 1] == []


def test_many_files_under_a_model_have_their_sentences_below() -> None:
    results = [tiny_row(name).model for name in ("a", "b", "c", "d")]
    page = model_rate_page(results, provenance(["rate"], []))
    assert page.answer[2] == "The other 2 are in the findings below."
    assert [text.split()[0] for text in page.sections[0].points] == ["“c”", "“d”"]
    assert page.facts[0].value == "2.222 ± 0.051"


def taken(pages: dict[str, tuple[Page, str]], name: str) -> str:
    if name not in pages:
        pytest.skip("this Python's corpora are not those of the run")
    return pages[name][1]


def test_an_answer_is_three_sentences_at_most() -> None:
    with pytest.raises(InvalidParameter, match="3 sentences at most, not in 4: put the rest into a section"):
        Page("t", "q", ("a", "b", "c", "d"), (), (), provenance([], []))


MEASURE = """<script>
window.onload = () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const inside = frame.contentDocument, root = inside.documentElement;
    const facts = inside.querySelector(".facts").getBoundingClientRect();
    const hidden = [...inside.querySelectorAll("p.title, li, dd, .fact, .claims code")].filter((one) => {
      const box = one.getBoundingClientRect();
      const within = box.right <= root.clientWidth + 1 && box.left >= -1;
      return !within || (one.clientWidth && one.scrollWidth > one.clientWidth + 1);
    }).map((one) => one.textContent.slice(0, 60));
    const first = inside.querySelector(".scroll");
    first.scrollLeft = 200;
    const head = first.querySelector("tbody th").getBoundingClientRect().left - first.getBoundingClientRect().left;
    found[frame.title] = {wide: root.scrollWidth, window: root.clientWidth, facts: facts.bottom, hidden, head};
  }
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
};
</script>"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_in_a_browser(pages: dict[str, tuple[Page, str]], tmp_path: Path, width: int) -> None:
    frames = ""
    for name, (page, _) in pages.items():
        held = render_page(page).replace("&", "&amp;").replace('"', "&quot;")
        frames += f'<iframe title="{name}" style="width:{width}px;height:800px;border:0" srcdoc="{held}"></iframe>'
    (tmp_path / "frames.html").write_text(
        f'<!doctype html><meta charset="utf-8"><body>{frames}{MEASURE}</body>', encoding="utf-8"
    )
    found = json.loads(text_of(dump_dom(tmp_path / "frames.html", tmp_path / "profile"), "found"))
    assert set(found) == set(pages)
    for name, one in found.items():
        assert one["wide"] <= one["window"], name  # nothing but tables and figures goes beyond the window
        assert one["hidden"] == [], name
        assert abs(one["head"]) < 1, name  # the first column stays where a table is scrolled
        if width == 1280:
            assert one["facts"] <= 800, name  # what came out is on the first screen
