"""``compresslab tree --tokens``: trees of token files from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from compresslab._support import jit
from compresslab.cli.main import main
from compresslab.data.dataset import Dataset
from compresslab.trees.tree import TokenTree

needs_numba = pytest.mark.skipif(not jit.available(), reason="numba (extra 'scale') is not installed")


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    try:
        main(list(arguments))
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


@needs_numba
def test_token_files_are_counted_and_saved(tmp_path, capsys):
    np.array([1, 2, 9, 1, 2, 1, 9, 3], "<u2").tofile(tmp_path / "a.bin")
    arguments = [
        "--tokens",
        "--eos",
        "9",
        "--depth",
        "3",
        "--save",
        str(tmp_path / "t"),
        "--memory",
        "4GB",  # of the whole process, and other tests may have loaded torch into this one
        "--json",
        "-q",
    ]
    code, out, err = run(capsys, "tree", str(tmp_path / "a.bin"), *arguments)
    assert (code, err) == (0, "")
    want = TokenTree.build(Dataset.from_token_lists([[1, 2], [1, 2, 1], [3]], 4), 3)
    assert TokenTree.load(tmp_path / "t") == want
    got = json.loads(out)
    assert (got["name"], got["phrases"], got["leaves"], got["nodes"]) == ("a.bin", 4, want.num_leaves, want.num_nodes)
    code, out, _ = run(capsys, "tree", str(tmp_path / "a.bin"), "--tokens", "--eos", "9", "--depth", "3")
    assert code == 0
    assert "a.bin" in out


def test_options_for_token_files_need_the_switch(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("to be")
    code, _, err = run(capsys, "tree", str(tmp_path / "a.txt"), "--memory", "1GB")
    assert code != 0
    assert "--memory is for token files: add --tokens, or leave it out" in " ".join(err.split())
