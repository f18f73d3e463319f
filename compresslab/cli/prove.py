"""``compresslab prove``: the ledger of claims, checked anew."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

import compresslab
from compresslab.errors import UnreadableFile

__all__ = ["command"]


def command(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]... [--json] [--latex] [--quiet] [--help]", show_default=False)
    ] = None,
) -> None:
    """Check every theorem, exactly, and print the ledger, or whole proofs by ID."""
    prove = importlib.import_module(_proofs_package() + ".__main__")
    raise typer.Exit(prove.main(arguments or []))


def _proofs_package() -> str:
    """Return the proofs' package: ``compresslab.proofs`` in a wheel, in a checkout the folder beside compresslab."""
    if importlib.util.find_spec("compresslab.proofs"):
        return "compresslab.proofs"
    checkout = Path(compresslab.__file__).parents[1]
    if not (checkout / "proofs" / "__main__.py").is_file():
        raise UnreadableFile(f"the proofs are not installed with {Path(compresslab.__file__).parent}: install it again")
    if str(checkout) not in sys.path:
        sys.path.append(str(checkout))
    return "proofs"
