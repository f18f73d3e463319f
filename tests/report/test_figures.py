"""Figures: what is drawn are the library's numbers; every axis says its quantity; no text is cut or overlaps."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="figures need the extra 'report'")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from compresslab import Dataset, Elasticity, TokenTree
from compresslab.errors import InvalidParameter
from compresslab.report import figures as fig
from compresslab.report.style import COLOURS, figure_bytes, svg_for_page
from compresslab.theory.code_length import LN2
from compresslab.theory.generators import pareto
from compresslab.trees.drawing import top_branches

GRID = np.linspace(0, 1, 11)


def scenario() -> Elasticity:
    rng = np.random.default_rng(0)
    return Elasticity.contained(*(pareto(200, 2.0, rng) for _ in range(3)), k=10)


def tree() -> TokenTree:
    return TokenTree.build(Dataset.from_texts(["to be or not to be", "that is the question", "$5 $6 a_b"]), 3)


def cells() -> list[fig.Cell]:
    return [
        fig.Cell(n, m, 0.9 - m / 4000 - n / 1e5 + s / 50)
        for n in (1000, 2000, 5000, 10000)
        for m in (100, 200, 500, 1000, 2000)
        for s in range(3)
    ]


def weights() -> list[fig.Weight]:
    table = {"base": (0.4, 0.3, 0.3), "aligned": (0.2, 0.7, 0.1), "perturbed": (0.2, 0.3, 0.5)}
    names = ("names", "prose", "code")
    return [fig.Weight(c, s, w, 0.02, 1 / 3) for s, ws in table.items() for c, w in zip(names, ws, strict=True)]


def curves() -> dict[float, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    found = {}
    for k in (5.0, 10.0):
        slope = scenario().with_k(k).derivatives(GRID)
        found[k] = (GRID, slope.pretrain / LN2, slope.align / LN2)
    return found


ALL = {
    "tree": lambda: fig.tree_figure(top_branches(tree(), None, 3, 6)),
    "leaves": lambda: fig.leaf_mass_figure(pareto(2000, 2.0, np.random.default_rng(0))),
    "gamma": lambda: fig.code_length_figure(scenario(), GRID, [fig.Measured("align", 0.5, 9.0, 8.9, 9.2)]),
    "slopes": lambda: fig.slope_figure(curves()),
    "measured": lambda: fig.measured_slope_figure(
        scenario(), GRID, [fig.Measured(role, 0.5, 0.01, 0.0, 0.02) for role in ("pretrain", "align")]
    ),
    "forces": lambda: fig.force_figure(scenario(), GRID),
    "signs": lambda: fig.sign_map_figure(
        fig.sign_map([1, 0, 0], [0, 1, 0], [0, 0, 1], np.linspace(0, 1, 9).tolist(), GRID.tolist(), [1, 10, 100])
    ),
    "rebound": lambda: fig.rebound_figure(cells(), "score, 0 to 1"),
    "heatmap": lambda: fig.rebound_heatmap(cells(), "score, 0 to 1"),
    "scaling": lambda: fig.scaling_figure(
        [fig.Trend(s, 10.0**p, p / 10 + i / 20) for i, s in enumerate(["a", "b"]) for p in (4, 5, 6)], "bits per byte"
    ),
    "volumes": lambda: fig.volumes_figure(weights()),
    "rates": lambda: fig.rate_figure(
        [
            fig.Bar(text, method, 1.0 + i + j / 2)
            for i, text in enumerate(["prose", "a_long_name_of_some_file_or_other.txt"])
            for j, method in enumerate(["smollm2", "gzip -9", "xz -9e", "zstd -19"])
        ]
    ),
    "many": lambda: fig.scaling_figure(
        [fig.Trend(f"series of the number {i}", 10.0**p, p + i) for i in range(5) for p in (4, 5)], "layers"
    ),
    "sizes": lambda: fig.depth_figure({f"{10**p:,}": [0.1, 0.5 * p] for p in range(4, 10)}, 1.0),
    "depth": lambda: fig.depth_figure({"small": [0.02, 0.3, 0.9], "large": [0.01, 0.1, 0.5]}, 0.1),
}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return {name: make() for name, make in ALL.items()}


@pytest.mark.parametrize("name", ALL)
def test_every_axis_says_what_it_measures(drawn: dict[str, Figure], name: str) -> None:
    figure = drawn[name]
    outer = [figure.get_supxlabel(), figure.get_supylabel()]
    x = [axes.get_xlabel() for axes in figure.axes if axes.get_label() != "<colorbar>"]
    y = [axes.get_ylabel() for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert any(x) or outer[0]
    assert any(y) or outer[1]


def ticks_beyond_the_limits(figure: Figure) -> set[int]:
    """Ticks that lie outside the axes exist but are not drawn."""
    beyond = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low - slack <= tick.get_loc() <= high + slack:
                    beyond |= {id(tick.label1), id(tick.label2)}
    return beyond


@pytest.mark.parametrize("name", ALL)
def test_no_text_is_cut_or_overlaps_another(drawn: dict[str, Figure], name: str) -> None:
    check_texts(drawn[name])


def check_texts(figure: Figure) -> None:
    """Fail where a text of a figure is cut at its side, or overlaps another one."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    page, beyond = figure.bbox, ticks_beyond_the_limits(figure)
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and id(text) not in beyond
    ]
    assert len(boxes) > 4
    for text, box in boxes:
        assert page.x0 - 1 <= box.x0, text
        assert box.x1 <= page.x1 + 1, text
        assert page.y0 - 1 <= box.y0, text
        assert box.y1 <= page.y1 + 1, text
    for (a, one), (b, other) in combinations(boxes, 2):
        wide = min(one.x1, other.x1) - max(one.x0, other.x0)
        high = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert wide < 2 or high < 2, f"{a!r} overlaps {b!r}"


@pytest.mark.parametrize("name", ["scaling", "many", "depth", "sizes", "measured"])
def test_a_legend_covers_nothing_that_is_measured(drawn: dict[str, Figure], name: str) -> None:
    figure = drawn[name]
    FigureCanvasAgg(figure).draw()
    (legend,) = figure.legends
    assert figure.axes[0].get_legend() is None
    assert legend.get_window_extent().y0 >= figure.axes[0].get_window_extent().y1 - 1
    assert legend.get_window_extent().x1 <= figure.bbox.x1 + 1


def test_the_tolerance_of_one_bit_is_one_bit(drawn: dict[str, Figure]) -> None:
    labels = [text.get_text() for name in ("sizes", "depth") for text in drawn[name].legends[0].get_texts()]
    assert "tolerance, 1 bit" in labels
    assert "tolerance, 0.1 bits" in labels


def test_the_heatmaps_digits_are_those_that_its_intervals_allow() -> None:
    held = [fig.Cell(n, m, -0.00789 + n / 1e5, -0.022 + n / 1e5, 0.008 + n / 1e5) for n in (0, 500) for m in (0, 9)]
    shown = {text.get_text() for text in fig.rebound_heatmap(held, "score").axes[0].texts}
    assert shown == {"\N{MINUS SIGN}0.008", "\N{MINUS SIGN}0.003"}


def test_bars_are_as_long_as_the_rates_they_stand_for() -> None:
    bars = [fig.Bar("a", "model", 0.5), fig.Bar("a", "xz", 2.0), fig.Bar("b", "model", 1.0)]
    (axes,) = fig.rate_figure(bars).axes
    assert [[patch.get_width() for patch in held] for held in axes.containers] == [[0.5, 1.0], [2.0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_code_lengths_are_the_librarys() -> None:
    figure = fig.code_length_figure(scenario(), GRID, [fig.Measured("align", 0.5, 9.0, 8.9, 9.2)])
    gamma = scenario().code_lengths_nats(GRID)
    for axes, role in zip(figure.axes, ("pretrain", "align", "perturb"), strict=True):
        np.testing.assert_allclose(axes.lines[0].get_ydata(), getattr(gamma, role) / LN2)
    assert [len(axes.containers) for axes in figure.axes] == [0, 1, 0]  # the measured point has its interval


def test_forces_are_the_librarys_and_sum_to_zero() -> None:
    lines = fig.force_figure(scenario(), GRID).axes[0].lines
    at = scenario().forces(0.5)
    got = [float(line.get_ydata()[5]) for line in lines]
    assert got[:3] == pytest.approx([at.pretrain / LN2, at.align / LN2, 0.5 * at.perturb / 0.5 / LN2])
    assert np.abs(lines[3].get_ydata()).max() < 1e-14


def test_the_sign_map_of_disjoint_parts_turns_where_the_theorem_says() -> None:
    l = np.linspace(0.01, 1.5, 150)  # noqa: E741
    found = fig.sign_map([1, 0, 0], [0, 1, 0], [0, 0, 1], [0.0, 0.5], l.tolist(), [3.0, 30.0])
    for k in range(2):
        assert set(found.regions[k, l < 0.499, 0]) == {0}  # elastic up to l = 1/2 (theory, section 4)
        assert set(found.regions[k, l > 0.501, 0]) == {1}
    slope = Elasticity([1 / 3] * 3, [0, 0.5, 0.5], [0, 0, 1], 3.0).derivatives(l)
    np.testing.assert_allclose(found.align[0, :, 1], slope.align, rtol=1e-12)
    np.testing.assert_array_equal(found.overlap < 1 - 1e-12, found.align > 1e-13)
    assert fig.sign_map_figure(found).axes


def test_the_leaf_figure_counts_leaves() -> None:
    p = pareto(300, 2.0, np.random.default_rng(0))
    x, y = fig.leaf_mass_figure(p).axes[0].lines[0].get_data()
    assert y[0] == 1.0
    for mass, share in zip(x[::50], y[::50], strict=True):
        assert share == pytest.approx((p.probabilities >= mass).mean())


def test_the_heatmap_shows_means_of_seeds() -> None:
    axes = fig.rebound_heatmap(cells(), "score").axes[0]
    shown = {text.get_text() for text in axes.texts}
    assert f"{0.9 - 100 / 4000 - 1000 / 1e5 + 1 / 50:.3f}" in shown


def test_svg_is_the_same_every_time_and_follows_the_pages_colours() -> None:
    first, second = (figure_bytes(fig.force_figure(scenario(), GRID), "svg", "f") for _ in range(2))
    assert first == second
    svg = figure_bytes(fig.force_figure(scenario(), GRID), "svg", "forces", background=False)
    page = svg_for_page(svg, "forces", 'a "title" & more')
    assert page.startswith("<svg ")
    assert not any(value in page.lower() for value in COLOURS.values())
    assert "var(--blue)" in page
    assert 'aria-label="a &quot;title&quot; &amp; more"' in page
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("forces-") for name in ids)
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)
    assert not re.findall(r'(?:href|src)="(?!#)', page)  # nothing is fetched


def test_figures_are_written_by_their_ending(tmp_path: Path) -> None:
    figure = fig.force_figure(scenario(), GRID)
    assert fig.save_figure(figure, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in fig.save_figure(figure, tmp_path / "a.svg").read_bytes()
    with pytest.raises(InvalidParameter, match="saved as svg or png, not 'pdf'"):
        fig.save_figure(figure, tmp_path / "a.pdf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg"]


def test_bad_input_is_named() -> None:
    with pytest.raises(InvalidParameter, match="two or more values of l, rising"):
        fig.force_figure(scenario(), [0.5])
    with pytest.raises(InvalidParameter, match="no rows to draw"):
        fig.rebound_figure([])
    with pytest.raises(InvalidParameter, match="a size must be above 0, not 0"):
        fig.scaling_figure([fig.Trend("a", 0, 1.0)], "bits")
    with pytest.raises(InvalidParameter, match="shares are two or more numbers from 0 to 1"):
        fig.sign_map([1, 0], [0, 1], [0, 1], [0, 2], [0, 1], [1])
    with pytest.raises(InvalidParameter, match="no curves to draw"):
        fig.slope_figure({})


def test_matplotlib_is_loaded_only_to_draw_and_its_settings_are_left_alone() -> None:
    code = (
        "import sys, compresslab.report.figures as f, compresslab as cl\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib\n"
        "held = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if 'backend' not in k}\n"
        "before = held()\n"
        "f.force_figure(cl.Elasticity.contained([1, 0, 0], [0, 1, 0], [0, 0, 1], k=9), [0, 1])\n"
        "assert held() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("fonts", [(), None])
def test_signs_that_the_font_lacks_are_readable_and_nothing_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fonts: tuple[str, ...] | None
) -> None:
    from compresslab.report import glyphs
    from compresslab.report.style import new_axes, save_figure, style

    if fonts is not None:
        monkeypatch.setattr(glyphs, "_fallbacks", lambda: fonts)
    with style():
        figure, axes = new_axes("中文.txt", "café × − → γ\t\x1b")
        axes.barh(["日本", "naïve"], [1, 2], label="한국어")
        axes.set_title("🫠\nsecond")
        axes.legend()
    for kind in ("svg", "png"):
        save_figure(figure, tmp_path / f"a.{kind}")  # a warning is an error here
    if fonts == ():
        assert axes.get_xlabel() == r"\u4e2d\u6587.txt"
        assert axes.get_ylabel() == r"café × − → γ\t\x1b"
        assert axes.get_title(loc="left") + axes.get_title() == "\\U0001fae0\nsecond"
        assert [label.get_text() for label in axes.get_yticklabels()] == [r"\u65e5\u672c", "naïve"]
