"""The commands that code files: compress, decompress, info, verify."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.files import check_target
from compresslab._support.interrupts import if_stopped
from compresslab._support.piping import STREAM, is_output, is_piped, named, to_standard_output
from compresslab._support.printable import printable
from compresslab._support.progress import working
from compresslab.cli.model_options import PANEL, Device, Dtype, load_model, refuse
from compresslab.cli.piped_arguments import piped_argument
from compresslab.coding.clz.chunk_model import ChunkModel, EmbeddedModel, NoModel
from compresslab.coding.clz.container import (
    DEFAULT_CHUNK_SIZE,
    FileInfo,
    check_chunk_size,
    compress_file,
    decompress_file,
    file_info,
    original_path,
    verify_file,
)
from compresslab.coding.clz.recovery import Recovery, known_header, recover_file
from compresslab.errors import CorruptFile, InvalidParameter
from compresslab.measurements.model_coding import CodedRateResult
from compresslab.measurements.model_tables import coded_rate_text

__all__ = ["add_coding_commands"]

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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def add_coding_commands(app: typer.Typer, say: Callable[[dict[str, Any], str, bool], None]) -> None:
    """Add the commands to the command line; ``say(values, line, as_json)`` prints a result."""

    @app.command("compress")
    def compress(
        context: typer.Context,
        file: Annotated[
            Path,
            typer.Argument(help="Any file; - is standard input.", show_default=False, callback=piped_argument),
        ],
        out: Out = None,
        chunk_size: Annotated[
            int | None, typer.Option(help="Original bytes per chunk.", show_default="16 MiB; --model: 256 KiB")
        ] = None,
        model: Annotated[
            str | None,
            typer.Option(help="A language model instead of the embedded one: smollm2, tiny, hf:NAME, tree:FILE."),
        ] = None,
        streams: Annotated[
            int | None,
            typer.Option(help="Segments that advance together.", show_default="16", min=1, rich_help_panel=PANEL),
        ] = None,
        segment: Annotated[
            int | None,
            typer.Option(
                help="Tokens of a segment at most; longer ones code better.",
                show_default="512",
                min=1,
                rich_help_panel=PANEL,
            ),
        ] = None,
        device: Device = None,
        dtype: Dtype = None,
        verify: Annotated[bool, typer.Option(help="Decode every chunk again before it is trusted.")] = True,
        workers: Workers = 0,
        force: Force = False,
        as_json: AsJson = False,
        quiet: Quiet = False,
    ) -> None:
        """Compress any file: by the embedded byte model (slow: under 1 MB a second) or by a language model."""
        target = out or (Path(STREAM) if is_piped(file) else Path(f"{file}.clz"))
        to_output = is_output(target)
        if model is not None:
            refuse(context, ("workers",), "of no use with --model, where one process advances all segments")
            chosen = {"streams": streams, "segment": segment, "chunk_size": chunk_size}
            with _destination(target, force=force, as_json=as_json, text=False) as path:
                coded = _compress_with_model(file, path, model, device, dtype, chosen, verify=verify, quiet=quiet)
            if not to_output:
                say(asdict(coded), coded_rate_text(coded), as_json)
            return
        refuse(
            context, ("streams", "segment", "device", "dtype"), "only for language models, add --model or leave it out"
        )
        size = DEFAULT_CHUNK_SIZE if chunk_size is None else chunk_size
        with (
            _destination(target, force=force, as_json=as_json, text=False) as path,
            working(f"compressing {file.name}", quiet=quiet) as step,
        ):
            processes = _processes(workers, _chunks(file, size))
            info = compress_file(file, path, chunk_size=size, verify=verify, workers=processes, progress=step)
        if not to_output:
            say(asdict(info), _summary(info), as_json)

    @app.command("decompress")
    def decompress(
        file: Source,
        out: Out = None,
        recover: Annotated[
            bool, typer.Option("--recover", help="Save what is whole of a damaged file; zeros for the rest.")
        ] = False,
        model: Writer = None,
        device: Device = None,
        workers: Workers = 0,
        force: Force = False,
        as_json: AsJson = False,
        quiet: Quiet = False,
    ) -> None:
        """Decompress a .clz file, checking every byte."""
        target = out or (Path(STREAM) if is_piped(file) else original_path(file))
        to_output = is_output(target)
        with _destination(target, force=force, as_json=as_json, text=True) as path:
            writer = _writer(file, model, device, quiet=quiet, broken=recover)
            saved: Recovery | None = None
            with working(f"decompressing {file.name}", quiet=quiet) as step:
                if recover:
                    saved = recover_file(file, path, model=writer, progress=step)
                else:
                    processes = _processes(workers, file_info(file).num_chunks) if writer is None else 1
                    decompress_file(file, path, model=writer, workers=processes, progress=step)
        if saved is None:
            if not to_output:
                say({"path": str(target), "size": target.stat().st_size}, f"{printable(str(target))}: whole", as_json)
            return
        lines = [f"{printable(str(target))}: {saved.recovered:,} of {saved.size:,} bytes saved"]
        lines += map(str, saved.damages)
        if to_output:
            print("\n".join(lines), file=sys.stderr)
        else:
            say({**asdict(saved), "path": str(saved.path)}, "\n".join(lines), as_json)
        if not saved.is_whole:
            raise typer.Exit(1)

    @app.command("info")
    def show_info(file: Source, as_json: AsJson = False, quiet: Quiet = False) -> None:
        """Say what a .clz file holds, after checking its header, index and chunk heads."""
        with working(f"reading {file.name}", quiet=quiet):
            held = _as_given(file_info(file))
        say(asdict(held), _summary(held), as_json)

    @app.command("verify")
    def verify_whole(
        file: Source,
        model: Writer = None,
        device: Device = None,
        workers: Workers = 0,
        as_json: AsJson = False,
        quiet: Quiet = False,
    ) -> None:
        """Decode a .clz file to nowhere, checking every byte."""
        writer = _writer(file, model, device, quiet=quiet)
        with working(f"verifying {file.name}", quiet=quiet) as step:
            processes = _processes(workers, file_info(file).num_chunks) if writer is None else 1
            held = _as_given(verify_file(file, model=writer, workers=processes, progress=step))
        say(asdict(held), f"{_summary(held)}\nwhole", as_json)


def _compress_with_model(
    file: Path,
    target: Path,
    name: str,
    device: str | None,
    dtype: str | None,
    chosen: dict[str, int | None],
    *,
    verify: bool,
    quiet: bool,
) -> CodedRateResult:
    from compresslab.lm.chunk_coder import DEFAULT_CHUNK, check_shape
    from compresslab.measurements.model_coding import coding_rule, compress_with_model, model_coder

    given: dict[str, Any] = {key: value for key, value in chosen.items() if value is not None}
    size = check_chunk_size(given.pop("chunk_size", DEFAULT_CHUNK))  # before a model is loaded
    check_shape(**given)
    coder = model_coder(load_model(name, device, dtype, quiet=quiet, **coding_rule(name)), **given)
    with working(f"compressing {file.name}", quiet=quiet) as step:
        return compress_with_model(file, target, coder, chunk_size=size, verify=verify, progress=step)


def _writer(
    file: Path, model: str | None, device: str | None, *, quiet: bool, broken: bool = False
) -> ChunkModel | None:
    """Return the model that a file was written with; None for the embedded one, or if a broken file does not say."""
    from compresslab.measurements.model_coding import check_settings, model_of_file

    try:
        info = file_info(file)
    except CorruptFile:
        if not broken:
            raise
        return _writer_of_broken(file, model, device, quiet=quiet)
    name = info.model
    if name == EmbeddedModel.name:
        _embedded(file, model, device)
        return None
    if broken:
        try:
            check_settings(file, info.settings)
        except CorruptFile as error:
            return NoModel(str(error))
    with working(f"loading {model or name}", quiet=quiet):
        return model_of_file(file, model, **({"device": device} if device else {}))


def _writer_of_broken(file: Path, model: str | None, device: str | None, *, quiet: bool) -> ChunkModel | None:
    """Return the model that was named for a broken file, set up as that says, as far as it can still be read."""
    from compresslab.measurements.model_coding import check_built_in, check_settings, model_coder

    known = known_header(file)
    held: dict[str, Any] = {}  # the usual settings, where it does not say
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
    with working(f"loading {model}", quiet=quiet):
        return model_coder(model, **settings)


def _embedded(file: Path, model: str | None, device: str | None) -> None:
    """Refuse what is of no use where the embedded model wrote the file."""
    for option, value in (("--model", model), ("--device", device)):
        if value is not None:
            raise InvalidParameter(f"{file} was written with the embedded model: leave {option} out")


def _processes(workers: int, chunks: int) -> int:
    """As many processes as asked for, or one for each core; never more than there are chunks."""
    return max(1, min(workers or os.cpu_count() or 1, chunks))


def _chunks(file: Path, chunk_size: int) -> int:
    return -(-file.stat().st_size // chunk_size) if file.is_file() and chunk_size > 0 else 1


@contextmanager
def _destination(target: Path, *, force: bool, as_json: bool, text: bool) -> Iterator[Path]:
    """Give the path to write to; of standard output that of a file whose bytes go there when they are whole."""
    if not is_output(target):
        if os.path.exists(target) and not force:
            raise InvalidParameter(f"{target} is there already: name another with --out, or replace it with --force")
        check_target(target)
        with if_stopped(lambda: _kept(target)):
            yield target
        return
    if as_json:
        raise InvalidParameter("--json: standard output holds the result itself: name a file with --out")
    with if_stopped(lambda: "nothing is written; the same command begins again"), to_standard_output(text=text) as path:
        yield path


def _kept(target: Path) -> str:
    """Say what an interrupted command leaves behind."""
    return f"{target} is {'as it was' if target.exists() else 'not written'}; the same command begins again"


def _as_given(info: FileInfo) -> FileInfo:
    return replace(info, path=named(info.path))


def _summary(info: FileInfo) -> str:
    rate = f"{info.bits_per_byte:.4f} bits per byte" if info.original_size else "empty"
    chunks = ", ".join(f"{count} {method}" for method, count in info.methods.items()) or "none"
    return (
        f"{printable(info.path)}: {info.original_size:,} bytes in {info.coded_size:,} ({rate})\n"
        f"model {printable(info.model)}, fingerprint {info.fingerprint[:16]}; "
        f"chunks of {info.chunk_size:,} bytes: {chunks}"
    )
