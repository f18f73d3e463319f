"""The commands that run experiments: ``compresslab experiment`` and its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from compresslab._support.files import write_atomic
from compresslab._support.progress import working
from compresslab.cli.piped_arguments import RowsFolder
from compresslab.cli.report_commands import ReportTo, report_besides
from compresslab.cli.resistance_command import add_resistance_command
from compresslab.cli.tuning_commands import add_tuning_commands

__all__ = ["add_experiment_commands"]


def add_experiment_commands(
    app: typer.Typer, show: Callable[[RenderableType], None], show_json: Callable[[Any], None]
) -> None:
    """Add ``experiment`` to the command line; results are printed by ``show`` or by ``show_json``."""
    experiment = typer.Typer(no_args_is_help=True, help="Run an experiment; killed at any point, it resumes.")
    app.add_typer(experiment, name="experiment")

    @experiment.callback()
    def _root() -> None:
        """Run an experiment; killed at any point, it resumes."""

    add_resistance_command(experiment, show, show_json)
    add_tuning_commands(experiment, show, show_json)

    @experiment.command("joint")
    def joint(
        context: typer.Context,
        out: RowsFolder,
        preset: Annotated[str, typer.Option(help="demo (minutes), cpu (some 20 minutes) or gpu.")] = "demo",
        seeds: Annotated[int | None, typer.Option(help="Seeds of every arm, instead of the preset's.")] = None,
        workers: Annotated[int | None, typer.Option(help="Processes of one thread each.", show_default="cores")] = None,
        so_far: Annotated[bool, typer.Option("--so-far", help="Train nothing: summarise the finished arms.")] = False,
        report: ReportTo = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    ) -> None:
        """Train networks on exact mixtures and hold their code lengths against the elasticity theorem."""
        from compresslab.experiments.joint.tables import joint_markdown, joint_view
        from compresslab.experiments.run import run_joint_preset
        from compresslab.experiments.run_record import recorded_run

        with recorded_run("joint", preset, out, {"seeds": seeds}), working(f"joint, {preset}", quiet=quiet) as step:
            result = run_joint_preset(out, preset, seeds=seeds, workers=workers, so_far=so_far, progress=step)
        write_atomic(out / "report.md", [joint_markdown(result.summaries).encode()])
        if as_json:
            show_json({"folder": str(result.folder), "arms": [asdict(summary) for summary in result.summaries]})
        else:
            show(joint_view(result.summaries))
        report_besides(context, out, report, quiet=quiet, as_json=as_json)

    @experiment.command("volumes")
    def volumes(
        context: typer.Context,
        out: RowsFolder,
        preset: Annotated[str, typer.Option(help="demo, cpu or gpu.")] = "demo",
        seeds: Annotated[int | None, typer.Option(help="Seeds, instead of the preset's.")] = None,
        workers: Annotated[int | None, typer.Option(help="Processes of one thread each.", show_default="cores")] = None,
        report: ReportTo = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    ) -> None:
        """Measure the effective volumes of networks: known mixtures come back, and late examples count for more."""
        from compresslab.experiments.effective_volumes.summary import summarise_effective
        from compresslab.experiments.effective_volumes.tables import effective_findings, effective_markdown
        from compresslab.experiments.run import run_effective_preset
        from compresslab.experiments.run_record import recorded_run

        with recorded_run("volumes", preset, out, {"seeds": seeds}), working(f"volumes, {preset}", quiet=quiet) as step:
            spec, rows = run_effective_preset(out, preset, seeds=seeds, workers=workers, progress=step)
        write_atomic(out / "report.md", [effective_markdown(spec, rows).encode()])
        if as_json:
            show_json({"folder": str(out), "rows": rows})
        else:
            lines = [*effective_findings(spec, summarise_effective(spec, rows)), f"Tables: {out / 'report.md'}"]
            show(Group(*(Text(f"- {line}") for line in lines)))
        report_besides(context, out, report, quiet=quiet, as_json=as_json)
