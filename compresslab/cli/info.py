"""``compresslab info``: what a .clz file holds."""

from __future__ import annotations

from dataclasses import asdict

from compresslab.cli.clz_files import Source, as_named, summary
from compresslab.cli.grouped_options import grouped
from compresslab.cli.output import Output
from compresslab.coding.clz.container import file_info

__all__ = ["command"]


@grouped
def command(file: Source, *, output: Output) -> None:
    """Say what a .clz file holds, after checking its header, index and chunk heads."""
    with output.working(f"reading {file.name}"):
        held = as_named(file_info(file))
    output.say(asdict(held), summary(held))
