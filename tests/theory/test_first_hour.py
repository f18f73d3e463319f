"""What a new user tries in the first hour: it works, or the message says what to give instead."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

import compresslab as cl
from compresslab.errors import EmptyDataset, InvalidDistribution, InvalidParameter, InvalidVolume

TEXTS = [["to be", "or not"], ["that is", "the question"], ["to sleep", "no more"]]


def scenario() -> cl.Elasticity:
    return cl.Elasticity.contained(*map(cl.Dataset.from_texts, TEXTS), k=10, depth=2)


def test_a_mixture_of_a_scenario_keeps_the_leaves_of_its_trees() -> None:
    tree = cl.TokenTree.build(cl.Dataset.from_texts(TEXTS[1]), depth=2)
    mixed = scenario().mixture(0.5).distribution
    assert set(map(tuple, tree.leaves().keys.tolist())) <= set(map(tuple, mixed.keys.tolist()))
    own = cl.normalized_rate(tree.leaves(), mixed).value
    lengths = scenario().code_lengths_nats(0.5)
    import math

    assert own + math.log2(len(tree.leaves())) == pytest.approx(lengths.align / math.log(2), rel=1e-12)


def test_the_mixture_before_the_perturbation_is_that_of_the_other_two() -> None:
    before = scenario().mixture(0)
    assert (before.names, before.volumes.tolist()) == (("pretrain", "align"), [10.0, 1.0])
    near = scenario().mixture(1e-9).distribution.as_dict()
    for key, value in before.distribution.as_dict().items():
        assert near[key] == pytest.approx(value, abs=1e-8)
    with pytest.raises(InvalidVolume):
        scenario().mixture(-1)
    with pytest.raises(InvalidVolume, match="give l above 0"):
        scenario().forces(0)


def test_an_argument_that_is_not_a_dataset_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"of a Dataset, not of list: give Dataset\.from_texts\(texts\)"):
        cl.TokenTree.build(["a"], depth=2)  # type: ignore[arg-type]


def test_an_argument_with_leaves_is_named() -> None:
    data = cl.Dataset.from_texts(["ab"])
    with pytest.raises(InvalidDistribution, match=r"not a TokenTree: give its leaves, \.leaves\(\)"):
        cl.entropy_bits(cl.TokenTree.build(data, 2))  # type: ignore[arg-type]
    with pytest.raises(
        InvalidDistribution, match=r"not a Dataset: give TokenTree\.build\(dataset, depth\)\.leaves\(\)"
    ):
        cl.entropy_bits(data)  # type: ignore[arg-type]


def test_the_package_lists_its_public_names_alone() -> None:
    assert [name for name in dir(cl) if not name.startswith("__")] == sorted(
        name for name in cl.__all__ if not name.startswith("__")
    )
    assert repr(scenario()).startswith("Elasticity(k=10, ")


def test_json_lines_may_be_an_array_or_packed(tmp_path: Path) -> None:
    rows = [{"text": "to be"}, {"text": "or not"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    for name in ("a.json", "b.jsonl.gz"):
        assert cl.Dataset.from_jsonl(tmp_path / name).num_responses == 2


def test_several_fields_are_refused_with_what_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a", "response": "b"}')
    with pytest.raises(InvalidParameter, match=r"not one name: read several with Dataset\.concat, or prompts"):
        cl.Dataset.from_jsonl(path, field=["prompt", "response"])  # type: ignore[arg-type]


@pytest.mark.parametrize("split", ["line", "word", "sentence"])
def test_an_empty_file_is_called_empty_whatever_the_split(tmp_path: Path, split: str) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(EmptyDataset, match=r"empty\.txt: no responses: the text is empty or blank$"):
        cl.Dataset.from_files(tmp_path / "empty.txt", split=split)
