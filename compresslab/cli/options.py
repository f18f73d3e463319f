"""Arguments and options that several commands take, each stated once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compresslab.cli.piped_arguments import piped_argument
from compresslab.data.splitting import check_unit
from compresslab.data.tokenizers import check_tokenizer_name
from compresslab.trees.phrases import check_depth, check_parse

__all__ = ["Depth", "Files", "Parse", "Seed", "Split", "TokenizerName"]

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Files of text or data, or directories (read recursively); - is standard input.",
        show_default=False,
        callback=piped_argument,
    ),
]
Depth = Annotated[int, typer.Option("--depth", "-d", help="Symbols per phrase, d.", callback=check_depth)]
Parse = Annotated[str, typer.Option(help="How responses are cut: phrases, prefix or windows.", callback=check_parse)]
TokenizerName = Annotated[
    str, typer.Option("--tokenizer", "-t", help="bits, bytes, words, or hf:NAME.", callback=check_tokenizer_name)
]
Split = Annotated[
    str | None,
    typer.Option(
        help="What a response is: line, sentence, word or document.",
        show_default="line; of data: a row",
        callback=lambda unit: None if unit is None else check_unit(unit),
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
