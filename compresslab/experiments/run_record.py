"""How an experiment was run, from what it left behind: its command line, its seeds, its data, its machine.

``spec.json`` fixes the rows, and says nothing of the preset and the options that it was made of. A run also leaves
``run.json``: the command, the versions and the kind of machine, one entry for each time that any of them was another.
Of a folder without it the command is found by trying: the preset that with the options that the spec shows gives the
same spec.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any

from compresslab import __version__
from compresslab._support.files import write_atomic
from compresslab._support.json_text import read_json
from compresslab.errors import CompressLabError, InvalidParameter
from compresslab.experiments.data.tuning_texts import ROLES
from compresslab.experiments.rebound.run import PAPER_POSITIVE
from compresslab.experiments.resistance.presets import resistance_preset
from compresslab.experiments.resistance.run import source_label
from compresslab.experiments.run import effective_spec, joint_spec
from compresslab.experiments.tuning_presets import rebound_preset, scaling_preset

__all__ = ["experiment_command", "find_command", "read_runs", "recorded_run"]

PRESETS = ("demo", "cpu", "gpu")
_PACKAGES = ("numpy", "scipy", "torch", "transformers")
Options = Mapping[str, Any]


def experiment_command(name: str, preset: str, folder: str | PathLike[str], options: Options | None = None) -> str:
    """Return the command line of an experiment, with those options alone that were given.

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
            words += [f"--{option}", _without_folder(str(value)) if option == "data" else str(value)]
    return shlex.join(words)


def _without_folder(entry: str) -> str:
    role, equals, source = entry.partition("=")
    return f"{role}={source_label(source)}" if equals and role in ROLES else source_label(entry)


def find_command(folder: str | PathLike[str], found: Mapping[str, Any]) -> str | None:
    """Return the command that gives the spec of a folder; None where no preset with any options does.

    Args:
        folder: of the experiment.
        found: what its ``spec.json`` says, as :func:`compresslab.experiments.spec.read_spec` returns it.
    """
    name = str(found["experiment"])
    if name not in _TRIED:
        return None
    for preset in PRESETS:
        for options in ({}, *_TRIED[name][1](preset, found)):
            try:
                spec = _TRIED[name][0](preset, options)
            except (CompressLabError, KeyError, TypeError, ValueError):
                continue
            if _same(spec, found):
                return experiment_command(name, preset, folder, options)
    return None


def _same(spec: Any, found: Mapping[str, Any]) -> bool:
    """Whether all that a spec says is in a saved one; sources count by their names."""
    made = json.loads(json.dumps(asdict(spec)))
    saved = json.loads(json.dumps(dict(found)))
    for key in ("data", "pretrain"):
        if key in made:
            made[key] = [source_label(source) for source in made[key]]
    if "texts" in made:
        texts = made["texts"]
        made["texts"] = {**texts, **{role: [source_label(source) for source in texts[role]] for role in ROLES}}
        saved["texts"] = {key: value for key, value in saved["texts"].items() if key in texts}
    return all(saved.get(key) == value for key, value in made.items())


def _count(seeds: Iterable[Sequence[int]]) -> int | None:
    """The number of seeds that ``--seeds`` would have given; None where they are no such range."""
    kinds = {tuple(one) for one in seeds}
    one = kinds.pop() if len(kinds) == 1 else ()
    return len(one) if one and one == tuple(range(len(one))) else None


def _with_seeds(options: Options, seeds: int | None) -> Iterator[Options]:
    yield options
    if seeds is not None:
        yield {**options, "seeds": seeds}


def _role_data(found: Mapping[str, Any]) -> list[str]:
    return [f"{role}={source}" for role in ROLES for source in found["texts"][role]]


def _try_joint(preset: str, found: Mapping[str, Any]) -> Iterator[Options]:
    yield from _with_seeds({}, _count(arm["seeds"] for arm in found["arms"]))


def _try_resistance(preset: str, found: Mapping[str, Any]) -> Iterator[Options]:
    for options in ({}, {"model": found["model"]}):
        for data in (None, list(found["data"])):
            yield from _with_seeds({"data": data, **options}, _count([found["seeds"]]))


def _try_rebound(preset: str, found: Mapping[str, Any]) -> Iterator[Options]:
    largest = found["positive"][-1] / PAPER_POSITIVE[-1]
    for model in (None, found["arms"][0]["model"]):
        for data in (None, _role_data(found)):
            for scale in (None, largest):
                options = {"data": data, "model": model, "scale": scale}
                yield from _with_seeds(options, _count(arm["seeds"] for arm in found["arms"]))


def _try_scaling(preset: str, found: Mapping[str, Any]) -> Iterator[Options]:
    for models in (None, list(found["models"])):
        for data in (None, _role_data(found)):
            yield from _with_seeds({"data": data, "model": models}, _count([found["seeds"]]))


def _resistance(preset: str, options: Options) -> Any:
    return resistance_preset(preset, model=options.get("model"), data=options.get("data") or (),
                             seeds=options.get("seeds"))  # fmt: skip


def _rebound(preset: str, options: Options) -> Any:
    return rebound_preset(preset, model=options.get("model"), data=options.get("data") or (),
                          scale=options.get("scale"), seeds=options.get("seeds"))  # fmt: skip


def _scaling(preset: str, options: Options) -> Any:
    return scaling_preset(preset, models=options.get("model") or (), data=options.get("data") or (),
                          seeds=options.get("seeds"))  # fmt: skip


# experiment -> the spec of a preset and options; the options that a saved spec may have been made with
_TRIED: dict[
    str, tuple[Callable[[str, Options], Any], Callable[[str, Mapping[str, Any]], Iterator[Options]]]
] = {
    "joint": (lambda preset, options: joint_spec(preset, options.get("seeds")), _try_joint),
    "resistance": (_resistance, _try_resistance),
    "rebound": (_rebound, _try_rebound),
    "scaling": (_scaling, _try_scaling),
    "volumes": (
        lambda preset, options: effective_spec(preset, options.get("seeds")),
        lambda preset, found: _with_seeds({}, _count([found["seeds"]])),
    ),
}  # fmt: skip


@contextmanager
def recorded_run(name: str, preset: str, folder: str | PathLike[str], options: Options | None = None) -> Iterator[None]:
    """Run the body, and leave in ``run.json`` what ran it, once that the folder holds its spec.

    What is refused (a folder of another experiment, data that is missing) leaves nothing; what is interrupted leaves
    its entry, as its rows stay too.

    Raises:
        UnreadableFile: the folder cannot be written to.
    """
    try:
        yield
    except CompressLabError:
        raise
    except BaseException:
        _record(name, preset, Path(folder), options)
        raise
    _record(name, preset, Path(folder), options)


def _record(name: str, preset: str, folder: Path, options: Options | None) -> None:
    if not (folder / "spec.json").is_file():
        return
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
        write_atomic(folder / "run.json", [text.encode()])


def read_runs(folder: str | PathLike[str]) -> list[dict[str, Any]]:
    """Return the entries of ``run.json``, oldest first; none where there is no such file.

    Raises:
        InvalidParameter: the file is no record of runs.
    """
    path = Path(folder) / "run.json"
    if not path.is_file():
        return []
    try:
        runs = read_json(path)["runs"]
        if not all(isinstance(run["command"], str) and isinstance(run["versions"], dict) for run in runs):
            raise TypeError("its entries are no runs")
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidParameter(f"{path} is no record of runs ({error}): delete it, the rows do not need it") from error
    return list(runs)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
