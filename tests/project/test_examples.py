"""The examples run, use the public API only, and print what the docs show."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

import compresslab

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
VARIES = {"08_real_text"}  # its text is that of the running Python
NEEDS = {
    "09_figure": ("matplotlib", "report"),
    "10_is_my_model_elastic": ("accelerate", "lm"),
    "11_audit_a_pair": ("accelerate", "lm"),
}
LONG = {"09_figure", "10_is_my_model_elastic", "11_audit_a_pair"}  # seconds of drawing, of training: slow

sys.path.insert(0, str(ROOT / "docs"))
from record_examples import printed  # noqa: E402


def test_examples_are_numbered_without_gaps() -> None:
    assert [int(path.name[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_asks_one_question_in_public_names(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert "?" in (ast.get_docstring(tree) or "")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("compresslab"):
            module = importlib.import_module(str(node.module))
            names = {alias.name for alias in node.names}
            public = set(module.__all__) if hasattr(module, "__all__") else {"figures"}
            assert names <= public, names - public
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_"), node.attr
            if isinstance(node.value, ast.Name) and node.value.id == "cl":
                assert node.attr in compresslab.__all__, node.attr


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem in LONG else ()) for path in EXAMPLES],
)
def test_an_example_prints_what_the_docs_show(path: Path) -> None:
    if path.stem in NEEDS:
        module, extra = NEEDS[path.stem]
        pytest.importorskip(module, reason=f"needs the extra '{extra}'")
    out = printed(path)
    shown = (ROOT / "docs" / "output" / f"{path.stem}.txt").read_text(encoding="utf-8")
    assert "\x1b" not in out
    if path.stem in VARIES:  # the same words, other numbers
        out, shown = (re.sub(r"[-+]?\d[\d.]*%?", "N", text) for text in (out, shown))
    assert out == shown, f"run: python docs/record_examples.py ({path.stem})"


def test_every_example_is_shown_in_the_docs() -> None:
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    for path in EXAMPLES:
        assert f"../examples/{path.name}" in page
        assert f"output/{path.stem}.txt" in page
