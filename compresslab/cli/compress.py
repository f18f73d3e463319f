"""``compresslab compress``: any file, coded by the embedded byte model or by a language model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.piping import STREAM, is_output, is_piped
from compresslab.cli.clz_files import Force, Out, Workers, destination, processes, summary
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import PANEL, Device, Dtype, load_model, refuse
from compresslab.cli.output import Output
from compresslab.cli.piped_arguments import piped_argument
from compresslab.coding.clz.container import DEFAULT_CHUNK_SIZE, check_chunk_size, compress_file
from compresslab.measurements.model_coding import CodedRateResult

__all__ = ["coded_rate_text", "command"]


@grouped
def command(
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
        typer.Option(
            help="Segments that advance together; more are faster.", show_default="16", min=1, rich_help_panel=PANEL
        ),
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
    *,
    output: Output,
) -> None:
    """Compress any file: by the embedded byte model (slow: under 1 MB a second) or by a language model."""
    target = out or (Path(STREAM) if is_piped(file) else Path(f"{file}.clz"))
    to_output = is_output(target)
    if model is not None:
        refuse(context, ("workers",), "of no use with --model, where one process advances all segments")
        shape = {"streams": streams, "segment": segment, "chunk_size": chunk_size}
        with destination(target, output, force=force, text=False) as path:
            coded = _compress_with_model(file, path, model, device, dtype, shape, verify, output)
        if not to_output:
            output.say(asdict(coded), coded_rate_text(coded))
        return
    refuse(context, ("streams", "segment", "device", "dtype"), "only for language models, add --model or leave it out")
    size = DEFAULT_CHUNK_SIZE if chunk_size is None else chunk_size
    with (
        destination(target, output, force=force, text=False) as path,
        output.working(f"compressing {file.name}") as step,
    ):
        chunks = -(-file.stat().st_size // size) if file.is_file() and size > 0 else 1
        number = processes(workers, chunks)
        info = compress_file(file, path, chunk_size=size, verify=verify, workers=number, progress=step)
    if not to_output:
        output.say(asdict(info), summary(info))


def _compress_with_model(
    file: Path,
    target: Path,
    name: str,
    device: str | None,
    dtype: str | None,
    shape: dict[str, int | None],
    verify: bool,
    output: Output,
) -> CodedRateResult:
    from compresslab.lm.chunk_coder import DEFAULT_CHUNK, check_shape
    from compresslab.lm.repeatable import prepare_process
    from compresslab.measurements.model_coding import coding_rule, compress_with_model, model_coder

    given: dict[str, Any] = {key: value for key, value in shape.items() if value is not None}
    size = check_chunk_size(given.pop("chunk_size", DEFAULT_CHUNK))  # before a model is loaded
    check_shape(**given)
    prepare_process()
    coder = model_coder(load_model(name, device, dtype, quiet=output.quiet, **coding_rule(name)), **given)
    with output.working(f"compressing {file.name}") as step:
        return compress_with_model(file, target, coder, chunk_size=size, verify=verify, progress=step)


def coded_rate_text(result: CodedRateResult) -> str:
    """Say how many bits coding took beside the scored bits, and where the difference is."""
    info = result.info
    rate = f", {info.bits_per_byte:.4f} bits per byte" if info.original_size else ""
    lines = [f"{info.path}: {info.original_size:,} bytes in {info.coded_size:,}{rate}"]
    if not result.tokens:
        return "\n".join([*lines, *([_escaped(result)] if result.escapes else [])])
    if result.scored_bits is not None and result.float_path_bits is not None:
        lines.append(f"scored in one pass         {result.scored_bits:16,.1f} bits, {result.tokens:,} tokens")
        lines.append(f"float path, step by step   {result.float_path_bits:+16,.1f}")
    else:
        lines.append(f"by the rows coded under    {result.stepped_bits:16,.1f} bits, {result.tokens:,} tokens")
    lines.append(f"quantised and coded        {result.coder_bits:+16,.1f}  (at most {result.coder_bound_bits:,.0f})")
    rest = "other chunks, header, ...  " if result.escaped_bytes else "header, checksums, index   "
    lines.append(f"{rest}{result.file_bits - result.stream_bits:+16,.1f}")
    lines.append(f"the file                   {result.file_bits:16,.1f} bits")
    if result.escaped_bytes:
        lines.append(_escaped(result))
    return "\n".join(lines)


def _escaped(result: CodedRateResult) -> str:
    return "\n".join(
        [f"{result.escaped_bytes:,} bytes are stored without the model:", *(f"  {found}" for found in result.escapes)]
    )
