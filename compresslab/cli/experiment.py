"""``compresslab experiment NAME``: every experiment is run, resumed, summarised and reported in the same way."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.files import write_atomic
from compresslab.cli.data_options import DataOptions, as_given
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import refuse
from compresslab.cli.output import ReportOutput
from compresslab.cli.piped_arguments import RowsFolder, stored_sources
from compresslab.cli.report import folder_page
from compresslab.cli.sinks import RowsFile
from compresslab.cli.spec_files import SpecFiles
from compresslab.errors import TimeLimitReached
from compresslab.experiments.experiment import findings_and_tables, finished, read_notes, run
from compresslab.experiments.pool import num_workers
from compresslab.experiments.registry import get_experiment
from compresslab.experiments.run_record import record_run
from compresslab.report.markdown import markdown
from compresslab.report.terminal import section_view

__all__ = ["command"]

Preset = Annotated[str, typer.Option(help="demo (minutes), cpu (some 10 to 20 minutes on two cores) or gpu.")]
RefereePreset = Annotated[
    str,
    typer.Option(
        help="demo (minutes), cpu (some 10 to 20 minutes on two cores), referee (new seeds, and neutral data) or gpu."
    ),
]
Gate = Annotated[
    float | None,
    typer.Option(
        metavar="NATS",
        help="Halve the learning rate, in a pilot, until all negative data takes a base no farther than this KL.",
        show_default="none",
    ),
]
RoleData = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="ROLE=SOURCE",
        help="Texts of pretrain, positive or negative: a file (of rows, or one response a line) or an embedded corpus "
        "(prose, code, names). Give all three roles; and neutral ones for a placebo, such as neutral=prose-backwards.",
        show_default="embedded corpora",
        callback=stored_sources,
    ),
]
PairData = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="Prompts and responses: a file of rows, a text (its lines, cut in two) or an embedded corpus. Several "
        "times for several.",
        show_default="embedded corpora",
        callback=stored_sources,
    ),
]
NeutralData = Annotated[
    list[str] | None,
    typer.Option(
        "--neutral",
        metavar="SOURCE",
        help="Pairs that no checkpoint has anything to do with, which two of them learn too; prose-backwards needs no "
        "file.",
        show_default="none",
        callback=stored_sources,
    ),
]
Model = Annotated[
    str | None, typer.Option(help="A size (7k to 3.9m weights) to pre-train here, or smollm2, or a NAME.")
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="Of the series of sizes; give several, rising.", show_default="preset's"),
]
Scale = Annotated[float | None, typer.Option(help="Of the paper's volumes; 0.2 in cpu.")]
Longest = Annotated[
    int | None, typer.Option(help="Bytes of an example at most; longer ones are left out.", show_default="preset's")
]
ChatTemplate = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="auto|tokenizer|none|FILE",
        help="Chat template of a --model of your own, as in rate.",
        show_default="auto",
    ),
]
Repeats = Annotated[
    str | None,
    typer.Option(
        help="Equal texts of a role: apart (one is taken, so that none is in two parts) or kept.",
        show_default="apart; embedded corpora: kept",
    ),
]


@dataclass(frozen=True)
class Running(RowsFile, SpecFiles):
    """How an experiment is run: the options that all experiments share."""

    seeds: Annotated[
        int | None, typer.Option(help="Number of seeds, instead of the preset's; a sign test needs 6.")
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes of one thread each; on GPUs as many at most as their memory holds.",
            show_default="cores, or GPUs",
        ),
    ] = None
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="tcp://HOST:PORT",
            help="Dask scheduler whose workers do the units, instead of processes here; all see the same folders.",
            show_default="none",
        ),
    ] = None
    so_far: Annotated[bool, typer.Option("--so-far", help="Train nothing: summarise what is finished.")] = False
    time_limit: Annotated[
        float | None,
        typer.Option(
            help="Seconds after which the run ends by itself, before a stage that would take longer; the same command "
            "goes on.",
            show_default="none",
        ),
    ] = None


command = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Run an experiment; killed at any point, it resumes."
)


@command.callback()
def _root() -> None:
    """Run an experiment; killed at any point, it resumes."""


def _perform(
    context: typer.Context, name: str, preset: str, out: Path, options: dict[str, Any], running: Running,
    output: ReportOutput,
) -> None:  # fmt: skip
    running.save(context)
    found = get_experiment(name)
    given = {option: value for option, value in options.items() if value is not None and value != ()}
    if running.seeds is not None:
        given["seeds"] = running.seeds
    spec = found.preset(preset, given)
    if running.so_far:
        spec, rows = finished(found, spec, out)
    else:
        spec = found.prepare(spec, out.absolute())
        if running.scheduler is not None:
            refuse(context, ("workers",), "of processes here, leave it out beside --scheduler, whose workers do all")
        processes = _processes(found, spec, running.workers)
        written = {("model" if option == "models" else option): value for option, value in given.items()}
        written |= as_given(written.pop("reading", ()))
        try:
            with output.working(f"{name}, {preset}") as step:
                rows = run(
                    found, spec, out, workers=processes, time_limit=running.time_limit, progress=step,
                    begin=lambda: record_run(name, preset, out, written), cluster=running.scheduler,
                )  # fmt: skip
        except TimeLimitReached as reached:
            print(f"compresslab: {reached}", file=sys.stderr)
            if output.json:
                output.show_json({"folder": str(out), "finished": False})
            return
    summary = found.summarise(spec, rows)
    notes = read_notes(out)
    said = findings_and_tables(found, spec, summary)
    write_atomic(out / "report.md", [markdown(said).encode()])
    read = {"read": notes} if notes else {}
    values = {"folder": str(out), "findings": said.lines, **read, **found.plain(spec, summary, rows)}
    running.write_rows(lambda: rows)
    output.show(values, lambda: section_view(findings_and_tables(found, spec, summary, wide=False)), notes)
    output.write(lambda: folder_page(context, out))


def _processes(experiment: Any, spec: Any, wanted: int | None) -> int:
    """Return how many processes to use; say so where fewer than were asked for fit onto the GPUs."""
    device = getattr(spec, "device", "cpu")
    need = experiment.gpu_bytes(spec) if device == "cuda" and wanted is not None and wanted > 1 else 0
    found = num_workers(wanted, device, need)
    if wanted is not None and found < wanted:
        print(
            f"compresslab: --workers {wanted} is more than the memory of the GPUs holds, at about {need / 1e9:.1f} GB "
            f"each: {found} are used",
            file=sys.stderr,
        )
    return found


@command.command("resistance")
@grouped
def resistance(
    context: typer.Context, out: RowsFolder, preset: RefereePreset = "demo", data: PairData = None,
    model: Model = None, *, neutral: NeutralData = None, reading: DataOptions, longest: Longest = None,
    template: ChatTemplate = None, running: Running, output: ReportOutput,
) -> None:  # fmt: skip
    """Train checkpoints back (inverse alignment) and forward: which is easier?"""
    options = {
        "data": data, "model": model, "neutral": neutral, "reading": reading.chosen, "longest": longest,
        "template": template,
    }  # fmt: skip
    _perform(context, "resistance", preset, out, options, running, output)


@command.command("rebound")
@grouped
def rebound(
    context: typer.Context, out: RowsFolder, preset: RefereePreset = "demo", data: RoleData = None,
    model: Model = None, *, reading: DataOptions, longest: Longest = None, repeats: Repeats = None,
    template: ChatTemplate = None, scale: Scale = None, gate: Gate = None, running: Running, output: ReportOutput,
) -> None:  # fmt: skip
    """Fine-tune on positive, then on negative data: how fast does a model fall back?"""
    options = {
        "data": data, "model": model, "scale": scale, "reading": reading.chosen, "longest": longest, "repeats": repeats,
        "template": template, "gate": gate,
    }  # fmt: skip
    _perform(context, "rebound", preset, out, options, running, output)


@command.command("scaling")
@grouped
def scaling(
    context: typer.Context, out: RowsFolder, preset: Preset = "demo", data: RoleData = None, model: Models = None, *,
    reading: DataOptions, longest: Longest = None, repeats: Repeats = None, template: ChatTemplate = None,
    running: Running, output: ReportOutput,
) -> None:  # fmt: skip
    """Measure rebound and effective depth against the size of a model and against its pre-training."""
    options = {
        "data": data, "models": model, "reading": reading.chosen, "longest": longest, "repeats": repeats,
        "template": template,
    }  # fmt: skip
    _perform(context, "scaling", preset, out, options, running, output)


@command.command("joint")
@grouped
def joint(
    context: typer.Context, out: RowsFolder, preset: Preset = "demo", *, running: Running, output: ReportOutput
) -> None:
    """Train networks on exact mixtures and hold their code lengths against the elasticity theorem."""
    _perform(context, "joint", preset, out, {}, running, output)


@command.command("effective-volumes")
@command.command("volumes", hidden=True)  # its name before 0.2
@grouped
def effective_volumes(
    context: typer.Context, out: RowsFolder, preset: Preset = "demo", *, running: Running, output: ReportOutput
) -> None:
    """Measure the effective volumes of networks: known mixtures come back, and late examples count for more."""
    _perform(context, "effective-volumes", preset, out, {}, running, output)
