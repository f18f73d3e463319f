"""The command line: ``compresslab --help``."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from compresslab import __version__
from compresslab._support.interrupts import exit_code, speak
from compresslab._support.piping import STREAM, named
from compresslab._support.printable import printable
from compresslab._support.streams import mend_streams
from compresslab.cli.coding import add_coding_commands
from compresslab.cli.corpora import corpora_command
from compresslab.cli.demo import add_demo_command
from compresslab.cli.elasticity import elasticity_command
from compresslab.cli.experiment import add_experiment_command
from compresslab.cli.once import refuse_repeated_options
from compresslab.cli.output import say, show, show_json
from compresslab.cli.prove import prove_command
from compresslab.cli.rate import rate_command
from compresslab.cli.report import add_report_command
from compresslab.cli.score import score_command
from compresslab.cli.tree import tree_command
from compresslab.errors import CompressLabError

__all__ = ["app", "main"]


# The tasks in the order of the tutorial; a command that is not here comes last.
_ORDER = ["tree", "rate", "score", "elasticity", "corpora", "prove", "experiment", "report", "demo"]
_ORDER += ["compress", "decompress", "verify", "info"]


class _Root(TyperGroup):
    """All commands: an interrupted one says what it leaves behind, in one line."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=lambda name: (*_ORDER, name).index(name))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            speak(stop)
            raise typer.Exit(exit_code()) from stop


app = typer.Typer(
    name="compresslab",
    cls=_Root,
    help="What fine-tuning does to the data a language model was trained on, measured in bits.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole trace of an error (works anywhere).")] = False,
) -> None:
    if version:
        print(f"compresslab {__version__}")
        raise typer.Exit


app.command("rate")(rate_command)
app.command("score")(score_command)
app.command("tree")(tree_command)
app.command("elasticity")(elasticity_command)
app.command("corpora")(corpora_command)
app.command("prove", context_settings={"ignore_unknown_options": True, "help_option_names": []})(prove_command)
add_coding_commands(app, say)
add_experiment_command(app, show, show_json)
add_report_command(app)
add_demo_command(app, show, show_json)
refuse_repeated_options(app)

# command -> the options that take several values, one after the other
_MANY = {
    "elasticity": ("--pretrain", "--align", "--perturb", "--k", "--l"),
    "score": ("--model", "-m", "--data"),
}


def spread(arguments: Sequence[str]) -> list[str]:
    """Let an option take several values: ``--k 1 10`` becomes ``--k 1 --k 10``.

    Example:
        >>> spread(["elasticity", "--pretrain", "a", "b", "--align", "c", "--json"])
        ['elasticity', '--pretrain', 'a', '--pretrain', 'b', '--align', 'c', '--json']
    """
    many = _MANY.get(arguments[0], ()) if arguments else ()
    out: list[str] = []
    option, values = "", 0
    for argument in arguments:
        if argument.startswith("-") and argument != STREAM and not _is_number(argument):
            name, joined, _ = argument.partition("=")
            option, values = (name if name in many else ""), len(joined)
        elif option:
            if values:
                out.append(option)
            values += 1
        out.append(argument)
    return out


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors become one line on standard error.

    Exit codes: 0 done, 1 an error in the data or the files, 2 a wrong call, 128 and the number of a signal that
    stopped it (Ctrl-C: 130, SIGTERM: 143).
    """
    # Read by OpenMP when torch is loaded. Threads that spin while they wait are 10 times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    mend_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [_as_path(argument) for argument in given if argument != "--debug"]
    typed = list(given)
    given = spread(given)
    try:
        with _third_parties(silent=bool({"-q", "--quiet"} & set(given))):
            _run(given, typed)
    except KeyboardInterrupt as error:  # a second one
        raise SystemExit(exit_code()) from error
    except (CompressLabError, MemoryError) as error:
        if debug:
            raise
        print(f"compresslab: {printable(' '.join(named(_said(error, given)).split()))}", file=sys.stderr)
        raise SystemExit(1) from error
    except BrokenPipeError as error:  # the reader (head, less) has gone
        _drop_output()
        raise SystemExit(1) from error
    except OSError as error:
        if debug:
            raise
        where = "standard output" if error.filename is None else error.filename
        print(
            f"compresslab: cannot use {printable(str(where))}: {(error.strerror or str(error)).lower()}",
            file=sys.stderr,
        )
        _drop_output()
        raise SystemExit(1) from error


# command -> what makes it take less memory
_LESS = {
    "rate": "a smaller --depth (with --model: --batch or --window)",
    "score": "a smaller --batch or --window",
    "tree": "a smaller --depth (token files: --memory)",
    "elasticity": "a smaller --depth",
    "compress": "fewer --workers, or a smaller --chunk-size",
    "decompress": "fewer --workers",
    "verify": "fewer --workers",
}


def _said(error: CompressLabError | MemoryError, given: Sequence[str]) -> str:
    """Return what an error says, and where memory ran out what to try."""
    if not isinstance(error, MemoryError):
        return str(error)
    said = str(error) if isinstance(error, CompressLabError) else f"memory ran out ({error or 'none is left'})"
    less = _LESS.get(given[0]) if given else None
    return f"{said}: give less data at once{', or ' + less if less else ''}, or free memory"


def _as_path(argument: str) -> str:
    """Return an argument, ``./-`` and its like in a form that stays apart from ``-`` when it becomes a path."""
    return os.path.abspath(argument) if argument != STREAM and os.path.normpath(argument) == STREAM else argument


@contextmanager
def _third_parties(*, silent: bool) -> Iterator[None]:
    """Keep what other packages warn of from the terminal, unless Python was told what to do with warnings."""
    if not silent:
        yield
        return
    for name, value in _SILENT.items():  # read when the packages are loaded, in this process or in a worker
        os.environ.setdefault(name, value)
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


_SILENT = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "KMP_WARNINGS": "0",
}


def _run(given: list[str], typed: list[str]) -> None:
    """Run a command; what it printed is out before it ends, or that is an error like any other."""
    try:
        app(given, prog_name="compresslab", obj=typed)
    except SystemExit:
        if sys.stdout is not None:
            sys.stdout.flush()
        raise


def _drop_output() -> None:
    """Have what could not be written be dropped, instead of tried again, and complained of, when Python ends."""
    with suppress(OSError, ValueError):  # ValueError: no real file, as in a test
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
