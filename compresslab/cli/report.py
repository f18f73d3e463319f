"""``compresslab report DIR``: the report of an experiment, from what it left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compresslab._support.piping import output_folder
from compresslab._support.printable import printable
from compresslab.cli.grouped_options import grouped
from compresslab.cli.output import Output, arguments_of
from compresslab.errors import InvalidParameter, UnknownName
from compresslab.experiments.experiment import page_of, read_notes
from compresslab.experiments.registry import get_experiment
from compresslab.experiments.row_source import experiment_run
from compresslab.experiments.spec import of_saved, read_spec
from compresslab.report.html import check_report_extra, write_report
from compresslab.report.page import Page
from compresslab.report.provenance import Provenance, provenance

__all__ = ["command", "experiment_page", "folder_page"]


@grouped
def command(
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
    *,
    output: Output,
) -> None:
    """Write report.html and its figures from the rows of a finished experiment."""
    with output.working("writing the report"):
        written = write_report(folder_page(context, folder), out or folder)
    output.say({"report": str(written)}, f"Report: {printable(str(written))}")


def folder_page(context: typer.Context, folder: Path) -> Page:
    """Return the page of an experiment, with what its folder tells of how it was run."""
    files = [folder / name for name in ("spec.json", "rows.jsonl", "run.json")]
    with of_saved(f"{folder} does not hold an experiment as this version has it"):
        run = experiment_run(folder)
    source = provenance(arguments_of(context), [], files=files, experiment=run, read=read_notes(folder))
    return experiment_page(folder, source)


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
        return page_of(experiment, folder, source)
