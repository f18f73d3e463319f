"""``compresslab corpora``: the embedded corpora."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from compresslab.cli.grouped_options import grouped
from compresslab.cli.output import Output
from compresslab.data.corpora import CorpusInfo, corpus_info, corpus_names
from compresslab.report.page import Table
from compresslab.report.terminal import table_view

__all__ = ["command"]


@grouped
def command(*, output: Output) -> None:
    """List the embedded corpora: real text that every Python has."""
    infos = []
    for name in corpus_names():
        with output.working(f"making {name}") as step:
            infos.append(corpus_info(name, progress=step))
    output.show({"corpora": [asdict(info) for info in infos]}, lambda: table_view(_table(infos)))


def _table(infos: Sequence[CorpusInfo]) -> Table:
    return Table(
        "Embedded corpora",
        ("name", "documents", "lines", "bytes", "sha-256", "what it is"),
        [
            (x.name, f"{x.num_documents:,}", f"{x.num_lines:,}", f"{x.num_bytes:,}", x.digest[:12], x.title)
            for x in infos
        ],
        text_columns=(0, 5),
    )
