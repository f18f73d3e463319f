"""How an experiment's rows came about, for its page: command, seeds, data, machine.

What the folder does not tell is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from compresslab.experiments.data.tuning_texts import NEUTRAL, ROLES
from compresslab.experiments.run_record import read_runs
from compresslab.experiments.spec import of_saved, read_spec
from compresslab.report.provenance import ExperimentRun

__all__ = ["experiment_run"]


def experiment_run(folder: Path) -> ExperimentRun:
    """Return what the folder of an experiment tells about how it was run.

    Raises:
        UnreadableFile: there is no ``spec.json``.
        InvalidParameter: it, or ``run.json``, is damaged.
    """
    found, runs = read_spec(folder), read_runs(folder)
    with of_saved(f"{folder / 'spec.json'} is not a spec of an experiment as this version has it"):
        return _run_of(folder, found, runs)


def _run_of(folder: Path, found: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> ExperimentRun:
    facts = {"seeds": seeds} if (seeds := _seeds(found)) else {}
    if found.get("device"):
        facts["device"] = str(found["device"])
    command = str(runs[-1]["command"]) if runs else ""
    if runs and runs[-1]["versions"]:
        facts["machine"] = str(runs[-1].get("machine", "not recorded"))
        facts["versions"] = ", ".join(f"{name} {number}" for name, number in runs[-1]["versions"].items())
        said = "The rows were measured by this command" + (
            f", the last of {len(runs)} that added to them:" if len(runs) > 1 else ":"
        )
    else:
        facts["machine and versions"] = "not recorded with these rows"
        said = (
            "The rows are those of this command, which gives the same spec.json; files are named without their folders:"
            if command
            else "How these rows were measured is not recorded: spec.json holds all that fixes them."
        )
    return ExperimentRun(said, command, facts, dict(_digests(found)))


def _seeds(found: Mapping[str, Any]) -> str:
    if "seeds" in found:
        return _listed(found["seeds"])
    groups: dict[str, list[str]] = {}
    for arm in found.get("arms", ()):
        groups.setdefault(_listed(arm["seeds"]), []).append(str(arm["name"]))
    if len(groups) == 1:
        return next(iter(groups))
    return "; ".join(f"{seeds} ({', '.join(names)})" for seeds, names in groups.items())


def _listed(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _digests(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the data's digests: one for each source, or one of all texts in the order of dealing."""
    texts, digest = found.get("texts"), found.get("data_sha256")
    if isinstance(texts, Mapping) and texts.get("sha256"):
        given = [*(texts[role] for role in ROLES), texts.get(NEUTRAL, ())]
        sources = [str(name) for names in given for name in names]
        yield f"all texts, as dealt out: {', '.join(sources)}", str(texts["sha256"])
    if isinstance(digest, str):
        yield "the words and their probabilities", digest
    elif digest:
        yield from ((str(name), str(one)) for name, one in zip(found["data"], digest, strict=False))
    if found.get("pretrain_sha256"):
        yield f"pre-training: {', '.join(map(str, found['pretrain']))}", str(found["pretrain_sha256"])
