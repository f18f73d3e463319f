"""``compresslab tree``: the token tree of files, layer by layer, and its top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.piping import output_file
from compresslab.cli.data_options import DATA_OPTIONS, DataOptions
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import refuse
from compresslab.cli.options import Depth, Files, Parse, Split, TokenizerName
from compresslab.cli.output import ReportOutput, arguments_of
from compresslab.cli.reading import read_each, reading_notes
from compresslab.data.choice import choice_for_role
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter
from compresslab.measurements.tree import measure_tree
from compresslab.measurements.tree_page import tree_page, tree_view
from compresslab.report.page import Page
from compresslab.report.provenance import provenance
from compresslab.trees.drawing import top_branches
from compresslab.trees.tree import TokenTree

__all__ = ["command"]

_CHILDREN_DRAWN = 20  # of a node, in a report


@grouped
def command(
    context: typer.Context,
    files: Files,
    depth: Depth = 4,
    parse: Parse = "phrases",
    tokenizer: TokenizerName = "bytes",
    split: Split = None,
    *,
    reading: DataOptions,
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
    output: ReportOutput,
) -> None:
    """Build the token tree of files, count its layers, and draw its top."""
    choices: dict[str, Any] = {"dtype": dtype, "eos": eos, "column": column, "vocab_size": vocab_size}
    choices |= {"memory": memory, "cluster": cluster}
    options = reading.chosen
    choice_for_role(options)
    if tokens:
        refuse(context, ("split", "encoding", *DATA_OPTIONS), "for texts, of no use with --tokens, leave it out")
        if output.report is not None:
            raise InvalidParameter("--report is not for token files: leave out --report or --tokens")
        _tree_of_tokens(files, depth, parse, save, choices, (layers, children), output)
        return
    for option, value in choices.items():
        if value is not None:
            name = option.replace("_", "-")
            raise InvalidParameter(f"--{name} is for token files: add --tokens, or leave it out")
    with output.working("reading"):
        sets, found = read_each(files, tokenizer, split, options)
        dataset = sets[0] if len(sets) == 1 else Dataset.concat(sets)
    with output.working("counting phrases"):
        tree = TokenTree.build(dataset, depth, parse)
        result = measure_tree(tree, dataset)
    if save is not None:
        tree.save(save)
    notes = list(reading_notes(found))

    def page() -> Page:
        top = top_branches(tree, dataset.tokenizer, layers, max(children, _CHILDREN_DRAWN))
        source = provenance(arguments_of(context), [dataset], files=files, read=notes)
        return tree_page(result, tree, top, dataset.name or "the data", source)

    output.show(
        {"name": dataset.name, "tokenizer": tokenizer, **asdict(result), "read": [one.facts() for one in found]},
        lambda: tree_view(result, top_branches(tree, dataset.tokenizer, layers, children), dataset.name),
        notes,
    )
    output.write(page)


def _tree_of_tokens(
    files: Sequence[Path],
    depth: int,
    parse: str,
    save: Path | None,
    choices: dict[str, Any],
    drawn: tuple[int, int],
    output: ReportOutput,
) -> None:
    from compresslab.measurements.token_file_tree import top_of, tree_of_token_files  # loads the compiled engine

    name = files[0].name if len(files) == 1 else f"{len(files)} files"
    with output.working("counting phrases") as step:
        tree = tree_of_token_files(
            files, depth, parse, save=save, progress=lambda what, done, of: step(done, max(of, 0)), **choices
        )
        result = measure_tree(tree)
    output.show(
        {"name": name, "tokenizer": None, **asdict(result)},
        lambda: tree_view(result, top_branches(top_of(tree, drawn[0]), None, *drawn), name),
    )
