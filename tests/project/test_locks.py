"""The locks: every dependency but torch, for every supported Python, with hashes, and nothing of one machine."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

packaging = pytest.importorskip("packaging.requirements", reason="needs packaging, which pytest brings")

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if re.fullmatch(r".*Python :: 3\.\d+", c)]
HOLDS = {
    "core": (), "demo": ("lm", "report"), "test": ("dev",), "docs": ("docs",), "bench": ("bench",), "oldest": ("dev",),
}  # fmt: skip
LOCKS = [*(ROOT / "locks" / python / f"{name}.txt" for python in PYTHONS for name in HOLDS), ROOT / "locks/smollm2.txt"]


def pins(lock: Path) -> dict[str, set[str]]:
    """The versions that a lock pins; more than one where they differ between systems."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), flags=re.MULTILINE):
        found.setdefault(_normalised(name), set()).add(version)
    return found


def direct(extras: tuple[str, ...]) -> list[packaging.Requirement]:
    """What pyproject.toml asks for by itself and by the extras, those that are named within others too."""
    found = []
    for line in sum((PROJECT["optional-dependencies"][extra] for extra in extras), list(PROJECT["dependencies"])):
        need = packaging.Requirement(line)
        found += direct(tuple(need.extras)) if need.name == "compresslab" else [need]
    return found


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_supported_python_has_every_lock() -> None:
    assert PYTHONS == ["3.11", "3.12", "3.13"]
    assert [str(lock) for lock in LOCKS if not lock.is_file()] == []
    assert sorted(path.name for path in (ROOT / "locks").iterdir() if path.is_dir()) == PYTHONS


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: f"{lock.parent.name}/{lock.stem}")
def test_a_lock_pins_by_hash_and_names_no_place(lock: Path) -> None:
    text = lock.read_text()
    for entry in re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip()):
        assert re.match(r"[\w.-]+==[\w.!]+( ; [^\\]+)? \\\n", entry), entry  # no local version either
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert not re.search(r"://|--index|--find-links|\+cpu|file:|^-e", text, flags=re.MULTILINE)
    assert not {"torch", "triton", "llm", "llama-cpp-python"} & pins(lock).keys()
    assert not [name for name in pins(lock) if name.startswith(("nvidia", "cuda"))]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", HOLDS)
def test_a_lock_holds_what_pyproject_asks_for(python: str, name: str) -> None:
    held = pins(ROOT / "locks" / python / f"{name}.txt")
    for need in direct(HOLDS[name]):
        if need.name != "torch":
            assert all(need.specifier.contains(version) for version in held[_normalised(need.name)]), need


@pytest.mark.parametrize("python", PYTHONS)
def test_smaller_locks_are_cut_out_of_one(python: str) -> None:
    together: dict[str, set[str]] = {}
    for name in HOLDS.keys() - {"oldest"}:
        for package, versions in pins(ROOT / "locks" / python / f"{name}.txt").items():
            assert together.setdefault(package, versions) == versions


@pytest.mark.parametrize("python", PYTHONS)
def test_the_oldest_lock_holds_the_lower_bounds(python: str) -> None:
    held = pins(ROOT / "locks" / python / "oldest.txt")
    for need in direct(()) + direct(("lm", "proofs", "report", "scale")):
        bound = re.search(r">=([\d.]+)", str(need.specifier))
        if bound and need.name != "torch":
            (version,) = held[_normalised(need.name)]
            assert re.sub(r"(\.0)+$", "", version).startswith(re.sub(r"(\.0)+$", "", bound[1])), need


def test_what_torch_needs_is_locked() -> None:
    try:
        asked = requires("torch") or []
    except PackageNotFoundError:
        pytest.skip("needs the extra 'lm'")
    needs = [packaging.Requirement(line) for line in asked]
    names = {_normalised(n.name) for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})}
    names = {name for name in names if not name.startswith(("nvidia", "cuda", "triton"))}
    listed = (ROOT / "locks/torch-needs.in").read_text()
    assert names <= {_normalised(name) for name in re.findall(r"^([\w.-]+)", listed, flags=re.MULTILINE)}


def test_smollm2_compiles_nothing() -> None:
    assert {str(need) for need in direct(("smollm2",))} == {str(need) for need in direct(()) + direct(("lm",))}
