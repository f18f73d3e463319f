"""The command line: ``compresslab --help``."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from typer.core import TyperGroup

from compresslab import __version__
from compresslab._support.interrupts import exit_code, speak
from compresslab._support.piping import STREAM, named
from compresslab._support.printable import printable, printable_json
from compresslab._support.progress import working
from compresslab._support.safe_console import SafeConsole
from compresslab._support.streams import mend_streams, speaks_unicode
from compresslab.cli.coding import add_coding_commands
from compresslab.cli.demo import add_demo_command
from compresslab.cli.experiment import add_experiment_command
from compresslab.cli.model_options import PANEL, Device, Dtype, Scoring, rate_under_model, refuse
from compresslab.cli.piped_arguments import output_file, piped_argument
from compresslab.cli.report import ReportTo, add_report_command
from compresslab.data.corpora import corpus_info, corpus_names, default_scenario
from compresslab.data.dataset import Dataset
from compresslab.data.readers import check_encoding, read_files
from compresslab.data.splitting import check_unit, split_texts
from compresslab.data.texts import Texts
from compresslab.data.tokenizers import Tokenizer, check_tokenizer_name, get_tokenizer
from compresslab.errors import CompressLabError, InvalidParameter
from compresslab.measurements.elasticity import DEFAULT_L, build_scenarios, check_numbers, measure_scenarios
from compresslab.measurements.elasticity_page import elasticity_page
from compresslab.measurements.pages import rate_page, tree_page
from compresslab.measurements.rate import measure_rate
from compresslab.measurements.tables import corpora_table, elasticity_view, rate_table, tree_view
from compresslab.measurements.tree import measure_tree
from compresslab.report.page import write_report
from compresslab.report.provenance import provenance
from compresslab.trees.drawing import top_branches
from compresslab.trees.phrases import check_depth, check_parse
from compresslab.trees.tree import TokenTree

__all__ = ["app", "main"]


# The tasks in the order of the tutorial; a command that is not here comes last.
_ORDER = ["tree", "rate", "elasticity", "corpora", "prove", "experiment", "report", "demo"]
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

_DEFAULT_L = " ".join(f"{x:g}" for x in DEFAULT_L)
_PAGE_WIDTH = 120  # columns where the output is not a terminal
_CHILDREN_DRAWN = 20  # of a node, in a report

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Text files, or directories (read recursively); - is standard input.",
        show_default=False,
        callback=piped_argument,
    ),
]
Depth = Annotated[int, typer.Option("--depth", "-d", help="Symbols per phrase, d.", callback=check_depth)]
Parse = Annotated[str, typer.Option(help="How responses are cut: phrases, prefix or windows.", callback=check_parse)]
TokenizerName = Annotated[
    str, typer.Option("--tokenizer", "-t", help="bits, bytes, words, or hf:NAME.", callback=check_tokenizer_name)
]
Split = Annotated[str, typer.Option(help="What a response is: line, sentence, word or document.", callback=check_unit)]
Encoding = Annotated[
    str, typer.Option(help="utf-8 keeps bytes as they are; others are converted to it.", callback=check_encoding)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole trace of an error (works anywhere).")] = False,
) -> None:
    if version:
        print(f"compresslab {__version__}")
        raise typer.Exit


@app.command("rate")
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
            show_default="line; --model: document",
            callback=lambda unit: None if unit is None else check_unit(unit),
        ),
    ] = None,
    encoding: Encoding = "utf-8",
    model: Annotated[
        str | None, typer.Option(help="A language model instead of the tree: smollm2, tiny, hf:NAME, tree:FILE.")
    ] = None,
    code: Annotated[bool, typer.Option(help="Code the files under their tree, and decode them again.")] = True,
    window: Annotated[
        int | None,
        typer.Option(help="Tokens it reads at once.", show_default="1024, or its context", rich_help_panel=PANEL),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            help="New tokens in each window; fewer: more context.", show_default="the window", rich_help_panel=PANEL
        ),
    ] = None,
    eos: Annotated[bool, typer.Option(help="Count the end of each response.", rich_help_panel=PANEL)] = True,
    batch: Annotated[
        int | None,
        typer.Option(help="Tokens of a batch.", show_default="by the memory", min=1, rich_help_panel=PANEL),
    ] = None,
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
    if model is not None:
        refuse(context, ("parse", "tokenizer", "code"), "of no use with --model, leave it out")
        scoring = Scoring(window, stride, eos, batch, resume, depth)
        rate_under_model(
            files, model, split or "document", encoding, scoring,
            device=device, dtype=dtype, report=report, command=_arguments(context),
            as_json=as_json, quiet=quiet, show=_print, show_json=_print_json,
        )  # fmt: skip
        return
    refuse(
        context, ("window", "stride", "eos", "batch", "device", "dtype", "resume"),
        "only for language models, add --model or leave it out",
    )  # fmt: skip
    with working("reading", quiet=quiet):
        sets = _read_each(files, tokenizer, split or "line", encoding)
    if len(sets) > 1:
        sets.append(Dataset.concat(sets, name="all"))
    results = []
    for dataset in sets:
        with working(f"measuring {dataset.name}", quiet=quiet):
            results.append(measure_rate(dataset, depth, parse, code=code))
    if as_json:
        singles = results[:-1] if len(results) > 1 else results
        _print_json({**asdict(results[-1]), "files": [asdict(result) for result in singles]})
    else:
        _print(rate_table(results))
    if report is not None:
        with working("writing the report", quiet=quiet):
            trees = [TokenTree.build(dataset, depth, parse) for dataset in sets]
            page = rate_page(results, trees, provenance(_arguments(context), sets, files=files))
            written = write_report(page, report)
        _announce(f"Report: {written}", as_json)


@app.command("tree")
def tree_command(
    context: typer.Context,
    files: Files,
    depth: Depth = 4,
    parse: Parse = "phrases",
    tokenizer: TokenizerName = "bytes",
    split: Split = "line",
    encoding: Encoding = "utf-8",
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
    if tokens:
        if report is not None:
            raise InvalidParameter("--report is not for token files: leave out --report or --tokens")
        _tree_of_tokens(files, depth, parse, save, choices, (layers, children), as_json=as_json, quiet=quiet)
        return
    for option, value in choices.items():
        if value is not None:
            name = option.replace("_", "-")
            raise InvalidParameter(f"--{name} is for token files: add --tokens, or leave it out")
    with working("reading", quiet=quiet):
        sets = _read_each(files, tokenizer, split, encoding)
        dataset = sets[0] if len(sets) == 1 else Dataset.concat(sets)
    with working("counting phrases", quiet=quiet):
        tree = TokenTree.build(dataset, depth, parse)
        result = measure_tree(tree)
    if save is not None:
        tree.save(save)
    if as_json:
        _print_json({"name": dataset.name, "tokenizer": tokenizer, **asdict(result)})
    else:
        _print(tree_view(result, top_branches(tree, dataset.tokenizer, layers, children), dataset.name))
    if report is not None:
        with working("writing the report", quiet=quiet):
            top = top_branches(tree, dataset.tokenizer, layers, max(children, _CHILDREN_DRAWN))
            source = provenance(_arguments(context), [dataset], files=files)
            written = write_report(tree_page(result, tree, top, dataset.name or "the data", source), report)
        _announce(f"Report: {written}", as_json)


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
        _print_json({"name": name, "tokenizer": None, **asdict(result)})
    else:
        _print(tree_view(result, top_branches(top_of(tree, drawn[0]), None, *drawn), name))


@app.command("elasticity")
def elasticity_command(
    context: typer.Context,
    pretrain: Annotated[
        list[Path] | None,
        typer.Option(
            help="Pre-training data D_p: one or more files, the parts.", show_default=False, callback=piped_argument
        ),
    ] = None,
    align: Annotated[
        list[Path] | None, typer.Option(help="Alignment data D_a.", show_default=False, callback=piped_argument)
    ] = None,
    perturb: Annotated[
        list[Path] | None, typer.Option(help="Perturbation data D_t.", show_default=False, callback=piped_argument)
    ] = None,
    k: Annotated[list[float] | None, typer.Option(help="|D_p| / |D_a|; may be repeated.", show_default="10")] = None,
    l: Annotated[  # noqa: E741 - the paper's symbol
        list[float] | None,
        typer.Option(
            "--l", help="|D_t| / |D_a|; may be repeated.", show_default=", ".join(f"{x:g}" for x in DEFAULT_L)
        ),
    ] = None,
    depth: Depth = 4,
    parse: Parse = "phrases",
    tokenizer: TokenizerName = "bytes",
    split: Split = "line",
    encoding: Encoding = "utf-8",
    natural: Annotated[
        bool, typer.Option("--natural", help="Mix the parts of D_p by their sizes, not in equal volumes.")
    ] = False,
    epsilon: Annotated[float, typer.Option(help="KL in nats at which alignment counts as undone.")] = 0.01,
    seed: Seed = 0,
    report: ReportTo = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure what a perturbation does to pre-training and alignment data (no files: the embedded corpora)."""
    ks = k or [10.0]
    check_numbers(ks, l or DEFAULT_L, epsilon)
    given = {"--pretrain": pretrain, "--align": align, "--perturb": perturb}
    missing = [option for option, paths in given.items() if not paths]
    with working("reading", quiet=quiet) as step:
        if len(missing) == len(given):
            scenario = default_scenario(split, seed, tokenizer, progress=step)
            parts, aligned, perturbed = scenario.pretrain, scenario.align, scenario.perturb
        elif missing or not (pretrain and align and perturb):
            raise InvalidParameter(
                f"no {' and no '.join(missing)}: give files for all of --pretrain, --align and --perturb, "
                "or for none (the embedded corpora)"
            )
        else:
            sets = _read_each([*pretrain, *align, *perturb], tokenizer, split, encoding)
            cut = len(pretrain), len(pretrain) + len(align)
            parts = {f"{i} {dataset.name}": dataset for i, dataset in enumerate(sets[: cut[0]], start=1)}
            aligned, perturbed = Dataset.concat(sets[cut[0] : cut[1]]), Dataset.concat(sets[cut[1] :])
    with working("measuring", quiet=quiet):
        built = build_scenarios(parts, aligned, perturbed, k=ks[0], depth=depth, parse=parse, equal_volumes=not natural)
        result = measure_scenarios(built, k=ks, l=l or DEFAULT_L, epsilon=epsilon)
    if as_json:
        _print_json(asdict(result))
    else:
        _print(elasticity_view(result))
    if report is not None:
        with working("writing the report", quiet=quiet):
            files = [*(pretrain or ()), *(align or ()), *(perturb or ())]
            sets = [*parts.values(), aligned, perturbed]
            source = provenance(_arguments(context), sets, files=files, seed=None if files else seed)
            written = write_report(elasticity_page(result, built, source), report)
        _announce(f"Report: {written}", as_json)


@app.command("corpora")
def corpora_command(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the embedded corpora: real text that every Python has."""
    infos = []
    for name in corpus_names():
        with working(f"making {name}", quiet=quiet) as step:
            infos.append(corpus_info(name, progress=step))
    if as_json:
        _print_json({"corpora": [asdict(info) for info in infos]})
    else:
        _print(corpora_table(infos))


@app.command("prove", context_settings={"ignore_unknown_options": True, "help_option_names": []})
def prove_command(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]... [--json] [--latex] [--quiet] [--help]", show_default=False)
    ] = None,
) -> None:
    """Check every theorem, exactly, and print the ledger, or whole proofs by ID."""
    prove = importlib.import_module(_proofs_package() + ".__main__")
    raise typer.Exit(prove.main(arguments or []))


def _proofs_package() -> str:
    """In a wheel the proofs are ``compresslab.proofs``; in a checkout they are the folder beside the package."""
    return "compresslab.proofs" if importlib.util.find_spec("compresslab.proofs") else "proofs"


def _read_each(paths: Sequence[Path], tokenizer: str, split: str, encoding: str) -> list[Dataset]:
    """Read each path as a dataset of its own, all with one tokenizer."""
    found = [read_files(path, encoding=encoding) for path in paths]
    texts = [split_texts(one.texts, split) for one in found]
    shared: str | Tokenizer = get_tokenizer(tokenizer, Texts.concat(texts) if tokenizer == "words" else None)
    return [Dataset.from_texts(text, shared, name=one.label) for text, one in zip(texts, found, strict=True)]


def _arguments(context: typer.Context) -> list[str]:
    """Return the command line as it was given."""
    return list(context.obj or [])


def _announce(line: str, as_json: bool) -> None:
    """Print a line beside the result: standard output belongs to the JSON if there is any."""
    print(printable(line), file=sys.stderr if as_json else sys.stdout)


def _print(view: RenderableType) -> None:
    if sys.stdout is not None and sys.stdout.isatty():
        SafeConsole().print(view)
        return
    page = SafeConsole(file=io.StringIO(), width=_PAGE_WIDTH)
    with page.capture() as printed:
        page.print(view, crop=False)
    print("\n".join(line.rstrip() for line in printed.get().split("\n")), end="")


def _say(values: dict[str, Any], line: str, as_json: bool) -> None:
    if as_json:
        _print_json(values)
    else:
        print(printable(line, lines=True))


def _print_json(value: Any) -> None:
    print(printable_json(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=not speaks_unicode(), default=str)))


add_coding_commands(app, _say)
add_experiment_command(app, _print, _print_json)
add_report_command(app)
add_demo_command(app, _print, _print_json)

_MANY = ("--pretrain", "--align", "--perturb", "--k", "--l")


def spread(arguments: Sequence[str]) -> list[str]:
    """Let an option take several values: ``--k 1 10`` becomes ``--k 1 --k 10``.

    Example:
        >>> spread(["elasticity", "--pretrain", "a", "b", "--align", "c", "--json"])
        ['elasticity', '--pretrain', 'a', '--pretrain', 'b', '--align', 'c', '--json']
    """
    out: list[str] = []
    option, values = "", 0
    for argument in arguments:
        if argument.startswith("-") and argument != STREAM and not _is_number(argument):
            option, values = (argument if argument in _MANY else ""), 0
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
    if given[:1] == ["elasticity"]:
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
