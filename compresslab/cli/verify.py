"""``compresslab verify``: is a .clz file whole?"""

from __future__ import annotations

from dataclasses import asdict

from compresslab.cli.clz_files import Source, Workers, Writer, as_named, model_of_writer, processes, summary
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import Device
from compresslab.cli.output import Output
from compresslab.coding.clz.container import file_info, verify_file

__all__ = ["command"]


@grouped
def command(file: Source, model: Writer = None, device: Device = None, workers: Workers = 0, *, output: Output) -> None:
    """Decode a .clz file to nowhere, checking every byte."""
    writer = model_of_writer(file, model, device, output)
    with output.working(f"verifying {file.name}") as step:
        number = processes(workers, file_info(file).num_chunks) if writer is None else 1
        held = as_named(verify_file(file, model=writer, workers=number, progress=step))
    output.say(asdict(held), f"{summary(held)}\nwhole")
