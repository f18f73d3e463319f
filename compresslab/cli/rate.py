"""``compresslab rate``: code lengths of files under their own token tree, or under a language model."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer

from compresslab._support.piping import output_file
from compresslab.cli.data_options import DataOptions
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import PANEL, Scoring, refuse
from compresslab.cli.options import Depth, Files, Parse, TokenizerName
from compresslab.cli.output import ReportOutput, arguments_of
from compresslab.cli.rate_under_model import rate_under_model
from compresslab.cli.reading import read_each, reading_notes
from compresslab.data.choice import choice_for_role
from compresslab.data.dataset import Dataset
from compresslab.data.splitting import check_unit
from compresslab.measurements.rate import measure_rate
from compresslab.measurements.rate_page import rate_page, rate_table
from compresslab.report.page import Page
from compresslab.report.provenance import provenance
from compresslab.report.terminal import table_view
from compresslab.trees.tree import TokenTree

__all__ = ["command"]


@grouped
def command(
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
    *,
    reading: DataOptions,
    model: Annotated[
        str | None,
        typer.Option(help="A language model instead of the tree: smollm2, tiny, hf:NAME, tree:FILE, logprobs:FILE."),
    ] = None,
    code: Annotated[bool, typer.Option(help="Code the files under their tree, and decode them again.")] = True,
    scoring: Scoring,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Keep what is scored in this file, and go on from it.", rich_help_panel=PANEL, callback=output_file
        ),
    ] = None,
    output: ReportOutput,
) -> None:
    """Measure the code lengths of files under their own token tree, or under a language model."""
    options = reading.chosen
    choice_for_role(options)  # what contradicts itself is refused before anything is read
    if model is not None:
        refuse(context, ("parse", "tokenizer", "code"), "of no use with --model, leave it out")
        rate_under_model(files, model, split, options, scoring, resume, depth, arguments_of(context), output)
        return
    refuse(
        context,
        [*(field.name for field in fields(Scoring)), "resume"],
        "only for language models, add --model or leave it out",
    )
    with output.working("reading"):
        sets, found = read_each(files, tokenizer, split, options)
    notes = list(reading_notes(found))
    if len(sets) > 1:
        sets.append(Dataset.concat(sets, name="all"))
    results = []
    for dataset in sets:
        with output.working(f"measuring {dataset.name}"):
            results.append(measure_rate(dataset, depth, parse, code=code))

    def page() -> Page:
        trees = [TokenTree.build(dataset, depth, parse) for dataset in sets]
        return rate_page(results, trees, provenance(arguments_of(context), sets, files=files, read=notes))

    files_alone = [asdict(result) for result in results[: len(found)]]
    values = {**asdict(results[-1]), "files": files_alone, "read": [one.facts() for one in found]}
    output.show(values, lambda: table_view(rate_table(results)), notes)
    output.write(page)
