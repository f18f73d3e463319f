"""``compresslab tree``: the token tree of files, layer by layer, and its top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.piping import output_file
from compresslab._support.progress import working
from compresslab.cli.data_options import (
    DATA_OPTIONS,
    DataFormat,
    Field,
    PromptField,
    ResponseField,
    SkipMissing,
    Where,
    chosen_data,
)
from compresslab.cli.model_options import refuse
from compresslab.cli.options import AsJson, Depth, Encoding, Files, Parse, Quiet, Split, TokenizerName
from compresslab.cli.output import announce, arguments_of, show, show_json
from compresslab.cli.reading import read_each, reading_notes, with_notes
from compresslab.cli.report import ReportTo
from compresslab.data.choice import choice_for_role
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter
from compresslab.measurements.pages import tree_page
from compresslab.measurements.tables import tree_view
from compresslab.measurements.tree import measure_tree
from compresslab.report.page import write_report
from compresslab.report.provenance import provenance
from compresslab.trees.drawing import top_branches
from compresslab.trees.tree import TokenTree

__all__ = ["tree_command"]

_CHILDREN_DRAWN = 20  # of a node, in a report


def tree_command(
    context: typer.Context,
    files: Files,
    depth: Depth = 4,
    parse: Parse = "phrases",
    tokenizer: TokenizerName = "bytes",
    split: Split = None,
    encoding: Encoding = "utf-8",
    format: DataFormat = None,
    field: Field = None,
    prompt_field: PromptField = None,
    response_field: ResponseField = None,
    where: Where = None,
    skip_missing: SkipMissing = False,
    layers: Annotated[int, typer.Option(help="Layers to draw.", min=1)] = 2,
    children: Annotated[int, typer.Option(help="Children of a node to draw.", min=1)] = 4,
    save: Annotated[Path | None, typer.Option(help="Write the tree to this file.", callback=output_file)] = None,
    tokens: Annotated[bool, typer.Option("--tokens", help="The files hold tokens: .bin, .npy, .parquet, ...")] = False,
    eos: Annotated[int | None, typer.Option(help="Token files: the token that ends a response.")] = None,
    dtype: Annotated[
        str | None, typer.Option(help="Token files: type of a .bin without header.", show_default="uint16")
    ] = None,
    column: Annotated[str | None, typer.Option(help="Token files: which column of a table.")] = None,
    vocab_size: Annotated[int | None, typer.Option(help="Token files: V, to spare the pass that finds it.")] = None,
    memory: Annotated[str | None, typer.Option(help="Token files: memory to take, such as 2GB.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Token files: address of a Dask scheduler to build on.")] = None,
    report: ReportTo = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Build the token tree of files, count its layers, and draw its top."""
    choices: dict[str, Any] = {"dtype": dtype, "eos": eos, "column": column, "vocab_size": vocab_size}
    choices |= {"memory": memory, "cluster": cluster}
    options = chosen_data(context)
    choice_for_role(options)
    if tokens:
        refuse(context, ("split", "encoding", *DATA_OPTIONS), "for texts, of no use with --tokens, leave it out")
        if report is not None:
            raise InvalidParameter("--report is not for token files: leave out --report or --tokens")
        _tree_of_tokens(files, depth, parse, save, choices, (layers, children), as_json=as_json, quiet=quiet)
        return
    for option, value in choices.items():
        if value is not None:
            name = option.replace("_", "-")
            raise InvalidParameter(f"--{name} is for token files: add --tokens, or leave it out")
    with working("reading", quiet=quiet):
        sets, found = read_each(files, tokenizer, split, options)
        dataset = sets[0] if len(sets) == 1 else Dataset.concat(sets)
    with working("counting phrases", quiet=quiet):
        tree = TokenTree.build(dataset, depth, parse)
        result = measure_tree(tree)
    if save is not None:
        tree.save(save)
    notes = list(reading_notes(found))
    if as_json:
        show_json(
            {"name": dataset.name, "tokenizer": tokenizer, **asdict(result), "read": [one.facts() for one in found]}
        )
    else:
        view = tree_view(result, top_branches(tree, dataset.tokenizer, layers, children), dataset.name)
        show(with_notes(view, notes))
    if report is not None:
        with working("writing the report", quiet=quiet):
            top = top_branches(tree, dataset.tokenizer, layers, max(children, _CHILDREN_DRAWN))
            source = provenance(arguments_of(context), [dataset], files=files, read=notes)
            written = write_report(tree_page(result, tree, top, dataset.name or "the data", source), report)
        announce(f"Report: {written}", as_json)


def _tree_of_tokens(
    files: Sequence[Path],
    depth: int,
    parse: str,
    save: Path | None,
    choices: dict[str, Any],
    drawn: tuple[int, int],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    from compresslab.measurements.token_file_tree import top_of, tree_of_token_files  # loads the compiled engine

    name = files[0].name if len(files) == 1 else f"{len(files)} files"
    with working("counting phrases", quiet=quiet) as step:
        tree = tree_of_token_files(
            files, depth, parse, save=save, progress=lambda what, done, of: step(done, max(of, 0)), **choices
        )
        result = measure_tree(tree)
    if as_json:
        show_json({"name": name, "tokenizer": None, **asdict(result)})
    else:
        show(tree_view(result, top_branches(top_of(tree, drawn[0]), None, *drawn), name))
