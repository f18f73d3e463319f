"""The elasticity explorer in a real browser: its numbers are the library's, at random settings, by its own controls."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="reports need the extra 'report'")
pytest.importorskip("jinja2", reason="reports need the extra 'report'")

from compresslab import Dataset, Elasticity
from compresslab.errors import InvalidParameter, UnknownName
from compresslab.report.families import FAMILIES, compact_scenario, explorer_settings, family_scenario
from compresslab.report.html import render_page
from compresslab.report.page import Page
from compresslab.report.provenance import provenance
from compresslab.theory.code_length import LN2

from .chromium import dump_dom, text_of

SETTINGS = 60
FRESH = "this </script> data & more"

# Drives the page as a person does, then writes what it shows.
DRIVER = """<script>
const wanted = JSON.parse(document.getElementById("wanted").textContent);
const results = wanted.map(([title, k, l, value]) => {
  const menu = document.getElementById("ex-family");
  menu.value = [...menu.options].find((option) => option.text === title).value;
  menu.dispatchEvent(new Event("change"));
  for (const [id, x] of [["ex-k", k], ["ex-l", l], ["ex-value", value]]) {
    document.getElementById(id).value = String(x);
    document.getElementById(id).dispatchEvent(new Event("input"));
  }
  const shown = (id) => document.getElementById(id).dataset.value;
  const cells = {};
  for (const what of ["gamma", "slope", "overlap", "force"])
    cells[what] = ["pretrain", "align", "perturb"].map((role) => shown(`ex-${what}-${role}`));
  return { ...cells, ratio: shown("ex-ratio"), verdict: document.getElementById("ex-verdict").textContent,
           wrong: document.getElementById("ex-wrong").textContent,
           chart: document.querySelectorAll("#ex-chart path").length };
});
// the sliders move the fields
const slide = document.getElementById("ex-k-slide");
slide.value = 2; slide.dispatchEvent(new Event("input"));
document.getElementById("ex-l").value = "-1";
document.getElementById("ex-l").dispatchEvent(new Event("input"));
const out = document.createElement("pre");
out.id = "results";
out.textContent = JSON.stringify({ results, k: document.getElementById("ex-k").value,
  wrong: document.getElementById("ex-wrong").textContent });
document.body.append(out);
</script>"""


def own_data() -> Elasticity:
    texts = (["to be or not to be"] * 3, ["that is the question"], ["to sleep no more", "aye"])
    datasets = [Dataset.from_texts(part) for part in texts]
    return Elasticity(*datasets, k=7.0, depth=2)


def settings() -> list[tuple[str, float, float, float]]:
    rng = np.random.default_rng(20)
    drawn = []
    for i in range(SETTINGS):
        family = list(FAMILIES.values())[i % len(FAMILIES)]
        value = float(rng.uniform(family.low, family.high))
        drawn.append((family.title, float(10 ** rng.uniform(-1, 4)), float(rng.choice([0, rng.uniform(0, 3)])), value))
    drawn += [(FRESH, float(10 ** rng.uniform(-1, 4)), float(rng.uniform(0, 3)), 0.0) for _ in range(10)]
    return [*drawn, (FRESH, 10.0, 0.0, 0.0)]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict:  # type: ignore[type-arg]
    folder = tmp_path_factory.mktemp("explorer")
    source = provenance(["elasticity"], [])
    page = Page("Explorer", "?", (), (), (), source, explorer=explorer_settings({FRESH: own_data()}))
    html = render_page(page)
    wanted = (
        f'<script type="application/json" id="wanted">{json.dumps(settings()).replace("<", chr(92) + "u003c")}</script>'
    )
    (folder / "page.html").write_text(html.replace("</body>", f"{wanted}{DRIVER}</body>"), encoding="utf-8")
    found: dict = json.loads(text_of(dump_dom(folder / "page.html", folder / "profile"), "results"))  # type: ignore[type-arg]
    return found


def close(got: str, want: float) -> bool:
    if not math.isfinite(want):
        return float(got.replace("Infinity", "inf")) == want
    return math.isclose(float(got), want, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.slow
def test_the_browser_says_what_the_library_says(shown: dict) -> None:  # type: ignore[type-arg]
    by_title = {family.title: key for key, family in FAMILIES.items()}
    assert len(shown["results"]) == len(settings())
    for got, (title, k, l, value) in zip(shown["results"], settings(), strict=True):  # noqa: E741
        scenario = own_data().with_k(k) if title == FRESH else family_scenario(by_title[title], value, k)
        gamma, slope, overlap = scenario.code_lengths_nats(l), scenario.derivatives(l), scenario.overlaps(l)
        where = f"{title}, k = {k}, l = {l}, {value}"
        assert got["wrong"] == "", where
        assert got["chart"] == 2
        for i, role in enumerate(("pretrain", "align", "perturb")):
            assert close(got["gamma"][i], getattr(gamma, role) / LN2), where
            assert close(got["slope"][i], getattr(slope, role) / LN2), where
            if title != FRESH or l > 0:
                assert close(got["overlap"][i], getattr(overlap, role)), where
        assert abs(sum(map(float, got["force"]))) < 1e-9, where
        sign = scenario.signs(l)
        if (sign.align, sign.pretrain) == (1, -1) and abs(overlap.pretrain - 1) > 1e-9:
            assert got["verdict"].startswith("Elastic"), where
        if (sign.align, sign.pretrain) == (-1, 1) and abs(overlap.pretrain - 1) > 1e-9:
            assert got["verdict"].startswith("Reversed"), where


@pytest.mark.slow
def test_sliders_move_the_fields_and_bad_numbers_are_named(shown: dict) -> None:  # type: ignore[type-arg]
    assert shown["k"] == "100"  # 10**2
    assert shown["wrong"] == "l must be 0 or more."


def test_a_compact_scenario_loses_nothing() -> None:
    scenario = own_data()
    packed = compact_scenario(scenario)
    assert packed is not None
    p, a, t, times = np.frombuffer(base64.b64decode(packed["data"]), "<f8").reshape(4, packed["columns"])
    assert packed["columns"] < scenario.probabilities.shape[1]
    repeated = np.repeat(np.stack([p, a, t]), times.astype(int), axis=1)
    np.testing.assert_array_equal(np.sort(repeated.view(), axis=1), np.sort(scenario.probabilities, axis=1))
    other = Elasticity(*repeated, k=scenario.k)
    assert other.derivatives(0.3).align == pytest.approx(scenario.derivatives(0.3).align, rel=1e-12)


def test_the_pareto_family_tends_to_the_closed_form() -> None:
    from compresslab import pareto_overlap

    for alpha in (2.0, 4.0):
        assert family_scenario("contained-pareto", alpha, 1e6).overlaps(0.0).align == pytest.approx(
            pareto_overlap(alpha), abs=0.04
        )


def test_families_name_what_is_wrong() -> None:
    with pytest.raises(UnknownName, match="did you mean 'contained-pareto'"):
        family_scenario("contained-paretto", 2.0, 10)
    with pytest.raises(InvalidParameter, match="α, Pareto exponent lies from 1.05 to 5, not at 0.5"):
        family_scenario("contained-pareto", 0.5, 10)


def test_no_name_breaks_out_of_the_script(tmp_path: Path) -> None:
    source = provenance([], [])
    html = render_page(Page("x", "?", (), (), (), source, explorer=explorer_settings({FRESH: own_data()})))
    assert "this </script>" not in html
