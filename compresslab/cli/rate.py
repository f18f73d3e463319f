"""``compresslab rate``: code lengths of files under their own token tree, or under a language model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from compresslab._support.piping import output_file
from compresslab._support.progress import working
from compresslab.cli.data_options import (
    DataFormat,
    Field,
    PromptField,
    ResponseField,
    SkipMissing,
    Where,
    chosen_data,
)
from compresslab.cli.model_options import (
    PANEL,
    Batch,
    ControlTokens,
    CountEos,
    Device,
    Dtype,
    EosToken,
    PrefixToken,
    Scoring,
    Stride,
    Template,
    Window,
    rate_under_model,
    refuse,
)
from compresslab.cli.options import AsJson, Depth, Encoding, Files, Parse, Quiet, TokenizerName
from compresslab.cli.output import announce, arguments_of, show, show_json
from compresslab.cli.reading import read_each, reading_notes, with_notes
from compresslab.cli.report import ReportTo
from compresslab.data.choice import choice_for_role
from compresslab.data.dataset import Dataset
from compresslab.data.splitting import check_unit
from compresslab.measurements.pages import rate_page
from compresslab.measurements.rate import measure_rate
from compresslab.measurements.tables import rate_table
from compresslab.report.page import write_report
from compresslab.report.provenance import provenance
from compresslab.trees.tree import TokenTree

__all__ = ["rate_command"]


def rate_command(
    context: typer.Context,
    files: Files,
    depth: Depth = 4,
    parse: Parse = "phrases",
    tokenizer: TokenizerName = "bytes",
    split: Annotated[
        str | None,
        typer.Option(
            help="What a response is: line, sentence, word or document.",
            show_default="line; --model: document; of data: a row",
            callback=lambda unit: None if unit is None else check_unit(unit),
        ),
    ] = None,
    encoding: Encoding = "utf-8",
    format: DataFormat = None,
    field: Field = None,
    prompt_field: PromptField = None,
    response_field: ResponseField = None,
    where: Where = None,
    skip_missing: SkipMissing = False,
    model: Annotated[
        str | None,
        typer.Option(help="A language model instead of the tree: smollm2, tiny, hf:NAME, tree:FILE, logprobs:FILE."),
    ] = None,
    code: Annotated[bool, typer.Option(help="Code the files under their tree, and decode them again.")] = True,
    window: Window = None,
    stride: Stride = None,
    eos: CountEos = True,
    eos_token: EosToken = None,
    prefix_token: PrefixToken = None,
    template: Template = "auto",
    control_tokens: ControlTokens = False,
    batch: Batch = None,
    device: Device = None,
    dtype: Dtype = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Keep what is scored in this file, and go on from it.", rich_help_panel=PANEL, callback=output_file
        ),
    ] = None,
    report: ReportTo = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure the code lengths of files under their own token tree, or under a language model."""
    options = chosen_data(context)
    choice_for_role(options)  # what contradicts itself is refused before anything is read
    if model is not None:
        refuse(context, ("parse", "tokenizer", "code"), "of no use with --model, leave it out")
        scoring = Scoring(window, stride, eos, batch, resume, depth, eos_token, prefix_token, template, control_tokens)
        rate_under_model(
            files, model, split, options, scoring,
            device=device, dtype=dtype, report=report, command=arguments_of(context),
            as_json=as_json, quiet=quiet, show=show, show_json=show_json,
        )  # fmt: skip
        return
    refuse(
        context, ("window", "stride", "eos", "eos_token", "prefix_token", "template", "control_tokens", "batch",
                  "device", "dtype", "resume"),
        "only for language models, add --model or leave it out",
    )  # fmt: skip
    with working("reading", quiet=quiet):
        sets, found = read_each(files, tokenizer, split, options)
    notes = list(reading_notes(found))
    if len(sets) > 1:
        sets.append(Dataset.concat(sets, name="all"))
    results = []
    for dataset in sets:
        with working(f"measuring {dataset.name}", quiet=quiet):
            results.append(measure_rate(dataset, depth, parse, code=code))
    if as_json:
        singles = results[:-1] if len(results) > 1 else results
        show_json(
            {
                **asdict(results[-1]),
                "files": [asdict(result) for result in singles],
                "read": [one.facts() for one in found],
            }
        )
    else:
        show(with_notes(rate_table(results), notes))
    if report is not None:
        with working("writing the report", quiet=quiet):
            trees = [TokenTree.build(dataset, depth, parse) for dataset in sets]
            page = rate_page(results, trees, provenance(arguments_of(context), sets, files=files, read=notes))
            written = write_report(page, report)
        announce(f"Report: {written}", as_json)
