"""Reports of finished experiments whose spec or rows say something else, under checksums that are right."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from compresslab.cli.report import experiment_page
from compresslab.experiments.experiment import read
from compresslab.experiments.registry import EXPERIMENTS, get_experiment
from compresslab.experiments.row_source import experiment_run
from compresslab.experiments.spec import read_spec
from compresslab.report.provenance import provenance

from .chance import hostile_json, twist_json
from .engine import Game, Kind
from .records import line_of

__all__ = ["KINDS", "warm"]

RESULTS: Final = Path(__file__).resolve().parents[2] / "docs" / "results"


@lru_cache(maxsize=8)
def results(folder: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the spec and the rows of a finished experiment, without checksums."""
    rows = [json.loads(line) for line in (RESULTS / folder / "rows.jsonl").read_bytes().splitlines()]
    for row in rows:
        del row["checksum"]
    return json.loads((RESULTS / folder / "spec.json").read_bytes()), rows


FOLDERS: Final = ("rebound-demo", "resistance-cpu", "scaling-cpu", "effective-volumes-cpu")
KNOWN: Final = (*EXPERIMENTS, "volumes")
PAGED: Final = ("rebound", "resistance")  # whose pages take half a second, not many


def play_report(game: Game) -> None:
    """A page of a finished experiment whose spec or rows say something else, under right checksums."""
    chance = game.chance
    spec, rows = results(chance.choice(FOLDERS))
    lines = list(_lines_of(spec["experiment"]))
    if chance.random() < 0.6:
        spec = twist_json(chance, spec)
    else:
        which = chance.choice(("one", "all", "less"))
        at = chance.randrange(len(rows))
        if which == "less":
            lines = lines[: chance.randrange(len(lines))]
        else:
            key = chance.choice(sorted(rows[at]))
            value = hostile_json(chance) if chance.random() < 0.7 else 0.0
            for i, row in enumerate(rows):
                if (i == at) if which == "one" else (key in row and i % 7 == at % 7):
                    lines[i] = line_of({**row, key: value})
    game.write("spec.json", json.dumps(spec).encode())
    game.write("rows.jsonl", b"".join(lines))
    game.attempt("page", _page, game.folder)


def _page(folder: Path) -> Any:
    name = read_spec(folder)["experiment"]
    if name in PAGED and in_four(folder):
        return experiment_page(folder, provenance(["x"], [], files=[], experiment=experiment_run(folder)))
    experiment_run(folder)
    return read(get_experiment(name if name in KNOWN else "rebound"), folder)


def in_four(folder: Path) -> bool:
    """Make the whole page of one in four: it takes long. Which, the files decide."""
    files = (folder / "spec.json").read_bytes() + (folder / "rows.jsonl").read_bytes()
    return hashlib.sha256(files).digest()[0] < 64


@lru_cache(maxsize=8)
def _lines_of(experiment: str) -> tuple[bytes, ...]:
    folder = next(one for one in FOLDERS if results(one)[0]["experiment"] == experiment)
    return tuple(line_of(row) for row in results(folder)[1])


KINDS = (Kind("records: reports", play_report, 1),)


def warm(folder: Path) -> None:
    """Load what makes pages."""
    for name in FOLDERS:
        results(name)
        _lines_of(results(name)[0]["experiment"])
        _page(RESULTS / name)
    experiment_page(RESULTS / FOLDERS[0], provenance(["x"], [], files=[]))
