"""What imports what: one direction, nothing heavy on import, and the tests of that are tested themselves."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

import compresslab

PACKAGE = Path(compresslab.__file__).parent

# The order of the packages is the order of the paper, then what makes it real, then what a person runs and sees: a
# package imports only those before it. Within a package, imports make no circle.
ORDER = (  # noqa: SIM905
    "errors _support data trees theory coding lm probe testing report experiments audit measurements cli __main__"
).split()

# What ``import compresslab`` must not load, and what reading the first public names may not load either.
HEAVY = ("torch", "transformers", "sympy", "constriction", "matplotlib", "rich", "typer", "scipy", "pyarrow", "numba")


def modules_of(package: Path) -> dict[str, Path]:
    """Every module of a package by its dotted name below it; the package's own ``__init__`` is left out."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = path
    return found


def imports_of(path: Path, known: set[str], root: str) -> set[str]:
    """The modules of ``root`` that a file imports, wherever in the file, those for type checkers excepted."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            named = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        else:
            continue
        inside = [name.removeprefix(f"{root}.") for name in named if name.startswith(f"{root}.")]
        found |= {name for name in inside if name in known}
    return found


def violations(package: Path, order: list[str], root: str = "compresslab") -> list[str]:
    """What breaks the direction of imports, in words."""
    modules, place = modules_of(package), {name: i for i, name in enumerate(order)}
    tops = {name.split(".")[0] for name in modules}
    wrong = [f"{name} is not in the list" for name in sorted(tops - set(order))]
    wrong += [f"{name} is in the list and not in the package" for name in order if name not in tops]
    # A package's own __init__ is loaded with each of its modules, and may gather them.
    inside = {
        name: {other for other in imports_of(path, set(modules), root) if not name.startswith(f"{other}.")}
        for name, path in modules.items()
    }
    for name, others in inside.items():
        for other in sorted(others):
            above, below = name.split(".")[0], other.split(".")[0]
            if above != below and place.get(below, -1) >= place.get(above, len(order)):
                wrong.append(f"{name} imports {other}")
    try:
        graphlib.TopologicalSorter(inside).prepare()
    except graphlib.CycleError as error:
        wrong.append(f"a circle: {' - '.join(error.args[1])}")
    return wrong


def test_imports_go_one_way() -> None:
    assert len(set(ORDER)) == len(ORDER)
    assert violations(PACKAGE, ORDER) == []


def test_a_planted_wrong_import_is_caught(tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    (package / "sub").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "sub" / "__init__.py").write_text("")
    (package / "low.py").write_text("import os\n")
    (package / "high.py").write_text("from pkg.low import x\n")
    (package / "sub" / "top.py").write_text("from pkg import high\nimport pkg.low\n")
    order = ["low", "high", "sub"]
    assert violations(package, order, "pkg") == []
    assert violations(package, order[:-1], "pkg") == ["sub is not in the list"]
    assert violations(package, [*order, "gone"], "pkg") == ["gone is in the list and not in the package"]
    planted = {
        "from pkg.high import y": "low imports high",
        "import pkg.sub.top": "low imports sub.top",
        "def f():\n    from pkg import high": "low imports high",
        "from pkg.sub import top as t": "low imports sub.top",
        "if True:\n    import pkg.low": "a circle: low - low",
    }
    for code, message in planted.items():
        (package / "low.py").write_text(code + "\n")
        assert message in violations(package, order, "pkg"), code
    (package / "low.py").write_text("import os\n")
    (package / "sub" / "other.py").write_text("from pkg.sub import top\n")
    assert violations(package, order, "pkg") == []
    (package / "sub" / "top.py").write_text("def f():\n    import pkg.sub.other\n")
    (circle,) = violations(package, order, "pkg")
    assert circle.startswith("a circle: ")
    (package / "sub" / "top.py").write_text("from pkg import high\n")
    (package / "low.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pkg.high\n")
    assert violations(package, order, "pkg") == []


# What a reader of theory/ meets: arithmetic, and the trees that it is about; no kernel, file, process or command.
READ = "__future__ collections dataclasses fractions functools itertools math typing numpy scipy".split()  # noqa: SIM905
OURS = ("errors", "theory", "trees", "data.dataset", "_support.arrays", "_support.checks")


def beyond_theory(path: Path) -> set[str]:
    """The modules that a file imports, wherever in the file, beside those that a reader of the theory knows."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    ours = tuple(f"compresslab.{name}" for name in OURS)
    known = {name for name in named if name.split(".")[0] in READ or name in ours or name.startswith(ours[1:3])}
    calls = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return (named - known) | (calls & {"open", "print", "input", "exec", "eval"})


@pytest.mark.parametrize("path", sorted((PACKAGE / "theory").glob("*.py")), ids=lambda path: path.stem)
def test_theory_is_read_without_kernels_files_processes_and_commands(path: Path) -> None:
    assert beyond_theory(path) == set()


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from numba import njit", "numba"),
        ("def f():\n    import pathlib", "pathlib"),
        ("from compresslab._support.files import open_file", "compresslab._support.files"),
        ("from compresslab.cli.output import Output", "compresslab.cli.output"),
        ("open('a.txt')", "open"),
    ],
)
def test_a_planted_import_in_theory_is_caught(tmp_path: Path, code: str, found: str) -> None:
    (tmp_path / "planted.py").write_text(f"import math\nfrom compresslab.trees.tree import TokenTree\n{code}\n")
    assert beyond_theory(tmp_path / "planted.py") == {found}


def loaded_by(code: str, path: Path) -> set[str]:
    """The top-level modules that are loaded after some code ran in a fresh interpreter."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*{{m.split('.')[0] for m in sys.modules}})"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=path, timeout=120, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("import compresslab", PACKAGE.parent)
    assert "compresslab" in loaded
    assert not loaded & {*HEAVY, "tokenizers"}


@pytest.mark.parametrize(
    "use",
    [
        "compresslab.Dataset.from_texts(['to be'])",
        "compresslab.TokenTree.build(compresslab.Dataset.from_texts(['to be']), 2).leaves().keys",
        "compresslab.Elasticity.contained([1, 0, 0], [0, 1, 0], [0, 0, 1], 8).derivatives([0.1])",
        "compresslab.Mixture({'a': [0.5, 0.5]}, {'a': 1}).jacobian_nats()",
        "compresslab.huffman_code_length_bits([0.5, 0.5])",
    ],
)
def test_small_work_loads_nothing_heavy(use: str) -> None:
    assert not loaded_by(f"import compresslab\n{use}", PACKAGE.parent) & set(HEAVY)


def test_help_loads_no_command() -> None:
    loaded = loaded_by("import compresslab.cli.main", PACKAGE.parent)
    assert "typer" in loaded
    assert not loaded & {*HEAVY, "numpy"} - {"typer", "rich"}


def test_commands_load_no_compiler() -> None:
    every = "from compresslab.cli.main import COMMANDS, load_command\nfor name in COMMANDS:\n    load_command(name)"
    assert not loaded_by(every, PACKAGE.parent) & {"numba", "torch", "transformers", "sympy", "matplotlib"}


def test_a_planted_heavy_import_is_caught(tmp_path: Path) -> None:
    """The check above must be able to fail: here is a package that loads one of them."""
    (tmp_path / "compresslab").mkdir()
    (tmp_path / "compresslab" / "__init__.py").write_text("def f():\n    import scipy.optimize\nf()\n")
    assert loaded_by("import compresslab", tmp_path) & set(HEAVY) == {"scipy"}


def test_public_names() -> None:
    """Every public name can be had, is listed by ``dir``, and an unknown one is an AttributeError."""
    for name in compresslab.__all__:
        assert getattr(compresslab, name) is not None
    assert set(compresslab.__all__) <= set(dir(compresslab))
    assert list(compresslab.__all__) == sorted(compresslab.__all__)
    assert set(compresslab._HOME) == set(compresslab.__all__) - {"__version__"}
    with pytest.raises(AttributeError, match="module 'compresslab' has no attribute 'Datasets'"):
        _ = compresslab.Datasets


def test_every_module_names_what_is_public() -> None:
    missing = []
    for name, path in modules_of(PACKAGE).items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assigned = {ast.unparse(t) for node in tree.body if isinstance(node, ast.Assign) for t in node.targets}
        if "__all__" not in assigned and name != "__main__" and path.name != "__init__.py":
            missing.append(name)
    assert missing == []


def test_import_time() -> None:
    """Under 0.3 s, the best of several runs, interpreter start not counted."""
    code = "import time; t = time.perf_counter(); import compresslab; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    times = []
    for _ in range(7):
        done = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
        times.append(float(done.stdout))
        if times[-1] < 0.3:
            break
        time.sleep(0.2)
    assert min(times) < 0.3, times


def test_the_strategies_name_their_extra_where_hypothesis_is_missing() -> None:
    """And the laws of a language model need nothing but the core."""
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import compresslab.testing\n"
        "try:\n    import compresslab.testing.strategies\n"
        "except compresslab.errors.MissingExtra as error:\n    print(error.extra)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout == "testing\n"
