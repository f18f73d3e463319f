"""Reports of what experiments left behind: ``compresslab report DIR``, and ``--report DIR`` of each of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from compresslab._support.piping import no_stream, output_folder
from compresslab._support.printable import printable
from compresslab._support.progress import working
from compresslab.errors import InvalidParameter, UnknownName
from compresslab.experiments.experiment import read, read_notes
from compresslab.experiments.registry import get_experiment
from compresslab.experiments.row_source import experiment_run
from compresslab.experiments.spec import of_saved, read_spec
from compresslab.report.page import Page, check_report_extra, write_report
from compresslab.report.provenance import Provenance, provenance

__all__ = ["ReportTo", "add_report_command", "experiment_page", "report_besides"]


def _report_folder(given: Path | None) -> Path | None:
    return check_report_extra(no_stream(given))


ReportTo = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write report.html and its figures to this directory.",
        show_default=False,
        callback=_report_folder,  # before anything is measured
    ),
]


def experiment_page(folder: Path, source: Provenance) -> Page:
    """Return the page of a finished experiment, whichever it is.

    Args:
        folder: with ``spec.json`` and ``rows.jsonl``.
        source: where the numbers come from.

    Raises:
        UnreadableFile: there is no ``spec.json``.
        InvalidParameter: it is of no experiment that has a page.
        CorruptFile: the rows are damaged.
    """
    name = read_spec(folder)["experiment"]
    try:
        experiment = get_experiment(name)
    except UnknownName as error:
        raise InvalidParameter(
            f"{folder / 'spec.json'} is not a spec that a report can be made of ({error}): give the folder of "
            "'compresslab experiment NAME'"
        ) from error
    with of_saved(f"{folder} does not hold the spec and the rows of '{name}' as this version has them"):
        return experiment.page(*read(experiment, folder), source)


def report_besides(context: typer.Context, folder: Path, to: Path | None, *, quiet: bool, as_json: bool) -> None:
    """Write the report of an experiment that has just ended, where one is asked for, and say where it is.

    Args:
        context: of the experiment's command.
        folder: with its rows.
        to: the directory of the report; None for no report.
        quiet: show no progress.
        as_json: whether standard output holds JSON, and nothing else.
    """
    if to is not None:
        print(
            f"Report: {printable(str(_write(context, folder, to, quiet)))}", file=sys.stderr if as_json else sys.stdout
        )


def _write(context: typer.Context, folder: Path, to: Path, quiet: bool) -> Path:
    with working("writing the report", quiet=quiet):
        files = [folder / name for name in ("spec.json", "rows.jsonl", "run.json")]
        with of_saved(f"{folder} does not hold an experiment as this version has it"):
            run = experiment_run(folder)
        source = provenance(list(context.obj or []), [], files=files, experiment=run, read=read_notes(folder))
        return write_report(experiment_page(folder, source), to)


def add_report_command(app: typer.Typer) -> None:
    """Add ``report`` to the command line."""

    @app.command("report")
    def report(
        context: typer.Context,
        folder: Annotated[
            Path,
            typer.Argument(help="Folder of an experiment: spec.json, rows.jsonl.", callback=check_report_extra),
        ],
        out: Annotated[
            Path | None,
            typer.Option(
                "--out", "-o", help="Where report.html goes.", show_default="the same folder", callback=output_folder
            ),
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    ) -> None:
        """Write report.html and its figures from the rows of a finished experiment."""
        written = _write(context, folder, out or folder, quiet)
        print(json.dumps({"report": str(written)}) if as_json else f"Report: {printable(str(written))}")
