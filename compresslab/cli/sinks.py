"""Where commands write what they measured beside their result: rows in a file, and trackers of experiments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.piping import no_stream
from compresslab._support.row_files import check_rows_file, write_rows

__all__ = ["RowsFile", "Sinks"]


def _rows_file(given: Path | None) -> Path | None:
    """Check that rows can be written, before anything is measured for them."""
    return None if given is None else check_rows_file(no_stream(given) or given)


@dataclass(frozen=True)
class RowsFile:
    """A file of rows.

    Attributes:
        rows: where to write them; None for nowhere.
    """

    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows",
            metavar="FILE.jsonl|.parquet",
            help="Write what was measured as rows, for data frames.",
            show_default=False,
            callback=_rows_file,
        ),
    ] = None

    def write_rows(self, rows: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
        """Write rows where they are asked for."""
        if self.rows is not None:
            write_rows(self.rows, rows())


@dataclass(frozen=True)
class Sinks(RowsFile):
    """A file of rows, and trackers.

    Attributes:
        log: the trackers, as transformers names them.
    """

    log: Annotated[
        list[str] | None,
        typer.Option(
            "--log",
            metavar="TRACKER",
            help="Send the curves to a tracker that transformers knows: tensorboard, wandb, mlflow, ...; several times "
            "for several.",
            show_default=False,
        ),
    ] = None

    def check(self) -> None:
        """Raise unless every tracker can be used, before anything is measured for it."""
        if self.log:
            from compresslab.lm.trackers import check_trackers

            check_trackers(self.log)

    def send(
        self, rows: Callable[[], Sequence[Mapping[str, Any]]], labels: Sequence[str], folder: Path | None, run: str
    ) -> None:
        """Write rows, and send them to trackers as curves over the number of examples.

        Args:
            rows: what makes them.
            labels: the columns that name a curve.
            folder: where a tracker that keeps files puts them; the working directory where None.
            run: what the run is called.
        """
        self.write_rows(rows)
        if self.log:
            from compresslab.lm.trackers import curves, track

            track(self.log, curves(rows(), labels), folder or Path(), run)
