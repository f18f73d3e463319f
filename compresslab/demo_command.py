"""The command behind ``make demo``: the theory on real text, a small model, trained networks, and one page on all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from compresslab.corpora import default_scenario
from compresslab.errors import MissingExtra
from compresslab.jobs.elasticity import build_scenarios, measure_scenarios
from compresslab.report.demo_page import demo_page
from compresslab.report.elasticity_report import elasticity_page
from compresslab.report.joint_report import joint_page, read_joint
from compresslab.report.joint_view import joint_view
from compresslab.report.lm_tables import tiny_table
from compresslab.report.page import Page, check_report_extra, write_report
from compresslab.report.progress import working
from compresslab.report.provenance import provenance
from compresslab.report.tables import elasticity_view

if TYPE_CHECKING:
    from compresslab.experiments.run import JointResult
    from compresslab.jobs.lm_demo import TinyRow

__all__ = ["add_demo_command"]

_PARTS = 3
_Show = Callable[[RenderableType], None]


def add_demo_command(app: typer.Typer, show: _Show, show_json: Callable[[Any], None]) -> None:
    """Add ``demo`` to the command line; results are printed by ``show`` or by ``show_json``."""

    @app.command("demo")
    def demo(
        context: typer.Context,
        report: Annotated[Path, typer.Option(help="Directory of report.html.", callback=check_report_extra)] = Path(
            "demo-report"
        ),
        joint: Annotated[Path, typer.Option(help="Folder of the networks' rows; finished ones are kept.")] = Path(
            "demo-joint"
        ),
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    ) -> None:
        """Run it all on the embedded corpora: elasticity, a small language model, trained networks; some minutes."""
        check_models_extra()
        speak: _Show = (lambda _: None) if as_json else show
        arguments = list(context.obj or [])
        seconds: dict[str, float] = {}
        with _part(1, "Elasticity of the embedded corpora", speak, seconds):
            elasticity, page = _elasticity(arguments, quiet=quiet)
            speak(elasticity_view(elasticity))
        with _part(2, "A small language model, trained on the same corpora", speak, seconds):
            rows, trained = _tiny(quiet=quiet)
            speak(tiny_table(rows))
            if not trained:
                speak(Text("The model was trained earlier and kept in the cache.", style="dim"))
        with _part(3, "Do trained networks follow the theory?", speak, seconds):
            networks, new = _joint(joint, quiet=quiet)
            speak(joint_view(networks.summaries))
            if not new:
                speak(Text(f"The networks were trained earlier; their rows are in {joint}.", style="dim"))
        with working("writing the report", quiet=quiet):
            spec, found = read_joint(joint)
            written = write_report(demo_page(page, rows, joint_page(spec, found, page.provenance), joint), report)
        if as_json:
            show_json(
                {
                    "elasticity": asdict(elasticity),
                    "tiny": [asdict(row) for row in rows],
                    "joint": [asdict(summary) for summary in networks.summaries],
                    "seconds": seconds,
                }
            )
        print(f"Report: {written}", file=sys.stderr if as_json else sys.stdout)


def check_models_extra() -> None:
    """Raise MissingExtra unless models can be trained here, so that no half of the demo is run."""
    import importlib.util

    if not all(importlib.util.find_spec(name) for name in ("torch", "transformers", "accelerate")):
        raise MissingExtra("the demo, which trains networks,", "lm")


@contextmanager
def _part(number: int, title: str, show: _Show, seconds: dict[str, float]) -> Iterator[None]:
    """Announce a part of the demo, and say how long it took."""
    show(Text(f"{number} of {_PARTS}. {title}\n", style="bold"))
    begun, worked = time.perf_counter(), _processor_seconds()
    yield
    seconds[title] = time.perf_counter() - begun
    show(Text(f"\n({seconds[title]:.0f} s; {_processor_seconds() - worked:.0f} s of processors)\n", style="dim"))


def _processor_seconds() -> float:
    """Return the processor time of this process and of those that it started and that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _elasticity(arguments: list[str], *, quiet: bool) -> tuple[Any, Page]:
    """Measure the default scenario and put its page together."""
    with working("reading", quiet=quiet) as step:
        scenario = default_scenario(progress=step)
    with working("measuring", quiet=quiet):
        built = build_scenarios(scenario.pretrain, scenario.align, scenario.perturb)
        result = measure_scenarios(built)
        sets = [*scenario.pretrain.values(), scenario.align, scenario.perturb]
        source = provenance(arguments, sets, seed=0, packages=("torch", "transformers"))
        return result, elasticity_page(result, built, source)


def _tiny(*, quiet: bool) -> tuple[list[TinyRow], bool]:
    """Train the small model, or take it as it was kept, and measure it; return also whether it was trained now."""
    from compresslab.jobs.lm_demo import measure_tiny

    steps = 0
    with working("training", quiet=quiet) as step:

        def count(done: int, total: int) -> None:
            nonlocal steps
            steps = done
            step(done, total)

        rows = measure_tiny(progress=count)
    return rows, steps > 0


def _joint(folder: Path, *, quiet: bool) -> tuple[JointResult, bool]:
    """Train the networks of the preset ``demo`` that are not in the folder; return also whether there were any."""
    from compresslab.experiments.rows import read_rows
    from compresslab.experiments.run import run_joint_preset

    before = len(read_rows(folder / "rows.jsonl"))
    with working("training networks", quiet=quiet) as step:
        result = run_joint_preset(folder, "demo", progress=step)
    return result, len(read_rows(folder / "rows.jsonl")) > before
