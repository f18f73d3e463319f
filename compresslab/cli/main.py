"""The command line: ``compresslab --help``."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from compresslab import __version__
from compresslab._support.interrupts import exit_code, speak
from compresslab._support.piping import STREAM, named
from compresslab._support.printable import printable
from compresslab._support.streams import mend_streams
from compresslab.cli.once import refuse_repeated_options
from compresslab.errors import CompressLabError

__all__ = ["COMMANDS", "app", "load_command", "main"]


# The commands in the order of the tutorial, and what each does. `--help` says so without loading any of them.
COMMANDS = {
    "tree": "Build the token tree of files, count its layers, and draw its top.",
    "rate": "Measure the code lengths of files under their own token tree, or under a language model.",
    "score": "Score responses given their prompts: bits per byte and per token, nats, perplexity; all models on all "
    "data.",
    "elasticity": "Measure what a perturbation does to pre-training and alignment data (no files: the embedded "
    "corpora).",
    "probe": "Predict what fine-tuning a model on new data will do to its pre-training, alignment and other data.",
    "audit": "Measure how elastic an aligned model is: what new data undoes of its alignment, and what comes back.",
    "corpora": "List the embedded corpora: real text that every Python has.",
    "prove": "Check every theorem, exactly, and print the ledger, or whole proofs by ID.",
    "experiment": "Run an experiment; killed at any point, it resumes.",
    "report": "Write report.html and its figures from the rows of a finished experiment.",
    "demo": "Run it all on the embedded corpora: elasticity, a small model probed, trained networks; some minutes.",
    "compress": "Compress any file: by the embedded byte model (slow: under 1 MB a second) or by a language model.",
    "decompress": "Decompress a .clz file, checking every byte.",
    "verify": "Decode a .clz file to nowhere, checking every byte.",
    "info": "Say what a .clz file holds, after checking its header, index and chunk heads.",
}
_SETTINGS: dict[str, dict[str, Any]] = {"prove": {"ignore_unknown_options": True, "help_option_names": []}}


class _Root(TyperGroup):
    """All commands, each loaded when it is used; an interrupted one says what it leaves behind, in one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name=name, help=said) for name, said in COMMANDS.items()}
        self.loaded: dict[str, Any] = {}
        self.listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if self.listing or cmd_name not in COMMANDS:
            return self.commands.get(cmd_name)
        if cmd_name not in self.loaded:
            self.loaded[cmd_name] = load_command(cmd_name)
        return self.loaded[cmd_name]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self.listing = False

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            speak(stop)
            raise typer.Exit(exit_code()) from stop


def load_command(name: str) -> Any:
    """Return a command; its module is loaded for it."""
    found = importlib.import_module(f"compresslab.cli.{name}").command
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, context_settings=_SETTINGS.get(name))
        alone.command(name)(found)
        found = alone
    refuse_repeated_options(found)
    loaded = typer.main.get_command(found)
    loaded.name = name
    return loaded


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


# command -> the options that take several values, one after the other
_MANY = {
    "elasticity": ("--pretrain", "--align", "--perturb", "--k", "--l"),
    "probe": ("--pretrain", "--align", "--other", "--perturb"),
    "audit": ("--pretrain", "--align", "--perturb"),
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
    if not debug:  # where a package in Rust panics, it says one line and not a hundred
        os.environ["RUST_BACKTRACE"] = "0"
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
    "probe": "a smaller --batch or --length",
    "audit": "a smaller --batch or --length, or --lora",
    "compress": "fewer --workers, or a smaller --chunk-size",
    "decompress": "fewer --workers",
    "verify": "fewer --workers",
}


def _said(error: CompressLabError | MemoryError, given: Sequence[str]) -> str:
    """Return what an error says; if memory ran out, also what to try."""
    if not isinstance(error, MemoryError):
        return str(error)
    said = str(error) if isinstance(error, CompressLabError) else f"memory ran out ({error or 'none is left'})"
    less = _LESS.get(given[0]) if given else None
    return f"{said}: give less data at once{', or ' + less if less else ''}, or free memory"


def _as_path(argument: str) -> str:
    """Return an argument; ``./-`` and its like become absolute paths, which are never taken for ``-``."""
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
    """Run a command and flush what it printed, so that a failure to write it is an error like any other."""
    try:
        app(given, prog_name="compresslab", obj=typed)
    except SystemExit:
        if sys.stdout is not None:
            sys.stdout.flush()
        raise


def _drop_output() -> None:
    """Drop what could not be written: Python would try again when it ends, and complain."""
    with suppress(OSError, ValueError):  # ValueError: no real file, as in a test
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
