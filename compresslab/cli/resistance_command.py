"""The command ``compresslab experiment resistance``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from compresslab._support.files import write_atomic
from compresslab._support.progress import working
from compresslab.cli.piped_arguments import RowsFolder
from compresslab.cli.report_commands import ReportTo, report_besides

__all__ = ["add_resistance_command"]


def add_resistance_command(
    experiment: typer.Typer, show: Callable[[RenderableType], None], show_json: Callable[[Any], None]
) -> None:
    """Add the command to ``experiment``; results are printed by ``show`` or by ``show_json``."""

    @experiment.command("resistance")
    def resistance(
        context: typer.Context,
        out: RowsFolder,
        preset: Annotated[
            str, typer.Option(help="demo (a minute), cpu (some 10 minutes on two cores) or gpu.")
        ] = "demo",
        data: Annotated[
            list[str] | None,
            typer.Option(
                "--data",
                metavar="SOURCE",
                help="Prompts and responses: a .jsonl (fields prompt, response), a .csv like TruthfulQA, any file (its "
                "lines, cut in two) or an embedded corpus. Several times for several.",
                show_default="embedded corpora",
            ),
        ] = None,
        model: Annotated[
            str | None, typer.Option(help="A size (35k, 96k, ... weights) to pre-train here, or smollm2, or a NAME.")
        ] = None,
        seeds: Annotated[int | None, typer.Option(help="Seeds, instead of the preset's; a sign test needs 6.")] = None,
        workers: Annotated[int | None, typer.Option(help="Processes of one thread each.", show_default="cores")] = None,
        so_far: Annotated[
            bool, typer.Option("--so-far", help="Train nothing: summarise the finished sources.")
        ] = False,
        report: ReportTo = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    ) -> None:
        """Train checkpoints back (inverse alignment) and forward: which is easier?"""
        from compresslab.experiments.pool import num_workers
        from compresslab.experiments.rebound.tables import markdown, sheets_view
        from compresslab.experiments.resistance.presets import resistance_preset
        from compresslab.experiments.resistance.run import finished_sources, resistance_record, run_resistance
        from compresslab.experiments.resistance.summary import summarise_resistance
        from compresslab.experiments.resistance.tables import resistance_findings, resistance_sheets
        from compresslab.experiments.rows import read_rows
        from compresslab.experiments.run_record import recorded_run
        from compresslab.experiments.spec import save_spec

        spec = resistance_preset(preset, model=model, data=data or (), seeds=seeds)
        if so_far:
            save_spec(out, resistance_record(spec))
            units = read_rows(out / "rows.jsonl")
            spec, rows = finished_sources(spec, units), [row for held in units.values() for row in held]
        else:
            options = {"data": data, "model": model, "seeds": seeds}
            with (
                recorded_run("resistance", preset, out, options),
                working(f"resistance, {preset}", quiet=quiet) as step,
            ):
                rows = run_resistance(spec, out, workers=num_workers(workers, spec.device), progress=step)
        summaries = summarise_resistance(spec, rows)
        findings = list(resistance_findings(summaries))
        write_atomic(out / "report.md", [markdown(findings, list(resistance_sheets(summaries))).encode()])
        if as_json:
            show_json({"folder": str(out), "findings": findings, "data": [asdict(one) for one in summaries]})
        else:
            show(sheets_view(findings, list(resistance_sheets(summaries, wide=False))))
        report_besides(context, out, report, quiet=quiet, as_json=as_json)
