"""``compresslab decompress``: the original of a .clz file, or what is whole of it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from compresslab._support.piping import STREAM, is_output, is_piped
from compresslab._support.printable import printable
from compresslab.cli.clz_files import Force, Out, Source, Workers, Writer, destination, model_of_writer, processes
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import Device
from compresslab.cli.output import Output
from compresslab.coding.clz.container import decompress_file, file_info, original_path
from compresslab.coding.clz.recovery import Recovery, recover_file

__all__ = ["command"]


@grouped
def command(
    file: Source,
    out: Out = None,
    recover: Annotated[
        bool, typer.Option("--recover", help="Save what is whole of a damaged file; zeros for the rest.")
    ] = False,
    model: Writer = None,
    device: Device = None,
    workers: Workers = 0,
    force: Force = False,
    *,
    output: Output,
) -> None:
    """Decompress a .clz file, checking every byte."""
    target = out or (Path(STREAM) if is_piped(file) else original_path(file))
    to_output = is_output(target)
    with destination(target, output, force=force, text=True) as path:
        writer = model_of_writer(file, model, device, output, broken=recover)
        saved: Recovery | None = None
        with output.working(f"decompressing {file.name}") as step:
            if recover:
                saved = recover_file(file, path, model=writer, progress=step)
            else:
                number = processes(workers, file_info(file).num_chunks) if writer is None else 1
                decompress_file(file, path, model=writer, workers=number, progress=step)
    if saved is None:
        if not to_output:
            output.say({"path": str(target), "size": target.stat().st_size}, f"{printable(str(target))}: whole")
        return
    lines = [f"{printable(str(target))}: {saved.recovered:,} of {saved.size:,} bytes saved", *map(str, saved.damages)]
    if to_output:
        print("\n".join(lines), file=sys.stderr)
    else:
        output.say({**asdict(saved), "path": str(saved.path)}, "\n".join(lines))
    if not saved.is_whole:
        raise typer.Exit(1)
