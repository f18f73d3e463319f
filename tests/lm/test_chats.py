"""Conversations by the model's chat template: what counts is what plain torch and transformers count."""

from __future__ import annotations

import html
import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compresslab.data.door import read_data
from compresslab.data.templates import ChatTemplate, read_template, render
from compresslab.data.texts import Texts
from compresslab.data.turns import Turn
from compresslab.errors import InvalidParameter, NotText
from compresslab.lm.documents import Layout, documents_of
from compresslab.measurements.model_rate import ModelRateResult, measure_model_rate

pytest.importorskip("transformers", reason="needs the extra 'lm'")

from compresslab.lm.checkpoints import load, save
from tests.lm.tokenizer_zoo import BARE_CHAT, CHAT, NAMED, SPECIALS, ZOO, saved_model

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")

TALKS: list[list[dict[str, str]]] = [
    [
        {"role": "system", "content": "Take a slow look."},
        {"role": "user", "content": "How do I boil rice?"},
        {"role": "assistant", "content": "Take a slow start."},
        {"role": "user", "content": "  caf\u00e9\n"},
        {"role": "assistant", "content": "na\u00efve corn"},
    ],
    [{"role": "user", "content": "How do I peel corn?"}, {"role": "assistant", "content": "lait"}],
]
Zoo = Callable[[str], Any]


def turns_of(talk: Sequence[dict[str, str]]) -> tuple[Turn, ...]:
    return tuple(Turn(one["role"], one["content"].encode()) for one in talk)


def rated(model: Any, talks: list[list[dict[str, str]]], **layout: Any) -> ModelRateResult:
    """Every turn of the model, after the turns before it."""
    found = [turns_of(talk[: i + 1]) for talk in talks for i, one in enumerate(talk) if one["role"] == "assistant"]
    responses, prompts = Texts.pack([one[-1].text for one in found]), Texts.pack([b"x"] * len(found))
    return measure_model_rate(
        model, responses, prompts=prompts, conversations=found, layout=Layout(**layout), baselines=False
    )


def plain_bits(folder: Path, model: Any, talks: list[list[dict[str, str]]]) -> tuple[float, int]:
    """Bits and symbols of what transformers' own mask counts, each conversation read once, by plain torch."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    nats, symbols = 0.0, 0
    for talk in talks:
        made = tokenizer.apply_chat_template(talk, return_dict=True, return_assistant_tokens_mask=True)
        ids, mask = torch.tensor([made["input_ids"]]), np.array(made["assistant_masks"])
        with torch.no_grad():
            logp = torch.log_softmax(model.module(ids).logits[0].double(), -1)
        places = np.flatnonzero(mask)
        nats -= sum(float(logp[i - 1, ids[0, i]]) for i in places.tolist())
        symbols += places.size
    return nats / float(np.log(2)), symbols


@pytest.mark.parametrize("kind", ZOO)
def test_bits_are_those_of_plain_torch_and_transformers(zoo_folder: Zoo, zoo_model: Zoo, kind: str) -> None:
    model = zoo_model(kind)
    bits, symbols = plain_bits(zoo_folder(kind), model, TALKS)
    found = rated(model, TALKS)
    assert found.bits == pytest.approx(bits, rel=1e-5)
    assert (found.symbols, found.responses, found.template) == (symbols, 3, "of the tokenizer")
    assert (found.prefix_token, found.eos_token, found.own_prefixes, found.own_ends) == ("<|start|>", "<|end|>", 3, 3)
    assert found.bytes == sum(len(one["content"].encode()) for talk in TALKS for one in talk[-1:]) + 18
    without = rated(model, TALKS, template="none")
    assert without.template is None
    assert without.bits != pytest.approx(bits, rel=1e-3)


@pytest.mark.parametrize("kind", ["byte_bpe", "across_spaces", "unigram", "wordpiece", "lower"])
def test_without_marks_the_response_is_found_by_its_place(zoo_model: Zoo, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bare.jinja"
    path.write_text(BARE_CHAT)
    model = zoo_model(kind)
    marked, bare = rated(model, TALKS), rated(model, TALKS, template=str(path))
    assert (bare.bits, bare.symbols) == (marked.bits, marked.symbols)
    assert bare.template_sha256 != marked.template_sha256
    assert bare.layout.startswith("laid out by the chat template ")


def template(source: str, **more: Any) -> ChatTemplate:
    from compresslab.data.control_tokens import Respelling

    return ChatTemplate(source, "x.jinja", more, Respelling(tuple(SPECIALS)))


TALK = (Turn("user", b"Boil rice?"), Turn("assistant", b" \n Ten minutes.\n"))


@pytest.mark.parametrize(
    ("change", "said", "counted"),
    [
        ("", b" \n Ten minutes.\n", " \n Ten minutes.\n<|end|>"),
        ("|trim", b" \n Ten minutes.\n", "Ten minutes.<|end|>"),
        (".split('</think>')[-1].lstrip()", b"<think>Rice.</think>\nTen minutes.", "Ten minutes.<|end|>"),
        ("|replace('e', 'E')", b"Ten", "TEn<|end|>"),
    ],
)
def test_a_response_is_found_whatever_the_template_does_with_it(change: str, said: bytes, counted: str) -> None:
    source = BARE_CHAT.replace("m['content']", f"(m['content']{change})")
    (found,) = render(template(source), [(TALK[0], Turn("assistant", said))])
    assert found.text[found.start : found.end] == counted


TOOLS = [{"type": "function", "function": {"name": "boil", "description": "<|end|> slow"}}]
WITH_TOOLS = "{% if tools %}{{ '<|start|>tools\n' + tools|tojson + (mood or '') }}{% endif %}" + CHAT


def test_tools_are_given_to_the_template_or_refused_by_name(
    zoo_folder: Zoo, zoo_model: Zoo, tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    from transformers import AutoTokenizer

    model, path, jinja = zoo_model("byte_bpe"), tmp_path / "a.jsonl", tmp_path / "t.jinja"
    jinja.write_text(WITH_TOOLS)
    rows = {"messages": TALKS[1], "tools": TOOLS, "chat_template_kwargs": {"mood": "slow"}}
    path.write_text(json.dumps(rows) + "\n")
    read = read_data(path)
    layout = Layout(str(jinja), control_tokens=True)
    found, _ = documents_of(model, read.responses, read.prompts, read.conversations, layout)
    tokenizer = AutoTokenizer.from_pretrained(str(zoo_folder("byte_bpe")), chat_template=WITH_TOOLS)
    wanted = tokenizer.apply_chat_template(
        TALKS[1], tools=TOOLS, mood="slow", return_dict=True, return_assistant_tokens_mask=True
    )
    ids, mask = np.array(wanted["input_ids"]), np.array(wanted["assistant_masks"])
    assert [model.prefix_id, *found.data[0].tolist(), model.eos_id] == ids[: mask.nonzero()[0][-1] + 1].tolist()
    assert found.symbols == mask.sum()
    assert found.control_tokens == 1
    typed, _ = documents_of(model, read.responses, read.prompts, read.conversations, Layout(str(jinja)))
    assert typed.data.num_tokens > found.data.num_tokens  # what the tools spell is characters
    for options, message in (
        ((), "has no place for 'tools', which the data has for it"),
        (("--template", "none"), "has tools or chat_template_kwargs beside its messages"),
    ):
        code, out, err = run("rate", path, "--model", zoo_folder("byte_bpe"), "--device", "cpu", *options)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert message in err


def test_a_template_that_writes_no_end_of_turn_has_none_counted(zoo_model: Zoo, tmp_path: Path) -> None:
    path = tmp_path / "endless.jinja"
    path.write_text("{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}")
    found = rated(zoo_model("byte_bpe"), TALKS[1:], template=str(path))
    assert (found.eos, found.eos_bits, found.own_prefixes, found.symbols) == (False, 0.0, 0, found.tokens)


def test_the_prefix_and_eos_that_are_given_are_kept(zoo_model: Zoo) -> None:
    model = zoo_model("byte_bpe").with_tokens(2, 2)
    kept = rated(model, TALKS, keep_prefix=True, keep_eos=True)
    assert (kept.prefix_token, kept.eos_token, kept.own_prefixes, kept.own_ends) == ("<|stop|>", "<|stop|>", 0, 0)
    assert kept.symbols == rated(model, TALKS).symbols + 3  # the template's end of a turn, and EOS


@pytest.mark.parametrize("kind", ZOO)
def test_a_typed_control_token_is_characters_unless_asked_for(zoo_folder: Zoo, zoo_model: Zoo, kind: str) -> None:
    model = zoo_model(kind)
    talk = [{"role": "user", "content": "How <|end|> do"}, {"role": "assistant", "content": "slow <|stop|> look"}]
    typed, read = rated(model, [talk]), rated(model, [talk], control_tokens=True)
    assert (typed.control_tokens, read.control_tokens) == (2, 2)
    assert (typed.read_control_tokens, read.read_control_tokens) == (False, True)
    bits, symbols = plain_bits(zoo_folder(kind), model, [talk])  # transformers reads them as tokens
    assert read.bits == pytest.approx(bits, rel=1e-5)
    assert read.symbols == symbols < typed.symbols
    responses = Texts.pack([b"slow <|stop|> look"])
    laid, _ = documents_of(model, responses, Texts.pack([b"x"]), [turns_of(talk)])
    tokens = laid.data.tokens.tolist()
    assert tokens.count(2) == 0  # <|stop|>, which the template does not write
    assert (tokens.count(0), tokens.count(1)) == (1, 1)  # of the template, prefix and EOS left out
    alone, _ = documents_of(model, responses)
    assert not {0, 1, 2} & set(alone.data.tokens.tolist())
    assert alone.control_tokens == 1
    if kind == "byte_bpe":
        assert model.decode(alone.data[0]) == b"slow <|stop|> look"


def test_auto_is_for_conversations_alone_and_says_so(zoo_model: Zoo, make_llama: Any) -> None:
    model = zoo_model("byte_bpe")
    prompt, response = Texts.pack([b"How do I peel corn?"]), Texts.pack([b"lait"])
    plain, said = documents_of(model, response, prompt, name="a")
    assert said == (
        "the tokenizer's chat template is not used, as prompts and responses are not conversations "
        "(--template tokenizer uses it)."
    )
    assert plain.template is None
    asked, _ = documents_of(model, response, prompt, layout=Layout("tokenizer"))
    talk, _ = documents_of(model, response, prompt, [turns_of(TALKS[1])])
    assert asked.data.tokens.tolist() == talk.data.tokens.tolist()
    assert documents_of(model, response)[1] == ""
    _, said = documents_of(make_llama(), response, prompt, [turns_of(TALKS[1])], name="a")
    assert said == "the tokenizer has no chat template, so turns are joined by line feeds."
    with pytest.raises(InvalidParameter, match="'bytes' has no chat template: give a file of Jinja, --template FILE"):
        documents_of(make_llama(), response, prompt, layout=Layout("tokenizer"))
    with pytest.raises(InvalidParameter, match="neither conversations nor prompts.*leave out --template tokenizer"):
        documents_of(model, response, layout=Layout("tokenizer"))
    with pytest.raises(InvalidParameter, match="conversations in part.*--template tokenizer.*--template none"):
        documents_of(model, Texts.pack([b"a", b"b"]), Texts.pack([b"c", b"d"]), [turns_of(TALKS[1]), None])


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
            "takes more than 1 seconds",
        ),
        ("{{ 'x' * 10**10 }}", "needs more memory than it is given"),
        ("{{ 'x' * (2**26 + 1) }}", "makes a text of 67,108,865 characters"),
        ("{{ raise_exception('no system') }}", r"cannot be used \(TemplateError: no system\)"),
        ("{{ messages[", "TemplateSyntaxError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{% include '/etc/passwd' %}", "cannot be used"),
        (
            "{% for m in messages %}{{ m['content'] ~ m['content'] }}{% endfor %}",
            "does not show where the response stands",
        ),
        ("{% for m in messages %}{{ m['role'] }}{% endfor %}", "does not show where the response stands"),
        ("{% generation %}{{ messages }}{% endgeneration %}" * 2, "marks more parts by {% generation %} than"),
        ("hello", "does not show where the response stands: mark it with {% generation %}"),
    ],
)
def test_a_bad_template_is_one_error_with_a_name(monkeypatch: pytest.MonkeyPatch, source: str, why: str) -> None:
    monkeypatch.setattr("compresslab.data.templates.SECONDS", 1.0 if "range" in source else 20.0)
    with pytest.raises(InvalidParameter, match=rf"the chat template x.jinja .*{why}.*response 1 of a.*--template none"):
        render(template(source), [TALK], "a")
    assert render(template(BARE_CHAT), [TALK])[0].text.startswith("<|start|>user\nBoil rice?")  # the next one is well


def test_no_module_of_the_current_folder_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compresslab.data import templates

    for name in ("jinja2", "json", "transformers"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    worker = templates._Worker()
    monkeypatch.setattr(templates, "_WORKER", worker)
    assert render(template(BARE_CHAT), [TALK])[0].text.startswith("<|start|>user")
    worker.end()


def test_the_date_of_a_template_stands_still() -> None:
    (found,) = render(template("{{ strftime_now('%Y-%m-%d') }}" + BARE_CHAT), [TALK])
    assert found.text.startswith("2025-01-01<|start|>")


def test_what_stands_for_control_tokens_is_refused_beside_them() -> None:
    with pytest.raises(NotText, match="response 1 of data spells a control token, and holds .* private use"):
        render(template(BARE_CHAT), [(Turn("user", "<|end|>\U00100001".encode()), TALK[1])])


def test_a_template_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for name, content, why in (("empty", b" \n", "0|2 bytes"), ("latin", b"\xff\xfe{{", "not UTF-8")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises((InvalidParameter, NotText), match=why):
            read_template(path)


def test_a_saved_model_keeps_its_template(zoo_model: Zoo, tmp_path: Path) -> None:
    model = zoo_model("added")
    save(model, tmp_path)
    again = load(tmp_path, device="cpu").tokenizer
    assert again is not None
    for one in (again, pickle.loads(pickle.dumps(model.tokenizer.reading(True)))):  # type: ignore[attr-defined]
        assert one.chat_template == CHAT  # type: ignore[attr-defined]
        assert one.special_tokens == model.tokenizer.special_tokens  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(model.tokenizer.reading(True))).control_tokens


@pytest.mark.parametrize(
    "named", [[{"name": "default", "template": CHAT}, {"name": "tool_use", "template": "x"}], CHAT]
)
def test_the_template_is_where_transformers_looks_for_it(tmp_path: Path, named: object) -> None:
    saved_model(tmp_path, "byte_bpe", **NAMED)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "chat_template": named}))
    tokenizer: Any = load(tmp_path, device="cpu").tokenizer
    assert tokenizer.chat_template == CHAT
    (tmp_path / "chat_template.jinja").write_text("other")
    assert load(tmp_path, device="cpu").tokenizer.chat_template == "other"  # type: ignore[union-attr]


FORMS: dict[str, Callable[[list[dict[str, str]]], dict[str, Any]]] = {
    "messages": lambda talk: {"messages": talk},
    "sharegpt": lambda talk: {
        "conversations": [
            {"from": {"user": "human", "assistant": "gpt"}.get(one["role"], one["role"]), "value": one["content"]}
            for one in talk
        ]
    },
    "prompt": lambda talk: {"prompt": talk[:-1], "completion": talk[-1:]},
    "text": lambda talk: {"prompt": talk[:-1], "response": talk[-1]["content"]},
    "parts": lambda talk: {
        "messages": [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in talk], "id": 7,
    },
}  # fmt: skip


def test_the_form_of_a_conversation_changes_no_number(
    run: Callable[..., tuple[int, str, str]], zoo_folder: Zoo, tmp_path: Path
) -> None:
    found = {}
    for form, made in FORMS.items():
        path = tmp_path / f"{form}.txt"
        path.write_text(json.dumps(made(TALKS[1])) + "\n")
        assert read_data(path).conversations == (turns_of(TALKS[1]),)
        code, out, _ = run("rate", path, "--model", zoo_folder("byte_bpe"), "--device", "cpu", "--json")
        got = json.loads(out)
        found[form] = got["bits"]
        assert (code, got["template"], len(got["template_sha256"])) == (0, "of the tokenizer", 64)
    assert len(set(found.values())) == 1


def test_the_command_says_what_laid_out_the_texts(
    run: Callable[..., tuple[int, str, str]], zoo_folder: Zoo, tmp_path: Path
) -> None:
    path, text, own = tmp_path / "a.jsonl", tmp_path / "b.txt", tmp_path / "own.jinja"
    path.write_text(json.dumps({"messages": [*TALKS[1][:-1], {"role": "assistant", "content": "a <|stop|>"}]}) + "\n")
    text.write_text("How do I")
    own.write_text(BARE_CHAT)
    command = ["--model", zoo_folder("byte_bpe"), "--device", "cpu"]
    out = " ".join(run("rate", path, *command, "--report", tmp_path / "page")[1].split())
    page = " ".join(html.unescape((tmp_path / "page" / "report.html").read_text()).split())
    for said in (
        "a.jsonl: laid out by the chat template of the tokenizer (SHA-256 ",
        "a.jsonl: 1 of 1 begin with the prefix themselves and 1 of 1 end with EOS themselves, and get no second one.",
        "a.jsonl: texts spell control tokens, 1 in all, which are read as characters (--control-tokens: as such).",
    ):
        assert said in out
        assert said in page
    assert "read as such (--control-tokens)" in " ".join(run("rate", path, *command, "--control-tokens")[1].split())
    assert "by the chat template own.jinja" in " ".join(run("rate", path, *command, "--template", own)[1].split())
    assert "no chat template is used" in " ".join(run("rate", path, *command, "--template", "none")[1].split())
    assert run("rate", text, *command, "--template", own)[0] == 1
    code, _, err = run("rate", text, "--template", "none")
    assert code == 1
    assert "--template" in err


def test_score_lays_each_dataset_out_as_rate_does(
    run: Callable[..., tuple[int, str, str]], zoo_folder: Zoo, zoo_model: Zoo, tmp_path: Path
) -> None:
    talks, pairs = tmp_path / "talks.jsonl", tmp_path / "pairs.jsonl"
    talks.write_text("".join(json.dumps({"messages": talk}) + "\n" for talk in TALKS))
    pairs.write_text('{"prompt": "How do I peel corn?", "response": "lait"}\n')
    command = ["score", "--model", zoo_folder("byte_bpe"), "--data", talks, pairs, "--device", "cpu"]
    bits = rated(zoo_model("byte_bpe"), TALKS).bits
    auto = json.loads(run(*command, "--json")[1])["scores"]
    assert [one["template"] for one in auto] == ["of the tokenizer", None]
    assert auto[0]["bits"] == pytest.approx(bits, rel=1e-6)
    both = json.loads(run(*command, "--json", "--template", "tokenizer")[1])["scores"]
    assert both[1]["bits"] == pytest.approx(rated(zoo_model("byte_bpe"), TALKS[1:]).bits, rel=1e-6)
    out = " ".join(run(*command)[1].split())
    assert "talks.jsonl under" in out
    assert "laid out by the chat template of the tokenizer (SHA-256 " in out
    assert "the tokenizer's chat template is not used, as prompts and responses are not conversations" in out
