"""``compresslab corpora``: the embedded corpora."""

from __future__ import annotations

from dataclasses import asdict

from compresslab._support.progress import working
from compresslab.cli.options import AsJson, Quiet
from compresslab.cli.output import show, show_json
from compresslab.data.corpora import corpus_info, corpus_names
from compresslab.measurements.tables import corpora_table

__all__ = ["corpora_command"]


def corpora_command(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the embedded corpora: real text that every Python has."""
    infos = []
    for name in corpus_names():
        with working(f"making {name}", quiet=quiet) as step:
            infos.append(corpus_info(name, progress=step))
    if as_json:
        show_json({"corpora": [asdict(info) for info in infos]})
    else:
        show(corpora_table(infos))
