"""Log-probabilities from elsewhere: what is written scores to the same numbers, and what cannot be right is refused."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import compresslab as cl
from compresslab.errors import CorruptFile, InvalidDistribution, InvalidParameter, UnreadableFile
from compresslab.lm.log_prob_files import read_log_probs
from compresslab.lm.tree_model import TreeModel
from compresslab.lm.windows import Windows
from compresslab.measurements.score import score

PAIRS = [("Boil rice?", "Ten minutes."), ("Peel corn?", "By hand."), ("And beans?", "Ten minutes.")]
TREE = TreeModel.of(cl.Dataset.from_texts([text for _, text in PAIRS]), 3, "windows", smoothing=0.1)
ANY = st.one_of(st.text(max_size=6).filter(lambda text: not {"\ud800"} & set(text)), st.binary(max_size=6))


def written(path: Path, *lines: Any) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def numbers(cell: Any) -> dict[str, Any]:
    """What must be the same whether a model scores or its file does."""
    own = ("name", "model", "fingerprint", "seconds", "exact", "context_tokens", "control_tokens")
    return {key: value for key, value in vars(cell).items() if key not in own}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(st.tuples(st.sampled_from([b"", b"a", b"\xff"]), ANY.filter(len)), min_size=1, max_size=5),
    eos=st.booleans(),
    window=st.sampled_from([None, Windows(4, 2)]),
)
def test_a_file_written_here_scores_to_the_same_numbers(
    tmp_path: Path, pairs: Any, eos: bool, window: Windows | None
) -> None:
    path = tmp_path / "lp.jsonl"
    try:
        direct = score({"m": TREE}, {"data": pairs}, windows=window, eos=eos, save_log_probs=path)
    except cl.CompressLabError:  # a lone surrogate, which is no text
        return
    back = score(f"logprobs:{path}", {"data": pairs}, eos=eos)
    one, other = (numbers(next(iter(table.scores.values()))) for table in (direct, back))
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert other[key] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), key
    assert not back.unused


def test_several_datasets_of_one_model_share_a_file(tmp_path: Path) -> None:
    data = {"pairs": PAIRS, "alone": [text for _, text in PAIRS], "again": PAIRS[1:]}
    direct = score({"m": TREE}, data, save_log_probs=tmp_path / "lp.jsonl")
    back = score({"m": f"logprobs:{tmp_path / 'lp.jsonl'}"}, data)
    for key, cell in direct.scores.items():
        assert back.scores[key].bits == pytest.approx(cell.bits, rel=1e-9)
    assert score(f"logprobs:{tmp_path / 'lp.jsonl'}", {"pairs": PAIRS}).unused == {
        f"logprobs:{tmp_path / 'lp.jsonl'}": 5
    }
    with pytest.raises(InvalidParameter, match="2 models' log-probabilities do not fit into one file"):
        score({"m": TREE, "n": TREE}, data, save_log_probs=tmp_path / "two")


def test_numbers_of_a_file_are_computed_by_hand(tmp_path: Path) -> None:
    lines = [
        {"response": "Ten minutes.", "prompt": "Boil rice?", "logprobs": [-1.0, -0.5], "eos_logprob": -0.25, "id": 7},
        {"response": "By hand.", "logprobs": [-2.0, 0.0, -0.5], "tokens": ["By", " hand", "."], "eos_logprob": -1},
    ]
    path = written(tmp_path / "lp.jsonl", *lines)
    cell = score(f"logprobs:{path}", PAIRS[:2]).scores[f"logprobs:{path}", "data"]
    assert cell.bits == pytest.approx((1.5 + 0.25 + 2.5 + 1) / math.log(2))
    assert cell.bits_per_byte == pytest.approx((1.5 + 0.25 + 2.5 + 1) / math.log(2) / 20)
    assert cell.nats_per_token == pytest.approx(4.0 / 5)
    assert cell.perplexity == pytest.approx(math.exp(0.8))
    assert (cell.tokens, cell.symbols, cell.responses, cell.context_tokens) == (5, 7, 2, None)
    without = score(f"logprobs:{path}", PAIRS[:2], eos=False).scores[f"logprobs:{path}", "data"]
    assert (without.bits, without.eos_bits) == (pytest.approx(4.0 / math.log(2)), 0)
    packed = tmp_path / "lp.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert score({"m": f"logprobs:{packed}"}, PAIRS[:2]).scores["m", "data"].bits == cell.bits


def test_sums_alone_give_bits_per_byte_and_nothing_per_token(tmp_path: Path) -> None:
    path = written(
        tmp_path / "lp.jsonl", *({"response": text, "logprob": -3.0} for text in ("Ten minutes.", "By hand."))
    )
    cell = score({"m": f"logprobs:{path}"}, PAIRS[:2], eos=False).scores["m", "data"]
    assert cell.bits_per_byte == pytest.approx(6 / math.log(2) / 20)
    per_token = (cell.tokens, cell.symbols, cell.bits_per_token, cell.nats_per_token, cell.perplexity)
    assert per_token == (None,) * 5
    mixed = written(
        tmp_path / "mixed", {"response": "Ten minutes.", "logprob": -3.0}, {"response": "By hand.", "logprobs": [-1]}
    )
    with pytest.raises(InvalidParameter, match=r"line 1 of .* gives the sum .* and line 2 of .* gives each"):
        score(f"logprobs:{mixed}", PAIRS[:2], eos=False)


def test_digests_stand_for_texts(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"Ten minutes.").hexdigest()
    path = written(tmp_path / "lp.jsonl", {"response_sha256": digest.upper(), "logprobs": [-1.0]})
    assert score({"m": f"logprobs:{path}"}, PAIRS[:1], eos=False).scores["m", "data"].bits == pytest.approx(
        1 / math.log(2)
    )


def test_prompts_choose_between_lines_of_one_response(tmp_path: Path) -> None:
    lines = [{"prompt": prompt, "response": text, "logprobs": [-float(i)]} for i, (prompt, text) in enumerate(PAIRS, 1)]
    path = written(tmp_path / "lp.jsonl", *reversed(lines))
    found = read_log_probs(path)
    from compresslab.data.texts import Texts

    prompts, texts = (Texts.pack([pair[i] for pair in PAIRS]) for i in (0, 1))
    assert found.scored(texts, prompts, eos=False).scores.nats.tolist() == [1.0, 2.0, 3.0]
    for line in lines:
        del line["prompt"]
    in_order = read_log_probs(written(path, *lines))
    assert in_order.scored(texts, prompts, eos=False).scores.nats.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(InvalidParameter, match="names no prompt, and its response stands behind 2 different ones"):
        read_log_probs(written(path, *lines[:2])).scored(texts, prompts, eos=False)
    twice = Texts.pack(["By hand.", "By hand."])
    assert read_log_probs(written(path, lines[1])).scored(twice, eos=False).scores.nats.tolist() == [2.0, 2.0]


GOOD = {"response": "Ten minutes.", "logprobs": [-1.0]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"logprobs": [-1.0]}, "line 1 of .* names no response"),
        ({"response": 3, "logprobs": [-1.0]}, "response is a text, not 3"),
        ({"response": "a"}, "needs either logprobs"),
        ({**GOOD, "logprob": -1.0}, "needs either logprobs"),
        ({"response": "a", "logprobs": []}, "has no log-probability of its response"),
        ({"response": "a", "logprobs": -1.0}, "logprobs is a list of one number a token, not -1.0"),
        ({"response": "a", "logprobs": [-1.0, 0.3]}, r"logprobs\[1\] of line 1 of .* is 0.3, above 0"),
        ({"response": "a", "logprobs": [None]}, r"is null: where the first token of a text has none \(vLLM\)"),
        ({"response": "a", "logprobs": ["-1"]}, "is '-1', not a finite number"),
        ({"response": "a", "logprobs": [True]}, "is True, not a finite number"),
        ({"response": "a", "logprobs": [math.nan]}, "is nan, not a finite number"),
        ({"response": "a", "logprobs": [-math.inf]}, "is -inf, not a finite number"),
        ({"response": "a", "logprobs": [-(10**400)]}, "not a finite number"),
        ({**GOOD, "eos_logprob": 2}, "eos_logprob of line 1 of .* is 2, above 0"),
        ({**GOOD, "tokens": ["Ten", " minutes."]}, "has 2 tokens and 1 logprobs"),
        ({**GOOD, "token_ids": [1, 2]}, "has 2 token_ids and 1 logprobs"),
        ({**GOOD, "token_ids": ["a"]}, "token_ids are whole numbers, from 0"),
        ({**GOOD, "token_ids": [1 << 70]}, "token_ids are whole numbers, from 0"),
        ({**GOOD, "token_ids": [-1]}, "token_ids are whole numbers, from 0"),
        ({**GOOD, "response_sha256": "0" * 64}, "does not have the SHA-256 that it says"),
        ({"response_sha256": "abc", "logprobs": [-1.0]}, "response_sha256 is 64 hexadecimal digits"),
        ({"compresslab_logprobs": 2}, "is about the file itself, of version 2"),
        ([1], "is not a JSON object"),
    ],
)
def test_a_line_that_cannot_be_right_is_named(tmp_path: Path, line: Any, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        read_log_probs(written(tmp_path / "lp.jsonl", line))


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        read_log_probs(tmp_path / "missing")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(CorruptFile, match="holds no log-probabilities"):
        read_log_probs(tmp_path / "empty")
    with pytest.raises(CorruptFile, match="stands in the first line"):
        read_log_probs(written(tmp_path / "late", GOOD, {"compresslab_logprobs": 1}))


def test_a_response_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "lp.jsonl", GOOD)
    with pytest.raises(InvalidParameter, match=r"response 2 of data, 'By hand\.', .* does not have it \(1 of 3 are"):
        score(f"logprobs:{path}", {"data": PAIRS}, eos=False)
    other = written(path, {**GOOD, "prompt": "Boil wheat?"})
    with pytest.raises(InvalidParameter, match=r"has it behind other prompts only \(1 of 1 are missing\)"):
        score(f"logprobs:{other}", {"data": PAIRS[:1]}, eos=False)
    with pytest.raises(InvalidParameter, match=r"has no eos_logprob.*\(--no-eos, eos=False\)"):
        score(f"logprobs:{written(path, GOOD)}", PAIRS[:1])


def test_a_symbol_of_probability_0_is_not_written(tmp_path: Path) -> None:
    sharp = TreeModel.of(cl.Dataset.from_texts(["a"]), 2, smoothing=0.0)
    with pytest.raises(InvalidDistribution, match="response 2 of data has a symbol of probability 0"):
        score(sharp, {"data": ["a", "b"]}, save_log_probs=tmp_path / "lp")
    assert not list(tmp_path.iterdir())


def test_a_rounding_above_0_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "lp.jsonl", {"response": "a", "logprobs": [6e-8]})
    assert read_log_probs(path).lines[None, hashlib.sha256(b"a").hexdigest()][0].nats.tolist() == [-6e-8]


# ---- what the docs say that others write ----

DOCS = Path(__file__).parents[2] / "docs" / "language-models.md"


def converter(word: str) -> str:
    """The code block of the docs that holds a word."""
    blocks = DOCS.read_text(encoding="utf-8").split("```py\n")[1:]
    (found,) = [one.split("```")[0] for one in blocks if word in one.split("```")[0]]
    return str(found)


def test_the_docs_convert_what_vllm_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'lm'")
    pytest.importorskip("tokenizers", reason="needs the extra 'lm'")
    import sys
    from types import ModuleType, SimpleNamespace

    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    from tests.lm.tokenizer_zoo import saved_model

    folder = saved_model(tmp_path / "m", "byte_bpe", eos_token="<|end|>", bos_token="<|start|>")

    class LLM:
        """As vLLM's: for every token of a prompt what it gives, none for the first."""

        def __init__(self, name: str) -> None:
            self.module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

        def get_tokenizer(self) -> Any:
            return PreTrainedTokenizerFast.from_pretrained(folder)

        def generate(self, prompts: Any, params: Any) -> Any:
            assert (params.prompt_logprobs, params.max_tokens) == (0, 1)
            for prompt in prompts:
                ids = prompt["prompt_token_ids"]
                with torch.no_grad():
                    logp = torch.log_softmax(self.module(torch.tensor([ids[:-1]])).logits[0], -1)
                found = [
                    {one: SimpleNamespace(logprob=float(row[one]))} for one, row in zip(ids[1:], logp, strict=True)
                ]
                yield SimpleNamespace(prompt_logprobs=[None, *found])

    fake = ModuleType("vllm")
    fake.LLM, fake.SamplingParams = LLM, SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", fake)
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "pairs.jsonl", *({"prompt": prompt, "response": text} for prompt, text in PAIRS))
    exec(converter("import LLM"), {})
    table = score({"there": "logprobs:logprobs.jsonl", "here": str(folder)}, tmp_path / "pairs.jsonl")
    there, here = table.scores["there", "pairs.jsonl"], table.scores["here", "pairs.jsonl"]
    assert there.bits == pytest.approx(here.bits, rel=1e-5)
    assert (there.tokens, there.symbols, there.bytes) == (here.tokens, here.symbols, here.bytes)


def test_the_docs_convert_what_the_evaluation_harness_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sample = {
        "arguments": {
            "gen_args_0": {"arg_0": "Is it?", "arg_1": " yes"},
            "gen_args_1": {"arg_0": "Is it?", "arg_1": " no"},
        },
        "resps": [[["-1.5", "True"]], [["-2.5", "False"]]],
    }
    written(tmp_path / "samples_TASK.jsonl", sample)
    exec(converter("samples_TASK"), {})
    cell = score({"m": "logprobs:logprobs.jsonl"}, {"d": "logprobs.jsonl"}, eos=False).scores["m", "d"]
    assert (cell.bits, cell.bytes) == (pytest.approx(4.0 / math.log(2)), 7)
