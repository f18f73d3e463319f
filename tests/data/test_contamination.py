"""Texts that stand in other data are found, by what a loop in plain Python finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compresslab.data.contamination import RUN, Overlap, overlaps
from compresslab.data.texts import Texts

ROLES = st.lists(st.binary(min_size=0, max_size=130).map(lambda one: bytes(b % 3 for b in one)), max_size=6)


def plain(texts: list[bytes], others: list[bytes]) -> tuple[int, int]:
    held, wholes = {one[i : i + RUN] for one in others for i in range(len(one) - RUN + 1)}, set(others)
    count = size = 0
    for one in texts:
        inside = [one in wholes] * len(one)
        for i in range(len(one) - RUN + 1):
            if one[i : i + RUN] in held:
                inside[i : i + RUN] = [True] * RUN
        count += any(inside)
        size += sum(inside)
    return count, size


@settings(max_examples=50, deadline=None)
@given(ROLES, ROLES, st.binary(min_size=RUN - 1, max_size=RUN + 30), st.booleans())
@example([b""], [b""], b"x" * RUN, True)
def test_shared_texts_are_those_of_a_plain_loop(
    one: list[bytes], other: list[bytes], shared: bytes, within: bool
) -> None:
    one, other = [*one, b"ab" + shared + b"c", b""], [*other, shared[:-1] + b"q", shared if within else b"z"]
    found = {(o.role, o.other): (o.shared_texts, o.shared_bytes) for o in overlaps(
        {"a": Texts.pack(one), "b": Texts.pack(other)}
    )}  # fmt: skip
    assert found.get(("a", "b"), (0, 0)) == plain(one, other)
    assert found.get(("b", "a"), (0, 0)) == plain(other, one)


def test_no_run_goes_from_one_text_into_the_next() -> None:
    half = np.random.default_rng(0).bytes(40)
    roles = {"a": Texts.pack([half, half[::-1]]), "b": Texts.pack([half + half[::-1]])}
    assert overlaps(roles) == []


def test_a_large_role_is_looked_at_in_part_and_it_says_so() -> None:
    rng = np.random.default_rng(1)
    shared = [rng.bytes(400) for _ in range(50)]
    roles = {"a": Texts.pack(shared), "b": Texts.pack([b"x" + one for one in shared] + [rng.bytes(300)])}
    (first, _) = overlaps(roles, places=4096)
    assert first.every == 5
    assert first.shared_texts == 50  # each has some 70 runs that are taken
    assert 0.8 * first.bytes < first.shared_bytes <= first.bytes
    assert str(first).startswith("at least 50 of 50 a texts (")
    (whole, _) = overlaps(roles)
    assert (whole.shared_bytes, whole.every) == (whole.bytes, 1)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = np.random.default_rng(2).bytes(2000)
    roles = {"a": Texts.pack([text, text[:60]]), "b": Texts.pack([text[700:900], text[5:80]])}
    once = overlaps(roles)
    monkeypatch.setattr("compresslab.data.contamination._CHUNK", 64)
    assert overlaps(roles) == once
    assert once[0] == Overlap("a", "b", 2, 2, 200 + 75 + 55, 2060)


@pytest.mark.slow
def test_elasticity_says_what_stands_in_the_data_of_another_role(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    lines = {
        "pretrain": ["Whether 'tis nobler in the mind to suffer the slings and arrows of outrageous fortune"],
        "align": ["Hamlet asks whether it is so", "nobler in the mind to suffer the slings and arrows of outrageous"],
        "perturb": ["To sleep, perchance to dream"],
    }
    for role, texts in lines.items():
        (tmp_path / f"{role}.txt").write_text("\n".join(texts) + "\n")
    files = [part for role in lines for part in (f"--{role}", tmp_path / f"{role}.txt")]
    said = "1 of 2 align texts (64 of 92 bytes) stand in the pretrain data: whole, or in runs of 50 bytes."
    code, out, _ = run("elasticity", *files, "--report", tmp_path / "page")
    assert code == 0
    assert said in " ".join(out.split())
    assert said in " ".join((tmp_path / "page" / "report.html").read_text().split())
    shared = json.loads(run("elasticity", *files, "--json")[1])["shared"]
    assert [(one["role"], one["other"], one["shared_bytes"]) for one in shared] == [
        ("pretrain", "align", 64), ("align", "pretrain", 64),
    ]  # fmt: skip
