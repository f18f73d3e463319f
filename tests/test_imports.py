"""What imports what: one direction, nothing heavy on import, and the tests of that are tested themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import compresslab

PACKAGE = Path(compresslab.__file__).parent

# The direction of imports: a module imports only modules before it in this list. Every module must be in it.
ORDER = """
    errors printable interrupts checks phrases divergence
    files arrays strings texts cache splitting stdlib_text token_lists hugging_face_tokenizer tokenizers
    errors interrupts checks phrases divergence
    files json_text arrays strings texts cache splitting stdlib_text token_lists hugging_face_tokenizer tokenizers
    readers dataset corpora
    threads processes jit kernels word_kernels merge_kernels runs coded bucketing layering doubling packed refining
    words compiled counting leaf_checks treefile
    scale scale.memory scale.token_files scale.spill scale.shards scale.merging scale.layers scale.parts scale.building
    scale.spilling
    distribution huffman codelength rate tree drawing sources mixture inverse elasticity pareto generators
    volumes effective_depth tail
    coding.leb128 coding.row_kernels coding.quantize coding.range_coder coding.flag_coder coding.row_model coding.stream
    coding.static_coder coding.huffman coding.tree_coder
    coding.bit_history coding.byte_kernels coding.byte_contexts coding.byte_model
    coding.clz_identity coding.clz_schema coding.clz_header coding.clz_format coding.chunk_model coding.clz_reader
    coding.container coding.crc_ranges coding.head_search coding.recovery coding
    scale.cluster scale.sweeping
    lm lm.windows lm.protocol lm.registry lm.journal lm.distributed lm.scoring lm.machine lm.coding
    lm.tree_model lm.tree_file
    lm.hugging_face lm.checkpoints lm.smollm2 lm.curriculum lm.whole lm.trainer lm.training lm.tiny
    lm lm.windows lm.protocol lm.registry lm.journal lm.distributed lm.scoring lm.coding lm.tree_model lm.tree_file
    lm.hugging_face lm.checkpoints lm.whole lm.smollm2 lm.curriculum lm.trainer lm.training lm.tiny
    testing.language_model testing.strategies testing
    experiments experiments.trie experiments.networks experiments.training experiments.rows experiments.spec
    experiments.pool experiments.texts experiments.dialogues experiments.style experiments.finetuning
    experiments.base_models
    experiments.measures experiments.phases experiments.depth experiments.rebound experiments.scaling
    experiments.joint experiments.slopes experiments.joint_summary experiments.presets experiments.tuning_presets
    experiments.rebound_summary experiments.scaling_summary experiments.tuning_run
    experiments.resistance experiments.resistance_presets experiments.resistance_summary
    experiments.effective experiments.effective_summary experiments.run experiments.commands
    jobs jobs.tree jobs.token_files jobs.rate jobs.elasticity jobs.lm_rate jobs.lm_compress jobs.lm_demo
    report report.safe_console report.progress report.sheet report.digits report.typeset report.tables
    report.lm_tables report.style
    report.provenance report.experiment_source report.ledger
    report.families report.curve_figures report.tree_figures report.model_figures report.sign_map
    report.effective_figures report.resistance_figures report.figures report.page
    report.page_parts report.pages report.elasticity_report report.rebound_view report.joint_view report.joint_report
    report.effective_view report.effective_report
    report.scaling_view report.rebound_report report.scaling_report
    report.resistance_view report.resistance_report report.lm_pages report.demo_page
    report_commands
    model_commands coding_commands tuning_commands resistance_command experiment_commands demo_command
    cli __main__
""".split()  # noqa: SIM905 - a list of lines is easier to read and to change

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
    wrong = [f"{name} is not in the list" for name in modules if name not in place]
    wrong += [f"{name} is in the list and not in the package" for name in order if name not in modules]
    for name, path in modules.items():
        for other in sorted(imports_of(path, set(modules), root)):
            if name in place and other in place and place[other] >= place[name]:
                wrong.append(f"{name} imports {other}")
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
    order = ["low", "high", "sub", "sub.top"]
    assert violations(package, order, "pkg") == []
    assert violations(package, order[:-1], "pkg") == ["sub.top is not in the list"]
    assert violations(package, [*order, "gone"], "pkg") == ["gone is in the list and not in the package"]
    planted = {
        "from pkg.high import y": "low imports high",
        "import pkg.sub.top": "low imports sub.top",
        "def f():\n    from pkg import high": "low imports high",
        "from pkg.sub import top as t": "low imports sub",
        "if True:\n    import pkg.low": "low imports low",
    }
    for code, message in planted.items():
        (package / "low.py").write_text(code + "\n")
        assert message in violations(package, order, "pkg"), code
    (package / "low.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pkg.high\n")
    assert violations(package, order, "pkg") == []


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
        if "__all__" not in assigned and name not in ("__main__", "experiments", "jobs", "lm", "report", "scale"):
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
