"""What the commands on .clz files share: their options, where they write, and the model that wrote a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.files import check_target
from compresslab._support.interrupts import if_stopped
from compresslab._support.piping import is_output, named, to_standard_output
from compresslab._support.printable import printable
from compresslab.cli.output import Output
from compresslab.cli.piped_arguments import piped_argument
from compresslab.coding.clz.chunk_model import ChunkModel, EmbeddedModel, NoModel
from compresslab.coding.clz.container import FileInfo, file_info
from compresslab.coding.clz.recovery import known_header
from compresslab.errors import CorruptFile, InvalidParameter

__all__ = [
    "Force",
    "Out",
    "Source",
    "Workers",
    "Writer",
    "as_named",
    "destination",
    "model_of_writer",
    "processes",
    "summary",
]

Source = Annotated[
    Path, typer.Argument(help="A .clz file; - is standard input.", show_default=False, callback=piped_argument)
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Where to write; - is standard output.", show_default="beside the file"),
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace a file that is there.")]
Writer = Annotated[
    str | None,
    typer.Option("--model", help="The language model that wrote it, if it is not one that compresslab brings."),
]
Workers = Annotated[int, typer.Option(help="Processes; 0: one for each core.", min=0)]


def processes(workers: int, chunks: int) -> int:
    """Return how many processes to use: as asked for, or one for each core; never more than there are chunks."""
    return max(1, min(workers or os.cpu_count() or 1, chunks))


@contextmanager
def destination(target: Path, output: Output, *, force: bool, text: bool) -> Iterator[Path]:
    """Yield the path to write to; for standard output, the path of a file whose bytes go there once it is whole."""
    if not is_output(target):
        if os.path.exists(target) and not force:
            raise InvalidParameter(f"{target} is there already: name another with --out, or replace it with --force")
        check_target(target)
        with if_stopped(lambda: _kept(target)):
            yield target
        return
    if output.json:
        raise InvalidParameter("--json: standard output holds the result itself: name a file with --out")
    with if_stopped(lambda: "nothing is written; the same command begins again"), to_standard_output(text=text) as path:
        yield path


def _kept(target: Path) -> str:
    """Say what an interrupted command leaves behind."""
    return f"{target} is {'as it was' if target.exists() else 'not written'}; the same command begins again"


def model_of_writer(
    file: Path, model: str | None, device: str | None, output: Output, *, broken: bool = False
) -> ChunkModel | None:
    """Return the model that wrote a file; None for the embedded one, or if a broken file does not say."""
    from compresslab.measurements.model_coding import check_settings, model_of_file

    try:
        info = file_info(file)
    except CorruptFile:
        if not broken:
            raise
        return _writer_of_broken(file, model, device, output)
    if info.model == EmbeddedModel.name:
        _embedded(file, model, device)
        return None
    if broken:
        try:
            check_settings(file, info.settings)
        except CorruptFile as error:
            return NoModel(str(error))
    with output.working(f"loading {model or info.model}"):
        return model_of_file(file, model, **({"device": device} if device else {}))


def _writer_of_broken(file: Path, model: str | None, device: str | None, output: Output) -> ChunkModel | None:
    """Return the model that a call names for a broken file, set up as the readable part of the file says."""
    from compresslab.measurements.model_coding import check_built_in, check_settings, model_coder

    known = known_header(file)
    held: dict[str, Any] = {}  # the usual settings, where the file does not say
    if known is not None and known.model == EmbeddedModel.name:
        _embedded(file, model, device)
        return None
    if known is not None and known.model:
        held = known.settings
        try:
            check_settings(file, held)
        except CorruptFile as error:
            return NoModel(str(error))
        check_built_in(file, model, known.model, held, known.identity.tokenizer)
    if model is None:
        return None
    settings: dict[str, Any] = {key: held[key] for key in ("streams", "segment", "dtype") if key in held}
    if device is not None:
        settings["device"] = device
    with output.working(f"loading {model}"):
        return model_coder(model, **settings)


def _embedded(file: Path, model: str | None, device: str | None) -> None:
    """Raise InvalidParameter if an option was given that a file of the embedded model has no use for."""
    for option, value in (("--model", model), ("--device", device)):
        if value is not None:
            raise InvalidParameter(f"{file} was written with the embedded model: leave {option} out")


def as_named(info: FileInfo) -> FileInfo:
    """Return what a file holds, under the name that the user gave it."""
    return replace(info, path=named(info.path))


def summary(info: FileInfo) -> str:
    """Say in two lines what a file holds."""
    rate = f"{info.bits_per_byte:.4f} bits per byte" if info.original_size else "empty"
    chunks = ", ".join(f"{count} {method}" for method, count in info.methods.items()) or "none"
    return (
        f"{printable(info.path)}: {info.original_size:,} bytes in {info.coded_size:,} ({rate})\n"
        f"model {printable(info.model)}, fingerprint {info.fingerprint[:16]}; "
        f"chunks of {info.chunk_size:,} bytes: {chunks}"
    )
