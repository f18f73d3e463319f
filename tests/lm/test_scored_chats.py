"""``score`` lays conversations out as ``rate --model`` does, and says so; its log-probabilities keep the numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="needs the extra 'lm'")

TALK = [
    {"role": "user", "content": "How do I boil rice?"},
    {"role": "assistant", "content": "Take a slow start. <|stop|>"},
]


@pytest.mark.slow
def test_score_lays_conversations_out_as_rate_does(
    run: Callable[..., tuple[int, str, str]], zoo_folder: Callable[[str], Any], tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"messages": TALK}) + "\n")
    model, device = ("--model", zoo_folder("byte_bpe")), ("--device", "cpu")
    found = []
    for layout in ((), ("--template", "none"), ("--control-tokens",)):
        one = json.loads(run("score", *model, "--data", path, *layout, *device, "--json")[1])["scores"][0]
        rate = json.loads(run("rate", path, *model, *layout, *device, "--json")[1])
        same = set(one) & set(rate) - {"seconds", "model"}
        assert {"bits", "template", "template_sha256", "read_control_tokens", "prefix_token"} <= same
        assert {key: one[key] for key in same} == {key: rate[key] for key in same}
        found.append(one["bits"])
    assert len(set(found)) == 3
    shown = " ".join(run("score", *model, "--data", path, *device)[1].split())
    assert "laid out by the chat template of the tokenizer (SHA-256 " in shown
    saved = tmp_path / "lp.jsonl"
    assert run("score", *model, "--data", path, *device, "--save-logprobs", saved)[0] == 0
    back = json.loads(run("score", "--model", f"logprobs:{saved}", "--data", path, "--json")[1])["scores"][0]
    assert back["bits"] == pytest.approx(found[0], rel=1e-9)
    code, _, err = run("score", "--model", f"logprobs:{saved}", "--data", path, "--template", "none")
    assert code == 1
    assert "--template: logprobs:" in err
