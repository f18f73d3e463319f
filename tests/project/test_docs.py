"""The docs: code blocks run (``py``: those that need weights do not), pages are linked, and the site builds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from compresslab.cli.main import main, spread

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
WITH_PYTHON = [path for path in PAGES if "```python" in path.read_text(encoding="utf-8")]
COMMANDS = [
    (path.name, " ".join(line.split()))
    for path in [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip().startswith("compresslab ")
]


def blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def needs(code: str) -> None:
    for module, word in (("matplotlib", "report"), ("torch", "compresslab.lm"), ("sympy", "proofs")):
        if word in code:
            pytest.importorskip(module, reason=f"needs {module}")


@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda path: path.stem)
def test_the_code_of_a_page_runs(path: Path, tmp_path: Path) -> None:
    code = "\n".join(blocks(path))
    needs(code)
    (tmp_path / "page.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_pages_with_code_are_found() -> None:
    assert {"tutorial", "theory", "reports", "extending"} <= {path.stem for path in WITH_PYTHON}
    assert any(command.startswith("compresslab elasticity --pretrain") for _, command in COMMANDS)


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(COMMANDS)])
def test_a_command_of_the_docs_is_understood(page: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--help`` at its end nothing is done, but options that do not exist are still refused."""
    words = command.split("#", maxsplit=1)[0].split()[1:]
    known = help_of(words[: 2 if words[0] == "experiment" else 1], capsys)
    options = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    assert all(option in known for option in options), f"{page}: {command}"
    assert spread(words)  # and several values of an option are spread


def help_of(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main([*(word for word in command if not word.startswith("-")), "--help"])
    out, err = capsys.readouterr()
    assert not stop.value.code, err
    return out + " --help -h"


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = set()
    for path in PAGES:
        for block in re.findall(r"```\{toctree\}\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL):
            names = [line.strip() for line in block.splitlines() if line.strip() and not line.startswith(":")]
            listed |= {(path.parent / f"{name}.md").resolve() for name in names}
    missing = {path.resolve() for path in PAGES} - listed - {(DOCS / "index.md").resolve()}
    assert not missing


def test_source_files_that_pages_name_are_there() -> None:
    here = [path for top in ("compresslab", "proofs", "tests", "benchmarks", "examples", "docs")
            for path in (ROOT / top).rglob("*.py")]  # fmt: skip
    foreign = {"argparse.py"}  # of the standard library, compressed as an example
    for page in [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for name in re.findall(r"`(?:python )?([\w/]+\.py)`", page.read_text(encoding="utf-8")):
            assert name in foreign or any(str(path).endswith(f"/{name}") for path in here), f"{page.name}: {name}"


def test_claims_named_in_the_theory_are_in_the_ledger_or_checked_by_coq() -> None:
    from compresslab.report.ledger import claim_verdicts

    ids = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", (DOCS / "theory.md").read_text(encoding="utf-8")))
    assert len(ids) > 15
    ids -= set(json.loads((ROOT / "proofs" / "coq" / "claims.json").read_text(encoding="utf-8"))["claims"])
    assert [claim.id for claim in claim_verdicts(sorted(ids)) if claim.verdict == "not recorded"] == []


class Fetched(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "img", "iframe", "source"} and given.get("src"):
            self.links.append(str(given["src"]))
        if tag == "link" and given.get("rel") == "stylesheet":
            self.links.append(str(given["href"]))


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    pytest.importorskip("furo", reason="the site needs the extra 'docs'")
    pytest.importorskip("latex2mathml", reason="the site needs the extra 'docs'")
    pytest.importorskip("myst_parser", reason="the site needs the extra 'docs'")
    # As `make docs` does: Sphinx calls deprecated parts of itself, and -W speaks of its own warnings alone.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path / "site")],
        capture_output=True, text=True, check=False, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for page in (tmp_path / "site").rglob("*.html"):
        parsed = Fetched()
        parsed.feed(page.read_text(encoding="utf-8"))
        assert [link for link in parsed.links if re.match(r"(https?:)?//", link)] == [], page
    theory = (tmp_path / "site" / "theory.html").read_text(encoding="utf-8")
    assert theory.count("<math") > 40
    assert "$" not in re.sub(r"<script.*?</script>|<style.*?</style>", "", theory, flags=re.DOTALL)
