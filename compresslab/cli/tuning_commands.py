"""The commands ``compresslab experiment rebound`` and ``scaling``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from compresslab._support.files import write_atomic
from compresslab._support.progress import working
from compresslab.cli.piped_arguments import RowsFolder
from compresslab.cli.report_commands import ReportTo, report_besides

__all__ = ["add_tuning_commands"]

Preset = Annotated[str, typer.Option(help="demo (a minute), cpu (some 10 minutes on two cores) or gpu.")]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="ROLE=SOURCE",
        help="Texts of pretrain, positive or negative: a file (.jsonl: its field text; else one response a line) or an "
        "embedded corpus (prose, code, names). Give all three roles.",
        show_default="embedded corpora",
    ),
]
Seeds = Annotated[int | None, typer.Option(help="Seeds of every base model, instead of the preset's.")]
Workers = Annotated[int | None, typer.Option(help="Processes of one thread each.", show_default="cores")]
SoFar = Annotated[bool, typer.Option("--so-far", help="Train nothing: summarise the finished seeds.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def add_tuning_commands(
    experiment: typer.Typer, show: Callable[[RenderableType], None], show_json: Callable[[Any], None]
) -> None:
    """Add the commands to ``experiment``; results are printed by ``show`` or by ``show_json``."""

    @experiment.command("rebound")
    def rebound(
        context: typer.Context,
        out: RowsFolder,
        preset: Preset = "demo",
        data: Data = None,
        model: Annotated[
            str | None, typer.Option(help="A size (7k to 3.9m weights) to pre-train here, or smollm2, or a NAME.")
        ] = None,
        scale: Annotated[float | None, typer.Option(help="Of the paper's volumes; 0.2 in cpu.")] = None,
        seeds: Seeds = None,
        workers: Workers = None,
        so_far: SoFar = False,
        report: ReportTo = None,
        as_json: AsJson = False,
        quiet: Quiet = False,
    ) -> None:
        """Fine-tune on positive, then on negative data: how fast does a model fall back?"""
        from compresslab.experiments.rebound.tables import markdown, rebound_findings, rebound_sheets, sheets_view
        from compresslab.experiments.run_record import recorded_run
        from compresslab.experiments.tuning_run import run_rebound_preset

        options = {"data": data, "model": model, "scale": scale, "seeds": seeds}
        with recorded_run("rebound", preset, out, options), working(f"rebound, {preset}", quiet=quiet) as step:
            result = run_rebound_preset(
                out, preset, data=data or (), model=model, scale=scale, seeds=seeds, workers=workers, so_far=so_far,
                progress=step,
            )  # fmt: skip
        findings = list(rebound_findings(result.summaries))
        _write(out, markdown(findings, list(rebound_sheets(result.summaries))))
        if as_json:
            show_json({"folder": str(out), "findings": findings, "arms": [asdict(one) for one in result.summaries]})
        else:
            show(sheets_view(findings, list(rebound_sheets(result.summaries, wide=False))))
        report_besides(context, out, report, quiet=quiet, as_json=as_json)

    @experiment.command("scaling")
    def scaling(
        context: typer.Context,
        out: RowsFolder,
        preset: Preset = "demo",
        data: Data = None,
        model: Annotated[
            list[str] | None,
            typer.Option(help="Of the series of sizes; give several, rising.", show_default="preset's"),
        ] = None,
        seeds: Seeds = None,
        workers: Workers = None,
        so_far: SoFar = False,
        report: ReportTo = None,
        as_json: AsJson = False,
        quiet: Quiet = False,
    ) -> None:
        """Measure rebound and effective depth against the size of a model and against its pre-training."""
        from compresslab.experiments.rebound.tables import markdown, sheets_view
        from compresslab.experiments.run_record import recorded_run
        from compresslab.experiments.scaling.tables import scaling_findings, scaling_sheets
        from compresslab.experiments.tuning_run import run_scaling_preset

        models: Sequence[str] = model or ()
        options = {"data": data, "model": model, "seeds": seeds}
        with recorded_run("scaling", preset, out, options), working(f"scaling, {preset}", quiet=quiet) as step:
            result = run_scaling_preset(
                out, preset, data=data or (), models=models, seeds=seeds, workers=workers, so_far=so_far,
                progress=step,
            )  # fmt: skip
        findings = list(scaling_findings(result.summary))
        _write(out, markdown(findings, list(scaling_sheets(result.summary))))
        if as_json:
            show_json({"folder": str(out), "findings": findings, "series": _plain(result.summary)})
        else:
            show(sheets_view(findings, list(scaling_sheets(result.summary, wide=False))))
        report_besides(context, out, report, quiet=quiet, as_json=as_json)


def _write(out: Path, text: str) -> None:
    write_atomic(out / "report.md", [text.encode()])


def _plain(summary: Any) -> Any:
    """Return the series as JSON can hold them: without one number for each seed, which the rows have."""
    held = asdict(summary)["series"]
    for series in held:
        for point in series["points"]:
            del point["by_seed"]
    return held
