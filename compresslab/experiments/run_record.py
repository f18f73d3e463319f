"""How an experiment was run, from what it left behind: its command line, its seeds, its data, its machine.

``spec.json`` fixes the rows, and says nothing of the preset and the options that it was made of. A run also leaves
``run.json``: the command, the versions and the kind of machine, one entry for each time that any of them was another.
Versions and machine of rows that are older than this record are "not recorded".
"""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any

from compresslab import __version__
from compresslab._support.files import write_atomic
from compresslab._support.json_text import read_json
from compresslab.errors import InvalidParameter
from compresslab.experiments.data.tuning_texts import ALL_ROLES, source_label

__all__ = ["experiment_command", "read_runs", "record_run"]

_PACKAGES = ("numpy", "scipy", "torch", "transformers")
Options = Mapping[str, Any]


def experiment_command(name: str, preset: str, folder: str | PathLike[str], options: Options | None = None) -> str:
    """Return the command line of an experiment, with only the options that were given.

    Args:
        name: of the experiment.
        preset: "demo", "cpu" or "gpu".
        folder: where its rows are; its own name is written, and no path.
        options: option -> value, or several; None is an option that was not given. Sources are written without their
            folders, as in ``spec.json``.

    Example:
        >>> experiment_command("rebound", "cpu", "/tmp/x", {"data": ["positive=/home/me/good.txt"], "seeds": 3})
        'compresslab experiment rebound --preset cpu --out x --data positive=good.txt --seeds 3'
    """
    words = ["compresslab", "experiment", name, "--preset", preset, "--out", Path(folder).absolute().name]
    for option, given in (options or {}).items():
        values = given if isinstance(given, list | tuple) else [] if given is None else [given]
        for value in values:
            words += [f"--{option}", _without_folder(str(value)) if option in ("data", "neutral") else str(value)]
    return shlex.join(words)


def _without_folder(entry: str) -> str:
    role, equals, source = entry.partition("=")
    return f"{role}={source_label(source)}" if equals and role in ALL_ROLES else source_label(entry)


def record_run(name: str, preset: str, folder: str | PathLike[str], options: Options | None = None) -> None:
    """Add the command, versions and machine of a run to ``run.json``, unless the same entry is there.

    To be called before the first row or stage is added to the folder: so even a run that is killed is recorded.

    Raises:
        InvalidParameter: the ``run.json`` that is there is not a record of runs.
        UnreadableFile: the folder cannot be written to.
    """
    entry = {
        "command": experiment_command(name, preset, folder, options),
        "versions": {
            "compresslab": __version__,
            **{package: _version(package) for package in _PACKAGES},
            "Python": f"{platform.python_version()} ({platform.python_implementation()}, {platform.system()})",
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
    }
    runs = read_runs(folder)
    if entry not in runs:
        text = json.dumps({"runs": [*runs, entry]}, indent=2, ensure_ascii=False) + "\n"
        write_atomic(Path(folder) / "run.json", [text.encode()])


def read_runs(folder: str | PathLike[str]) -> list[dict[str, Any]]:
    """Return the entries of ``run.json``, oldest first; none where there is no such file.

    Raises:
        InvalidParameter: the file is not a record of runs.
    """
    path = Path(folder) / "run.json"
    if not path.is_file():
        return []
    try:
        runs = read_json(path)["runs"]
        if not all(isinstance(run["command"], str) and isinstance(run["versions"], dict) for run in runs):
            raise TypeError("its entries are not runs")
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidParameter(
            f"{path} is not a record of runs ({error}): delete it, the rows do not need it"
        ) from error
    return list(runs)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
