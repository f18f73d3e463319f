"""The command behind ``make demo``: theory on real text, a small model probed, trained networks, and a page on all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from compresslab._support.piping import no_stream, output_folder
from compresslab._support.processes import process_pool
from compresslab._support.threads import workers
from compresslab.cli.grouped_options import grouped
from compresslab.cli.output import Output, arguments_of, print_view
from compresslab.data.corpora import default_scenario
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter, MissingExtra
from compresslab.experiments.experiment import findings_and_tables, run
from compresslab.experiments.joint.experiment import JOINT
from compresslab.experiments.joint.run import JointSpec
from compresslab.experiments.rows import Row, read_rows
from compresslab.measurements.demo_page import demo_page
from compresslab.measurements.elasticity import ElasticityResult, Scenarios, build_scenarios, measure_scenarios
from compresslab.measurements.elasticity_page import elasticity_page, elasticity_view
from compresslab.measurements.probe_tables import brief_view
from compresslab.measurements.tiny_page import tiny_table
from compresslab.probe.json_form import as_json
from compresslab.probe.result import PRECISION, ProbeResult
from compresslab.report.html import check_report_extra
from compresslab.report.provenance import provenance
from compresslab.report.terminal import section_view, table_view

if TYPE_CHECKING:
    from compresslab.measurements.demo import TinyRow

__all__ = ["command"]

_PARTS = (
    "Elasticity of the embedded corpora",
    "A small language model: what will fine-tuning undo, and what did it?",
    "Do trained networks follow the theory?",
)
_Show = Callable[[RenderableType], None]


@grouped
def command(
    context: typer.Context,
    report: Annotated[Path, typer.Option(help="Directory of report.html.")] = Path("demo-report"),
    joint: Annotated[Path, typer.Option(help="Folder of the networks' rows; finished ones are kept.")] = Path(
        "demo-joint"
    ),
    *,
    output: Output,
    first: Annotated[
        bool, typer.Option("--first", help="The first part alone: it needs no extra, and no page is written.")
    ] = False,
    rest: Annotated[
        bool, typer.Option("--rest", help="After --first: all parts, without showing the first one again.")
    ] = False,
) -> None:
    """Run it all on the embedded corpora: elasticity, a small model probed, trained networks; some minutes."""
    if first and rest:
        raise InvalidParameter("--first and --rest exclude each other: give one of them, or none to run all parts")
    speak: _Show = (lambda _: None) if output.json else print_view
    seconds: dict[str, float] = {}
    if first:
        with _part(1, speak, seconds):
            elasticity, _, _ = _measure(output)
            speak(elasticity_view(elasticity))
        if output.json:
            output.show_json({"elasticity": asdict(elasticity), "seconds": seconds})
        return
    check_report_extra(no_stream(report))
    output_folder(joint)
    check_models_extra()
    with _networks_begun(joint) as begun:
        with _part(1, (lambda _: None) if rest else speak, seconds):
            elasticity, built, sets = _measure(output)
            source = provenance(arguments_of(context), sets, seed=0, packages=("torch", "transformers"))
            page = elasticity_page(elasticity, built, source)
            if not rest:
                speak(elasticity_view(elasticity))
        with _part(2, speak, seconds):
            rows, probed, trained = _tiny(output, alone=begun is None)
            speak(table_view(tiny_table(rows)))
            speak(Text())
            speak(brief_view(probed))
            if not trained:
                speak(Text("The model was trained earlier and kept in the cache.", style="dim"))
        with _part(3, speak, seconds):
            spec, found, new = _joint(joint, begun, output)
            networks = JOINT.summarise(spec, found)
            speak(section_view(findings_and_tables(JOINT, spec, networks, wide=False)))
            if not new:
                speak(Text(f"The networks were trained earlier; their rows are in {joint}.", style="dim"))
    if output.json:
        output.show_json(
            {
                "elasticity": asdict(elasticity),
                "tiny": [asdict(row) for row in rows],
                "probe": as_json(probed, PRECISION),
                "joint": [asdict(summary) for summary in networks],
                "seconds": seconds,
            }
        )
    output.write_page(
        lambda: demo_page(page, rows, probed, JOINT.page(spec, networks, found, page.provenance), joint), report
    )


def check_models_extra() -> None:
    """Raise MissingExtra unless models can be trained here, before half of the demo is run."""
    import importlib.util

    if not all(importlib.util.find_spec(name) for name in ("torch", "transformers", "accelerate")):
        raise MissingExtra("the demo, which trains networks,", "lm")


@contextmanager
def _part(number: int, show: _Show, seconds: dict[str, float]) -> Iterator[None]:
    """Announce a part of the demo, and say how long it took."""
    title = _PARTS[number - 1]
    show(Text(f"{number} of {len(_PARTS)}. {title}\n", style="bold"))
    begun, worked = time.perf_counter(), _processor_seconds()
    yield
    seconds[title] = time.perf_counter() - begun
    show(Text(f"\n({seconds[title]:.0f} s; {_processor_seconds() - worked:.0f} s of processors)\n", style="dim"))


def _processor_seconds() -> float:
    """Return the processor time of this process and of those that it started and that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _measure(output: Output) -> tuple[ElasticityResult, Scenarios, list[Dataset]]:
    """Measure the default scenario; return also its trees and its datasets."""
    with output.working("reading") as step:
        scenario = default_scenario(progress=step)
    with output.working("measuring"):
        built = build_scenarios(scenario.pretrain, scenario.align, scenario.perturb)
        return measure_scenarios(built), built, [*scenario.pretrain.values(), scenario.align, scenario.perturb]


def _tiny(output: Output, *, alone: bool) -> tuple[list[TinyRow], ProbeResult, bool]:
    """Train the small model, or load the one that was kept, measure and probe it; tell also whether it was trained."""
    from compresslab.experiments.models.exact_training import one_thread
    from compresslab.lm.tiny import load_tiny
    from compresslab.measurements.demo import measure_tiny, probe_tiny

    steps = 0

    def count(done: int, total: int) -> None:
        nonlocal steps
        steps = done
        step(done, total)

    with nullcontext() if alone else one_thread():
        with output.working("training") as step:
            tiny = load_tiny(progress=count)
        with output.working("measuring"):
            rows = measure_tiny(tiny)
        with output.working("probing"):
            probed = probe_tiny(tiny)
    return rows, probed, steps > 0


@contextmanager
def _networks_begun(folder: Path) -> Iterator[Future[None] | None]:
    """Start to train the networks in another process if there is a second core, and if any are left to train.

    Networks and model are too small to gain from a second thread each, which on a busy machine costs more than it
    gains: side by side they take half the time.
    """
    if workers() < 2 or (folder / "rows.jsonl").exists():
        yield None
        return
    with process_pool(1) as pool:
        yield pool.submit(_train_networks, folder)


def _train_networks(folder: Path) -> None:
    """Train the networks, in the other process; the folder keeps their rows."""
    run(JOINT, JOINT.preset("demo", {}), folder)


def _joint(folder: Path, begun: Future[None] | None, output: Output) -> tuple[JointSpec, list[Row], bool]:
    """Train the networks of the preset ``demo`` that are not in the folder; return also whether there were any."""
    before = len(read_rows(folder / "rows.jsonl"))
    with output.working("training networks") as step:
        if begun:
            begun.result()
        spec = JOINT.preset("demo", {})
        rows = run(JOINT, spec, folder, workers=workers(), progress=step)
    return spec, rows, begun is not None or len(read_rows(folder / "rows.jsonl")) > before
