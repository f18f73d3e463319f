"""The tie: the formal goals of a claim, printed for Coq, each closed by the theorem that Coq's library has of it.

``coq/ties.json`` holds, goal by goal, the line that closes it: a term of the library, or a tactic of ``coq/Tie.v``; Coq
checks it, so nothing there is believed. The statements are printed from the claims alone (:mod:`.coqtext`): where a
goal says more than its theorem, or something else, the printed file no longer compiles. Claims of Coq that are not tied
stand there too, each with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compresslab._support.files import write_atomic
from compresslab.errors import UnreadableFile

from .coqtext import goal_text
from .facts import Claim

__all__ = ["COQ", "FILES", "Tie", "not_tied", "printed", "ties", "write"]

COQ = Path(__file__).with_name("coq")
FILES = 2  # two cores compile two files at once
_MORE = re.compile(r"\.\s|\(\*|\*\)|\"")  # the end of a sentence, a comment, a string
_HEAD = """\
(* Printed by `python -m proofs --coq FOLDER` from the formal goals of the kernel; do not edit. See README.md. *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Statements Tie.
Open Scope R_scope.
"""


@dataclass(frozen=True)
class Tie:
    """How the goals of a claim are closed: ``by`` is a term of the library, which a goal's line names ``@``."""

    by: str
    goals: tuple[str, ...]

    def tactic(self, number: int) -> str:
        """Return the tactic that closes a goal, counted from 0.

        Raises:
            ValueError: it is more than one sentence of Coq, and might leave the goal and prove another.
        """
        line = self.goals[number].replace("@", f"({self.by})")
        line = line if line.endswith(".") else f"tie ({line})."
        if _MORE.search(line):
            raise ValueError(f"{line!r}: one sentence without a comment closes a goal, so that its Qed speaks of it")
        return line


@cache
def _table() -> dict[str, dict[str, object]]:
    path = COQ / "ties.json"
    if not path.is_file():
        raise UnreadableFile(f"{path} is not here: the theorems of Coq are in a checkout, not in an installed package")
    table: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    return table


def ties() -> dict[str, Tie]:
    """Return how each tied claim is closed.

    Raises:
        UnreadableFile: this is not a checkout.
    """
    entries: dict[str, dict[str, object]] = _table()["tied"]  # type: ignore[assignment]
    return {name: Tie(str(entry["by"]), tuple(entry["goals"])) for name, entry in entries.items()}  # type: ignore[arg-type]


def not_tied() -> dict[str, str]:
    """Return why each other claim that Coq has is not tied.

    Raises:
        UnreadableFile: this is not a checkout.
    """
    reasons: dict[str, str] = _table()["not_tied"]  # type: ignore[assignment]
    return dict(reasons)


def printed(claim: Claim, tie: Tie) -> str:
    """Return a claim's goals as theorems, each with its proof.

    Raises:
        ValueError: the claim has more or fewer goals than the tie has lines.
        NotPrinted: a goal has no form in Coq.
    """
    theorems = [f"(* {claim.id} *)"]
    lines = zip(claim.goals, tie.goals, strict=True)
    for number, (goal, _) in enumerate(lines):
        name = f"{claim.id.replace('-', '_')}_goal_{number + 1}"
        theorems.append(f"Theorem {name} : {goal_text(claim, goal)}.\nProof. intros. {tie.tactic(number)} Qed.")
    return "\n".join(theorems) + "\n"


def write(folder: Path, claims: Mapping[str, Claim]) -> list[Path]:
    """Write the goals of all tied claims into ``Goals1.v``, ``Goals2.v``, .. in a folder; an unchanged file is left.

    Raises:
        UnreadableFile: this is not a checkout.
    """
    parts = [printed(claims[name], tie) for name, tie in ties().items()]
    paths = []
    for number in range(FILES):
        path, text = folder / f"Goals{number + 1}.v", _HEAD + "\n" + "\n".join(parts[number::FILES])
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_atomic(path, [text.encode()])
        paths.append(path)
    return paths
