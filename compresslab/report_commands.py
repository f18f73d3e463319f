"""The command that makes a report of what an experiment left behind: ``compresslab report DIR``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from compresslab.report.page import check_report_extra, write_report
from compresslab.report.progress import working
from compresslab.report.provenance import provenance

__all__ = ["add_report_command"]


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
            Path | None, typer.Option("--out", "-o", help="Where report.html goes.", show_default="the same folder")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    ) -> None:
        """Write report.html and its figures from the rows of a finished experiment."""
        from compresslab.report.joint_report import joint_page, read_joint

        with working("writing the report", quiet=quiet):
            spec, rows = read_joint(folder)
            files = [folder / name for name in ("spec.json", "rows.jsonl")]
            source = provenance(list(context.obj or []), [], files=files)
            written = write_report(joint_page(spec, rows, source), out or folder)
        print(json.dumps({"report": str(written)}) if as_json else f"Report: {written}")
