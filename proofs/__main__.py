"""``python -m proofs`` and ``compresslab prove``: check every claim, print the ledger or a proof.

With no argument: the ledger as a table. With IDs: the whole proofs. The exit code is 1 if a verdict is not the
recorded one (or a step does not check), 2 if the command is wrong, else 0.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from compresslab._support.piping import output_file
from compresslab._support.progress import working
from compresslab.errors import CompressLabError, InvalidParameter, MissingExtra, UnknownName, did_you_mean

__all__ = ["main"]

NARROWEST = 20  # columns


class _Once(argparse.Action):
    """Keep an option's one value, and refuse a second."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: object, option: str | None = None
    ) -> None:
        held = getattr(namespace, self.dest)
        if held is not None:
            raise argparse.ArgumentError(self, f"it takes one value and is given {held}, {value}: give it once")
        setattr(namespace, self.dest, value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compresslab prove",
        description="Check every claim of the theory, exactly, and print the ledger.",
        epilog="Exit code 1: a verdict differs from the recorded ledger.",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="print the whole proof of these claims")
    parser.add_argument("--json", action="store_true", help="print the ledger as JSON")
    parser.add_argument("--latex", action="store_true", help="print a LaTeX document with every statement and proof")
    parser.add_argument(
        "--page", action=_Once, type=Path, metavar="FILE", help="write the ledger as a page of the docs (Markdown)"
    )
    parser.add_argument(
        "--theorems", action=_Once, type=Path, metavar="FILE", help="write the theorems with their proofs as a page"
    )
    parser.add_argument(
        "--coq", action=_Once, type=Path, metavar="FOLDER", help="only write the goals as files for Coq: make coq"
    )
    parser.add_argument("--record", action="store_true", help="record the verdicts, for later runs to compare with")
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    parser.add_argument(
        "--width", action=_Once, type=int, help="columns of the table and the proofs (default: the terminal's)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Raises:
        MissingExtra: sympy or python-flint is not installed.
        UnknownName: an ID that no claim has.
        InvalidParameter, UnreadableFile: a width that is too small, or a page that cannot be written.
    """
    options = _parser().parse_args(argv)
    output_file(options.page)
    output_file(options.theorems)
    if options.width is not None and options.width < NARROWEST:
        raise InvalidParameter(f"--width is in columns, {NARROWEST} or more, not {options.width}")
    if not all(importlib.util.find_spec(name) for name in ("sympy", "flint")):
        raise MissingExtra("checking proofs", "proofs")
    from .coq_claims import coq_claims
    from .derivation import check
    from .ledger import as_json, changes, counts, page, record, recorded, table, write_atomically
    from .narrate import narrate, narrate_coq
    from .registry import all_claims
    from .tex import document
    from .theorem_page import theorems

    claims = all_claims()
    if options.coq:
        from .tie import write

        for path in write(options.coq, claims):
            print(path)
        return 0
    others = coq_claims()
    for name in options.ids:
        if name not in claims and name not in others:
            raise UnknownName(f"there is no claim {name!r}: {did_you_mean(name, [*claims, *others])}")
    asked = list(dict.fromkeys(options.ids or claims))
    names, reports = [name for name in asked if name in claims], []
    with working("checking", quiet=options.quiet) as step:
        for name in names:
            reports.append(check(claims[name], claims))
            step(len(reports), len(names))
    width = options.width or max(72, min(160, shutil.get_terminal_size((120, 24)).columns))
    if options.json:
        print(json.dumps(as_json(reports), ensure_ascii=False, indent=2))
    elif options.latex:
        print(document(reports), end="")
    elif options.ids:
        shown = [narrate(report, min(width, 110)) for report in reports]
        shown += [narrate_coq(others[name], min(width, 110)) for name in asked if name in others]
        print("\n".join(shown), end="")
    else:
        print(table(reports, width), end="")
        print(f"{len(others)} more claims are theorems of Coq alone (make coq-check): {', '.join(others)}\n")
        print(f"{counts(reports)}; {sum(report.nanoseconds / 1e9 for report in reports):.1f} s")
    if options.page:
        write_atomically(options.page, page(reports))
    if options.theorems:
        write_atomically(options.theorems, theorems(reports))
    if options.record and not options.ids:
        record(reports)
    changed = changes(reports, recorded(), all_run=not options.ids)
    for line in changed:
        print(f"the ledger changed: {line}", file=sys.stderr)
    return 1 if changed or any(report.verdict == "undecided" for report in reports) else 0


def _run() -> int:
    try:
        return main()
    except CompressLabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(_run())
