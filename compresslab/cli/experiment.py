"""``compresslab experiment NAME``: every experiment is run, resumed, summarised and reported in the same way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from compresslab._support.files import write_atomic
from compresslab._support.progress import working
from compresslab.cli.data_options import (
    DataFormat,
    Field,
    PromptField,
    ResponseField,
    SkipMissing,
    Where,
    as_given,
    chosen_data,
)
from compresslab.cli.options import Encoding
from compresslab.cli.piped_arguments import RowsFolder, stored_sources
from compresslab.cli.reading import with_notes
from compresslab.cli.report import ReportTo, report_besides
from compresslab.errors import TimeLimitReached

__all__ = ["add_experiment_command"]

Preset = Annotated[str, typer.Option(help="demo (minutes), cpu (some 10 to 20 minutes on two cores) or gpu.")]
RoleData = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="ROLE=SOURCE",
        help="Texts of pretrain, positive or negative: a file (of rows, or one response a line) or an embedded corpus "
        "(prose, code, names). Give all three roles.",
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
Model = Annotated[
    str | None, typer.Option(help="A size (7k to 3.9m weights) to pre-train here, or smollm2, or a NAME.")
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="Of the series of sizes; give several, rising.", show_default="preset's"),
]
Scale = Annotated[float | None, typer.Option(help="Of the paper's volumes; 0.2 in cpu.")]
Seeds = Annotated[int | None, typer.Option(help="Number of seeds, instead of the preset's; a sign test needs 6.")]
Workers = Annotated[int | None, typer.Option(help="Processes of one thread each.", show_default="cores")]
SoFar = Annotated[bool, typer.Option("--so-far", help="Train nothing: summarise what is finished.")]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        help="Seconds after which the run ends by itself, before a stage that would take longer; the same command "
        "goes on.",
        show_default="none",
    ),
]
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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]

Show = Callable[[RenderableType], None]


@dataclass(frozen=True)
class Output:
    """Where results go: what the commands share."""

    context: typer.Context
    report: Path | None
    as_json: bool
    quiet: bool


def add_experiment_command(app: typer.Typer, show: Show, show_json: Callable[[Any], None]) -> None:
    """Add ``experiment`` to the command line; results are printed by ``show`` or by ``show_json``."""
    experiment = typer.Typer(no_args_is_help=True, help="Run an experiment; killed at any point, it resumes.")
    app.add_typer(experiment, name="experiment")

    @experiment.callback()
    def _root() -> None:
        """Run an experiment; killed at any point, it resumes."""

    def perform(
        name: str, preset: str, out: Path, options: dict[str, Any], workers: int | None, so_far: bool,
        time_limit: float | None, output: Output,
    ) -> None:  # fmt: skip
        from compresslab.experiments.experiment import finished, read_notes, run
        from compresslab.experiments.pool import num_workers
        from compresslab.experiments.registry import get_experiment
        from compresslab.experiments.run_record import record_run
        from compresslab.report.findings import findings_view, markdown

        found = get_experiment(name)
        given = {option: value for option, value in options.items() if value is not None and value != ()}
        spec = found.preset(preset, given)
        if so_far:
            spec, rows = finished(found, spec, out)
        else:
            processes = num_workers(workers, getattr(spec, "device", "cpu"))
            written = {("model" if option == "models" else option): value for option, value in given.items()}
            written |= as_given(written.pop("reading", ()))
            try:
                with working(f"{name}, {preset}", quiet=output.quiet) as step:
                    rows = run(
                        found, spec, out, workers=processes, time_limit=time_limit, progress=step,
                        begin=lambda: record_run(name, preset, out, written),
                    )  # fmt: skip
            except TimeLimitReached as reached:
                print(f"compresslab: {reached}", file=sys.stderr)
                if output.as_json:
                    show_json({"folder": str(out), "finished": False})
                return
        summary = found.summarise(spec, rows)
        findings = list(found.findings(spec, summary))
        notes = read_notes(out)
        write_atomic(out / "report.md", [markdown(findings, list(found.tables(spec, summary, True))).encode()])
        if output.as_json:
            read = {"read": notes} if notes else {}
            show_json({"folder": str(out), "findings": findings, **read, **found.plain(spec, summary, rows)})
        else:
            show(with_notes(findings_view(findings, list(found.tables(spec, summary, False))), notes))
        report_besides(output.context, out, output.report, quiet=output.quiet, as_json=output.as_json)

    @experiment.command("resistance")
    def resistance(
        context: typer.Context, out: RowsFolder, preset: Preset = "demo", data: PairData = None, model: Model = None,
        format: DataFormat = None, field: Field = None, prompt_field: PromptField = None,
        response_field: ResponseField = None, where: Where = None, skip_missing: SkipMissing = False,
        encoding: Encoding = "utf-8", longest: Longest = None, template: ChatTemplate = None,
        seeds: Seeds = None, workers: Workers = None, so_far: SoFar = False, time_limit: TimeLimit = None,
        report: ReportTo = None, as_json: AsJson = False, quiet: Quiet = False,
    ) -> None:  # fmt: skip
        """Train checkpoints back (inverse alignment) and forward: which is easier?"""
        reading = chosen_data(context)
        options = {
            "data": data, "model": model, "seeds": seeds, "reading": reading, "longest": longest, "template": template,
        }  # fmt: skip
        output = Output(context, report, as_json, quiet)
        perform("resistance", preset, out, options, workers, so_far, time_limit, output)

    @experiment.command("rebound")
    def rebound(
        context: typer.Context, out: RowsFolder, preset: Preset = "demo", data: RoleData = None, model: Model = None,
        format: DataFormat = None, field: Field = None, prompt_field: PromptField = None,
        response_field: ResponseField = None, where: Where = None, skip_missing: SkipMissing = False,
        encoding: Encoding = "utf-8", longest: Longest = None, repeats: Repeats = None,
        scale: Scale = None, seeds: Seeds = None, workers: Workers = None, so_far: SoFar = False,
        time_limit: TimeLimit = None, report: ReportTo = None, as_json: AsJson = False, quiet: Quiet = False,
    ) -> None:  # fmt: skip
        """Fine-tune on positive, then on negative data: how fast does a model fall back?"""
        reading = chosen_data(context)
        options = {
            "data": data, "model": model, "scale": scale, "seeds": seeds, "reading": reading, "longest": longest,
            "repeats": repeats,
        }  # fmt: skip
        output = Output(context, report, as_json, quiet)
        perform("rebound", preset, out, options, workers, so_far, time_limit, output)

    @experiment.command("scaling")
    def scaling(
        context: typer.Context, out: RowsFolder, preset: Preset = "demo", data: RoleData = None, model: Models = None,
        format: DataFormat = None, field: Field = None, prompt_field: PromptField = None,
        response_field: ResponseField = None, where: Where = None, skip_missing: SkipMissing = False,
        encoding: Encoding = "utf-8", longest: Longest = None, repeats: Repeats = None,
        seeds: Seeds = None, workers: Workers = None, so_far: SoFar = False, time_limit: TimeLimit = None,
        report: ReportTo = None, as_json: AsJson = False, quiet: Quiet = False,
    ) -> None:  # fmt: skip
        """Measure rebound and effective depth against the size of a model and against its pre-training."""
        reading = chosen_data(context)
        options = {
            "data": data, "models": model, "seeds": seeds, "reading": reading, "longest": longest, "repeats": repeats,
        }  # fmt: skip
        output = Output(context, report, as_json, quiet)
        perform("scaling", preset, out, options, workers, so_far, time_limit, output)

    @experiment.command("joint")
    def joint(
        context: typer.Context, out: RowsFolder, preset: Preset = "demo", seeds: Seeds = None, workers: Workers = None,
        so_far: SoFar = False, time_limit: TimeLimit = None, report: ReportTo = None, as_json: AsJson = False,
        quiet: Quiet = False,
    ) -> None:  # fmt: skip
        """Train networks on exact mixtures and hold their code lengths against the elasticity theorem."""
        output = Output(context, report, as_json, quiet)
        perform("joint", preset, out, {"seeds": seeds}, workers, so_far, time_limit, output)

    @experiment.command("effective-volumes")
    @experiment.command("volumes", hidden=True)  # its name before 0.2
    def effective_volumes(
        context: typer.Context, out: RowsFolder, preset: Preset = "demo", seeds: Seeds = None, workers: Workers = None,
        so_far: SoFar = False, time_limit: TimeLimit = None, report: ReportTo = None, as_json: AsJson = False,
        quiet: Quiet = False,
    ) -> None:  # fmt: skip
        """Measure the effective volumes of networks: known mixtures come back, and late examples count for more."""
        output = Output(context, report, as_json, quiet)
        perform("effective-volumes", preset, out, {"seeds": seeds}, workers, so_far, time_limit, output)
