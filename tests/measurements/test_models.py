"""What the command line says about models: rates beside other means, tables, and work on several processes."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from rich.console import Console

from compresslab import Dataset, TokenTree, entropy_bits
from compresslab.data.texts import Texts
from compresslab.lm.scoring import score, tokenize
from compresslab.lm.tree_model import TreeModel
from compresslab.lm.windows import Windows
from compresslab.measurements.model_rate import general_compressors, measure_model_rate
from compresslab.measurements.model_rate_page import model_rate_table
from compresslab.report.terminal import table_view

if TYPE_CHECKING:
    from compresslab.lm.hugging_face import HuggingFaceModel

TEXTS = Texts.pack(["to be or not to be", "that is the question", "é"])


def drawn(view: object) -> str:
    console = Console(width=110, file=io.StringIO())
    with console.capture() as held:
        console.print(view)
    return held.get()


def test_a_rate_stands_beside_the_tree_and_the_compressors() -> None:
    model = TreeModel.of(Dataset.from_texts(TEXTS), 2, "windows", smoothing=0.1)
    result = measure_model_rate(model, TEXTS, "hamlet", windows=Windows(8, 4), depth=3)
    raw = TEXTS.buffer.tobytes()
    data = Dataset.from_texts(TEXTS)
    scores = score(model, data, Windows(8, 4))
    tree = TokenTree.build(data, 3)
    assert result.bits == scores.total_bits
    assert result.bits_per_byte == pytest.approx(scores.total_bits / len(raw))
    assert result.bits_per_token == pytest.approx((scores.total_bits - scores.eos_bits) / len(raw))
    assert result.error_bits_per_byte == scores.standard_error()
    assert result.tree_bits_per_byte == pytest.approx(tree.total * entropy_bits(tree.leaves().probabilities) / len(raw))
    assert result.general_bits_per_byte["gzip -9"] == 8 * len(gzip.compress(raw, 9)) / len(raw)
    assert (result.window, result.stride, result.responses, result.tokens, result.symbols) == (8, 4, 3, 40, 43)
    table = drawn(table_view(model_rate_table([result])))
    for shown in (f"{result.bits_per_byte:.4f}", "hamlet", "gzip -9", "windows of 8, 4 new tokens each", "d = 3"):
        assert shown in table
    alone = measure_model_rate(model, TEXTS, eos=False, baselines=False)
    assert (alone.symbols, alone.eos_bits, alone.tree_bits_per_byte, alone.general_bits_per_byte) == (40, 0, None, {})
    assert "not counted" in drawn(table_view(model_rate_table([alone])))


def test_empty_texts_have_bits_but_no_rate_per_byte() -> None:
    model = TreeModel.of(Dataset.from_texts(TEXTS), 2, "windows", smoothing=0.1)
    result = measure_model_rate(model, Texts.pack(["", ""]))
    assert result.bits > 0
    assert (result.bits_per_byte, result.bits_per_token, result.tokens) == (None, None, 0)


def test_general_compressors_give_the_sizes_of_their_programs() -> None:
    data = b"to be or not to be, " * 50
    sizes = general_compressors(data)
    assert gzip.decompress(gzip.compress(data, 9)) == data
    assert sizes["xz -9e"] == len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    assert set(sizes) <= {"gzip -9", "xz -9e", "zstd -19"}


SCRIPT = """
import json, sys, torch
torch.set_num_threads(1)
from compresslab.lm.checkpoints import load
from compresslab.lm.distributed import processes
from compresslab.lm.scoring import score_everywhere, tokenize
from compresslab.lm.windows import Windows
model = load(sys.argv[1], device="cpu")
data = tokenize(model, ["to be or not to be", "", "that is the question"] * 3)
scores = score_everywhere(model, data, Windows(8, 4), batch_tokens=16, resume=sys.argv[2] + "/journal")
mine, of = processes()
open(f"{sys.argv[2]}/{mine}.json", "w").write(json.dumps([of, scores.nats.tolist()]))
"""


@pytest.mark.slow
def test_two_processes_score_as_one_does(make_llama: Callable[..., HuggingFaceModel], tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="needs the extra 'lm'")
    from compresslab.lm.checkpoints import save

    model = make_llama()
    save(model, tmp_path / "llama")
    (tmp_path / "script.py").write_text(SCRIPT)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [sys.executable, *launch, str(tmp_path / "script.py"), str(tmp_path / "llama"), str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    data = tokenize(model, ["to be or not to be", "", "that is the question"] * 3)
    wanted = score(model, data, Windows(8, 4), batch_tokens=16)
    for process in range(2):
        of, nats = json.loads((tmp_path / f"{process}.json").read_text())
        assert of == 2
        assert np.array(nats) == pytest.approx(wanted.nats, abs=1e-5)
    parts = [np.fromfile(tmp_path / f"journal.{i}", "<f8", wanted.nats.size, offset=64) for i in range(2)]
    assert (np.isnan(parts[0]) != np.isnan(parts[1])).all()  # each did its share, and nothing twice
