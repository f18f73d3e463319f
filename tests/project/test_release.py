"""The release: what is built holds everything, installs alone, and says by name which extra the rest needs.

Building needs the package index for the build's own tools, and minutes: it runs where ``COMPRESSLAB_RELEASE`` is set.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import compresslab

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
release = pytest.mark.skipif(
    "COMPRESSLAB_RELEASE" not in os.environ, reason="set COMPRESSLAB_RELEASE=1 to build and install"
)


def test_the_version_is_the_same_everywhere() -> None:
    assert f"\nversion: {compresslab.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {compresslab.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_names_the_paper() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for field in ("cff-version: 1.2.0", "message:", "title:", "authors:", "license: Apache-2.0", "arXiv:2406.06144"):
        assert field in text


def test_contributing_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = set(
        re.findall(r"^make ([a-z]+)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert {"test", "demo", "docs"} <= named <= targets


def run(*command: object, cwd: Path) -> str:
    # Builders and installers warn of what is theirs.
    ours = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONWARNINGS"}
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, cwd=cwd, env=clean)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    made = "import sys; from setuptools import build_meta as b; print(b.build_sdist(sys.argv[1]))"
    run(sys.executable, "-c", made, folder, cwd=ROOT)
    return folder


@pytest.mark.slow
@release
def test_the_wheel_holds_what_the_package_holds(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {str(path.relative_to(ROOT)) for path in (ROOT / "compresslab").rglob("*.py")}
    wanted |= {f"compresslab/report/templates/{name}" for name in ("report.html.j2", "report.css", "explorer.js")}
    wanted |= {"compresslab/py.typed", "compresslab/proofs/ledger.json", "compresslab/proofs/coq/claims.json"}
    assert wanted <= held
    assert not [name for name in held if name.startswith(("tests/", "docs/", "proofs/", "examples/"))]


@pytest.mark.slow
@release
def test_the_sdist_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, source, cwd=tmp_path)
    (again,), (first,) = tmp_path.glob("*.whl"), built.glob("*.whl")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(first).namelist())
    held = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    for folder in ("benchmarks", "docs", "examples", "tests"):
        kept = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        assert {str(path.relative_to(ROOT)) for path in kept} <= held
    assert {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "constraints.txt"} <= held


@pytest.mark.slow
@release
def test_the_core_alone_runs_and_names_the_extra_that_is_missing(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=tmp_path)
    (tmp_path / "a.txt").write_text("to be\nor not to be\n")
    command = tmp_path / "env" / "bin" / "compresslab"
    assert compresslab.__version__ in run(command, "--version", cwd=tmp_path)
    assert "bits per byte" in run(command, "rate", "a.txt", cwd=tmp_path)
    assert "EOS" in run(command, "tree", "a.txt", cwd=tmp_path)
    done = subprocess.run(
        [command, "rate", "a.txt", "--report", "out"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "pip install 'compresslab[report]'" in done.stderr


@pytest.mark.slow
@release
@pytest.mark.parametrize(
    ("extra", "command", "printed"),
    [
        ("report", "rate a.txt --report out", "Report: "),
        ("proofs", "prove conservation-law", "PROVED"),
        ("scale", "tree --tokens t.bin", "Token tree of t.bin"),
        ("lm", "rate a.txt --tokenizer hf:.", ""),  # there is none here, but it is looked for
    ],
)
def test_an_extra_alone_brings_what_its_commands_need(
    built: Path, tmp_path: Path, extra: str, command: str, printed: str
) -> None:
    (wheel,) = built.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt"]
    run(*install, f"{wheel}[{extra}]", cwd=tmp_path)
    (tmp_path / "a.txt").write_text("to be\nor not to be\n")
    (tmp_path / "t.bin").write_bytes(bytes(range(200)))
    done = subprocess.run(
        [tmp_path / "env" / "bin" / "compresslab", *command.split()],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert "optional extra" not in done.stderr
    if extra == "lm":
        run(python, "-c", "import torch, transformers, accelerate; import compresslab.lm.trainer", cwd=tmp_path)
    else:
        assert done.returncode == 0, done.stderr
        assert printed in done.stdout
    if extra == "report":
        assert (tmp_path / "out" / "report.html").is_file()
