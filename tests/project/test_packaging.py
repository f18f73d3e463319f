"""What is installed is what is here: packages, extras, and the names that the package promises."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import compresslab

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_named_in_the_metadata() -> None:
    here = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "compresslab").rglob("__init__.py")}
    named = set(PROJECT["tool"]["setuptools"]["packages"])
    folders = PROJECT["tool"]["setuptools"].get("package-dir", {})
    assert named - set(folders) == here
    assert all((ROOT / folder / "__init__.py").is_file() for folder in folders.values())


def test_every_extra_that_an_error_names_exists() -> None:
    sources = [path.read_text() for path in (ROOT / "compresslab").rglob("*.py")]
    named = {extra for source in sources for extra in re.findall(r'MissingExtra\([^()]*, "(\w+)"\)', source)}
    assert named
    assert named <= set(PROJECT["project"]["optional-dependencies"])


def test_the_version_is_stated_once() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "compresslab.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", compresslab.__version__)


@pytest.mark.parametrize("name", compresslab.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(compresslab, name)
    assert name in dir(compresslab)
    if name != "__version__":
        assert value.__doc__
        home = importlib.import_module(value.__module__)
        assert name in home.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'compresslab' has no attribute 'Tree'"):
        compresslab.Tree  # noqa: B018


def test_the_readmes_code_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert blocks
    (tmp_path / "readme.py").write_text("\n".join(blocks))
    subprocess.run([sys.executable, "-W", "error", str(tmp_path / "readme.py")], check=True, cwd=ROOT,
                   env={"PYTHONPATH": str(ROOT), "PATH": ""})  # fmt: skip
