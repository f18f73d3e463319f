"""The command line, in this process: hostile files and values, and what it prints of them."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import typer.main

from compresslab.cli.main import main
from compresslab.coding import EmbeddedModel
from compresslab.errors import CompressLabError

from . import clz_files, clz_forge, token_files
from .chance import EDGES, damaged, hostile_text, json_text, twist_json
from .clz_forge import facts_of
from .engine import REFUSED, Game, Kind
from .tree_files import Parts, pack_tree, some_tree

__all__ = ["KINDS", "warm"]

CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
NUMBERS: Final = (
    *("0", "-1", "1e308", "-1e308", "nan", "inf", "-inf", "1e-320", "0.5", "1,5", "", " ", "9" * 400, "0x10", "1_000"),
    *("٣", *map(str, EDGES[::7])),
)
DEPTHS: Final = (*NUMBERS[:15], "1", "2", "9", "70", "65536", "4294967296", str(1 << 64))
PATHS: Final = (
    *("", ".", "..", "/", "/dev/null", "nothing.here", "~nosuchuser/x", "-", "--", "a" * 256, "x" * 5000, "\0"),
    *("\x1b[31m", "a\nb", "http://x/y", "/proc/self/mem", "/proc/self/root/nothing", "%s"),
)


def run(game: Game, where: str, arguments: list[str]) -> tuple[int, str, str] | Any:
    """Run a command; whatever is not an exit code of 0, 1 or 2 and plain lines is a fault."""
    out, err = io.StringIO(), io.StringIO()

    def call() -> int:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(arguments)
            except SystemExit as end:
                return int(end.code or 0) if isinstance(end.code, (int, type(None))) else 1
        return 0

    def refused() -> None:
        raise CompressLabError(err.getvalue())

    code = game.attempt(where, call)
    if code is REFUSED:
        return REFUSED
    shown, said = out.getvalue(), err.getvalue()
    if code:
        game.read -= 1
        game.attempt(where, refused)
    game.check(where, code in {0, 1, 2}, f"ended with code {code}")
    for text in (shown, said):
        game.check(where, not CONTROL.search(text), "printed control characters")
        game.check(where, "Traceback" not in text, "printed a trace")
    if code == 1 and "--recover" not in arguments:
        game.check(where, said.startswith("compresslab: ") and said.count("\n") == 1, "did not say why in one line")
    return code, shown, said


def some_option(chance: random.Random, options: dict[str, tuple[str, ...]]) -> list[str]:
    out: list[str] = []
    for name in chance.sample(sorted(options), chance.choice((0, 1, 1, 2, 3))):
        values = options[name]
        if not values:
            out.append(name)
        else:
            value = chance.choice(values) if chance.random() < 0.6 else hostile_text(chance)
            out += [name, value] if chance.random() < 0.7 else [f"{name}={value}"]
    return out


MEASURED: Final[dict[str, tuple[str, ...]]] = {
    "--depth": DEPTHS,
    "--parse": ("phrases", "prefix", "windows"),
    "--tokenizer": ("bits", "bytes", "words", "hf:no/such"),
    "--split": ("line", "sentence", "word", "document"),
    "--encoding": (*token_files.DESCRS, "latin-1", "utf-16"),
    "--json": (),
}
RATE: Final = {**MEASURED, "--no-code": (), "--window": NUMBERS, "--stride": NUMBERS, "--batch": NUMBERS}
TREE: Final = {
    **MEASURED,
    "--layers": NUMBERS,
    "--children": NUMBERS,
    "--save": ("out.tree", *PATHS),
    "--vocab-size": NUMBERS,
}
ELASTICITY: Final = {
    **MEASURED,
    "--k": NUMBERS,
    "--l": NUMBERS,
    "--epsilon": NUMBERS,
    "--natural": (),
    "--seed": NUMBERS,
}
TOKEN_TREE: Final = {
    "--depth": DEPTHS, "--eos": NUMBERS, "--dtype": token_files.DESCRS, "--column": PATHS, "--vocab-size": NUMBERS,
    "--memory": ("400MB", "1TB", "-1GB", "nanGB", "1e999GB", *NUMBERS), "--json": (), "--parse": ("windows", "prefix"),
}  # fmt: skip


def some_text(game: Game) -> str:
    chance = game.chance
    if chance.random() < 0.15:
        return chance.choice(PATHS)
    data = b"to be or not\nto be, that is\nthe question\n" * chance.randrange(1, 4)
    if chance.random() < 0.3:
        data = damaged(chance, data)
    name = chance.choice(("t.txt", "t\x1b[31m.txt", "[bold]t.txt", "t\u202e.txt", "t'.txt", "é.txt"))
    return str(game.write(name, data))


def play_measures(game: Game) -> None:
    """rate, tree and elasticity, with values that no one gives."""
    chance = game.chance
    command = chance.choice(("rate", "tree", "elasticity"))
    if command == "elasticity":
        files = [part for name in ("--pretrain", "--align", "--perturb") for part in (name, some_text(game))]
        run(game, command, [command, *files, *some_option(chance, ELASTICITY)])
        return
    options = some_option(chance, RATE if command == "rate" else TREE)
    options = [str(game.folder / part) if part == "out.tree" else part for part in options]
    run(game, command, [command, *options, some_text(game)])


def play_models(game: Game) -> None:
    """rate and compress under a tree that is forged, or a model that is none."""
    chance = game.chance
    body = pack_tree(Parts(some_tree(chance.choice((2, 7, 12, 3, 0)))))
    path = game.write("m.tree", damaged(chance, body) if chance.random() < 0.6 else body)
    name = (
        f"tree:{path}"
        if chance.random() < 0.8
        else chance.choice(("tree:", "tinny", "tree:nothing", "", "x/y", "a.gguf"))
    )
    options = ["--window", "8"] if chance.random() < 0.3 else []
    run(game, "rate --model", ["rate", "--model", name, *options, some_text(game)])
    if chance.random() < 0.3:
        run(
            game,
            "compress --model",
            ["compress", "--model", name, "--out", str(game.folder / "c.clz"), some_text(game)],
        )


def play_coding(game: Game) -> None:
    """info, verify, decompress and recovery of forged files, whose texts are hostile too."""
    chance = game.chance
    file, _ = clz_files.forged(chance, EmbeddedModel(), 6)
    for twist in chance.sample(sorted(clz_files.TWISTS), chance.choice((1, 1, 2))):
        clz_files.TWISTS[twist](chance, file)
    if chance.random() < 0.3:
        clz_files.twist_text(chance, file)
    trap = chance.random() < 0.15 and _trap(game, file)
    path = str(game.write(chance.choice(("f.clz", "f\x1b[31m.clz", "[red]f.clz")), file.packed()))
    out = str(game.folder / "out")
    for arguments in (
        ["info", path],
        ["info", "--json", path],
        ["verify", "--workers", "1", path],
        ["decompress", "--workers", "1", "--out", out, path],
        ["decompress", "--recover", "--workers", "1", "--force", "--out", out, path],
        ["decompress", "--workers", chance.choice(NUMBERS[:7]), "--force", "--out", chance.choice(PATHS[:4]), path],
    ):
        if chance.random() < 0.5:
            if chance.random() < 0.1:
                arguments += ["--model", chance.choice(("tinny", "tree:nothing", "", "~nosuchuser/x"))]
            run(game, arguments[0], arguments)
    if trap:
        game.check("model", not Path(trap).exists(), "ran the code of a folder that the header names")


def _trap(game: Game, file: clz_forge.Forged) -> str:
    """Have the header name a model that is there: a tree, with hostile settings, or a folder with code of its own."""
    chance, mark = game.chance, str(game.folder / "mark")
    settings: dict[str, Any] = {"streams": 4, "segment": 64, "numpy": "2", "processor": "x86_64"}
    if chance.random() < 0.5:
        model = f"tree:{game.write('m.tree', pack_tree(Parts(some_tree(2))))}"
        settings = twist_json(chance, settings, chance.choice((1, 2)))
    else:
        auto = {"AutoConfig": "trap.Config", "AutoModelForCausalLM": "trap.Model"}
        game.write("config.json", json.dumps({"model_type": "trap", "auto_map": auto}).encode())
        game.write("trap.py", f"open({mark!r}, 'w')".encode())
        model = f"hf:{game.folder}"
    held = json.loads(facts_of(EmbeddedModel(), 0, 1).text or b"{}")
    text = json_text(chance, {**held, "model": model, "settings": settings})
    clz_files.set_text(file, text)
    return mark


def play_tokens(game: Game) -> None:
    """tree --tokens, with any options."""
    chance = game.chance
    name = chance.choice(("t.bin", "t.npy", "t.txt", "t.idx"))
    path = game.write(name, bytes(range(60)) * 2 if chance.random() < 0.7 else chance.randbytes(40))
    if chance.random() < 0.2:
        game.write("t.idx", b"MMIDIDX\x00\x00" + chance.randbytes(40))
    options = some_option(chance, TOKEN_TREE)
    if "--memory" not in " ".join(options):
        options += ["--memory", "1GB"]
    run(game, "tree --tokens", ["tree", "--tokens", *options, str(path)])


KINDS = (
    Kind("commands: rate, tree, elasticity", play_measures, 3),
    Kind("commands: models", play_models, 1),
    Kind("commands: .clz", play_coding, 4),
    Kind("commands: token files", play_tokens, 2),
)


def warm(folder: Path) -> None:
    """Have what commands import imported."""
    from compresslab._support import progress

    progress._PATIENCE = 600.0  # no progress bars: they start a thread
    typer.main.get_command = lru_cache(typer.main.get_command)  # which takes longer than what the commands do
    texts, tokens = folder / "t.txt", folder / "t.bin"
    texts.write_bytes(b"to be or not\nto be\n" * 3)
    tokens.write_bytes(bytes(range(60)) * 2)
    given = [["--help"], *([command, str(texts)] for command in ("rate", "tree"))]
    roles = ("--pretrain", "--align", "--perturb")
    given.append(["elasticity", *(part for role in roles for part in (role, str(texts)))])
    for dtype in ("u1", "<u2", "<u4", "<i8"):  # every kernel is compiled for the types that it is called with
        for depth in (1, 3, 9, 63, 65, 300):
            given += [["tree", "--tokens", "--dtype", dtype, "--depth", str(depth), "--parse", parse, str(tokens)]
                      for parse in ("phrases", "windows")]  # fmt: skip
    for arguments in given:
        with (
            contextlib.suppress(SystemExit),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            main(arguments)
