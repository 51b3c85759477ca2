"""The text-generation tab without a browser: what is sent, what may be asked, how branches grow."""

import ast
import dataclasses
import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from gradio_client import Client

from demos import gpt as tab
from demos import gpt_handlers as on
from demos import gpt_views as views
from demos.gpt_state import (
    MOST_BRANCHES,
    MOST_CHARACTERS,
    Trained,
    Tree,
    Turns,
    corpus_text,
    job_arguments,
    opening,
    passage,
    script_call,
)
from demos.kit.errors import UserError
from demos.kit.run import Run
from demos.kit.script import standalone
from dlcore import gpt, pretrained
from dlcore.bpe import BPE
from dlcore.checkpoint import save
from dlcore.gpt_speed import laps
from dlcore.gpt_tasks import Sums, make_task
from dlcore.gpt_writing import (
    DECODERS,
    TUTORIAL_DECODING,
    Decoding,
    encode_prompt,
    generate,
    generate_text,
    measure,
    new_tokens,
    write,
)
from dlcore.llama import chatting, load
from dlcore.progress import Progress
from dlcore.tokenizers import Characters
from dlcore.wordpiece import WordPiece
from tests.serving import Server
from tests.small_llama import save_small_smollm2

SMALL = gpt.Config(width=16, heads=2, layers=1, context=32, steps=10, lines=2)
VERSE = "Trăm năm trong cõi người ta,\nChữ tài chữ mệnh khéo là ghét nhau.\n" * 6


@pytest.fixture(scope="module")
def own() -> Trained:
    """A GPT that knows nothing yet, with the tokenizer and the lines of a short text."""
    task = make_task(SMALL, VERSE)
    state = gpt._state(gpt.build(SMALL, task), task)
    return Trained(gpt.restore(state, SMALL), SMALL)


@pytest.fixture
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where fetched models would be: whoever runs the tests may have some."""
    monkeypatch.setattr(pretrained, "folder", lambda: tmp_path)
    return tmp_path


def written(tree: Tree, decoding: Decoding, event: Any = None) -> list[Any]:
    """All values that the page gets for one text."""
    if event is None:
        return [event[2] for event in on._grow(tree, 0, decoding, "page")]
    return [e[2] for e in on.force(tree, decoding, gr.EventData(None, event), "page")]


def joined(values: list[Any]) -> dict[int, Any]:
    """The tokens as the page joins them."""
    return {
        part["at"] + n: token
        for value in values
        for part in value["parts"]
        for n, token in enumerate(json.loads(part["tokens"]))
    }


# Writing


def test_the_page_gets_every_token_that_the_model_wrote(own: Trained) -> None:
    decoding = Decoding(length=40, temperature=1.0)
    tree = Tree(own.model, "yours", "Trăm")
    values = written(tree, decoding)
    tokens = joined(values)
    expected = [token.id for token in generate(own.model, "Trăm", decoding)]
    assert [tokens[n]["i"] for n in range(40)] == expected == tree.branches[0].ids
    assert values[-1]["state"] == "done"
    assert set(values[-1]["measures"]) == {"repetition", "entropy", "surprise"}


def test_a_forced_token_begins_a_branch_that_shares_what_came_before(own: Trained) -> None:
    decoding = Decoding(length=12, temperature=1.0)
    tree = Tree(own.model, "yours", "Trăm")
    written(tree, decoding)
    first = list(tree.branches[0].ids)
    other = (first[5] + 1) % len(own.model.tokenizer)
    values = written(tree, decoding, {"run": tree.run, "branch": 0, "at": 5, "id": other})
    assert min(joined(values)) == 5, "what is on the page already is not sent again"
    assert joined(values)[5]["f"] and not joined(values)[6]["f"]
    assert tree.branches[1].ids[:6] == [*first[:5], other]
    assert len(tree.branches[1].ids) == 12
    assert tree.branches[0].ids == first
    # Judged as the same text would be that was written without a stop.
    forced = [*first[:5], other]
    whole = list(generate(own.model, "Trăm", decoding, forced=forced))
    assert [token.id for token in whole] == tree.branches[1].ids
    expected = views.measured(measure(whole))
    assert values[-1]["measures"] == pytest.approx(expected, rel=1e-4)


def test_a_branch_may_begin_at_the_last_token_of_a_shorter_length(own: Trained) -> None:
    tree = Tree(own.model, "yours", "Trăm")
    written(tree, Decoding(length=9))
    values = written(tree, Decoding(length=2), {"run": tree.run, "branch": 0, "at": 8, "id": 1})
    assert joined(values)[8]["i"] == 1


@pytest.mark.parametrize(
    "event",
    [None, "x", {}, {"branch": 1}, {"branch": -1}, {"branch": True}, {"at": 9}, {"at": -1},
     {"at": 1.5}, {"at": None}, {"id": 10**9}, {"id": "a"}, {"run": "other"}],
)  # fmt: skip
def test_a_branch_that_no_page_asks_for_is_refused(own: Trained, event: Any) -> None:
    tree = Tree(own.model, "yours", "Trăm")
    written(tree, Decoding(length=9))
    right = {"run": tree.run, "branch": 0, "at": 0, "id": 0}
    asked = {**right, **event} if isinstance(event, dict) and event else event
    with pytest.raises(UserError) as error:
        tree.fork(asked)
    assert error.value.key == "gpt.errors.gone"
    assert len(tree.branches) == 1


def test_a_tree_does_not_grow_forever(own: Trained) -> None:
    tree = Tree(own.model, "yours", "Trăm")
    tree.branches[0].tokens = list(generate(own.model, "Trăm", Decoding(length=2)))
    asked = {"run": tree.run, "branch": 0, "at": 0, "id": 0}
    for _ in range(MOST_BRANCHES - 1):
        tree.fork(asked)
    with pytest.raises(UserError) as error:
        tree.fork(asked)
    assert error.value.key == "gpt.errors.branches"


def test_a_new_text_or_stop_ends_the_one_before_on_its_page_only() -> None:
    turns = Turns()
    first, elsewhere = turns.begin("a"), turns.begin("b")
    second = turns.begin("a")
    assert first.is_set() and not second.is_set()
    assert turns.is_newest("a", second) and not turns.is_newest("a", first)
    turns.stop("a")
    turns.stop("nobody's")
    assert second.is_set() and not elsewhere.is_set()


def test_what_was_stopped_stays_and_can_be_branched(own: Trained) -> None:
    tree = Tree(own.model, "yours", "Trăm")
    run = on._grow(tree, 0, Decoding(length=500), "stopping")
    next(run)
    next(run)
    on.turns.stop("stopping")
    *_, last = run
    assert last[2]["state"] == "stopped"
    assert 0 < len(tree.branches[0].ids) < 500
    tree.fork({"run": tree.run, "branch": 0, "at": 0, "id": 0})


def test_only_filters_that_change_something_get_a_column(own: Trained) -> None:
    assert views.stages_of(Decoding(temperature=1.0, top_p=1.0)) == ["model"]
    decoding = Decoding(top_k=3, repetition_penalty=1.2)
    stages = views.stages_of(decoding)
    assert stages == ["model", "penalty", "temperature", "top_k", "top_p"]
    token = next(generate(own.model, "Trăm", decoding))
    shown = views.token(token, stages)
    assert len(shown["p"]) == 5 and all(len(row) == 7 for row in shown["a"])
    assert sum(row[-1] > 0 for row in shown["a"]) <= 3
    assert shown["p"] == pytest.approx(list(token.probabilities), abs=1e-5)


def test_verses_are_judged_for_a_model_that_learnt_verse(own: Trained) -> None:
    found = views.verses(own.model, "", VERSE + "Trăm năm")
    assert found is not None
    assert (found["couplets"], found["counted"], found["lines"]) == (6, 6, 12)
    assert found["copied"] == 12
    assert views.verses(own.model, "", "Trăm năm trong cõi") is None
    prose = dataclasses.replace(own.model, lines=0)
    assert views.verses(prose, "", VERSE) is None


def test_lines_of_the_opening_are_not_known_by_heart(own: Trained) -> None:
    six, eight, *_ = VERSE.splitlines(keepends=True)
    mine = "Gió đưa cành trúc la đà,\n"
    for typed, new, lines, copied in (
        (VERSE, mine, 1, 0),  # all that is known was typed
        (six.strip(), f"\n{eight}{mine}", 2, 1),
        ("Trăm năm", f" trong cõi người ta,\n{eight}", 1, 1),  # a line begun by the reader
        (six, eight, 1, 1),
        (six, eight.strip(), 0, 0),  # not ended
    ):
        found = views.verses(own.model, typed, new)
        assert (found is None) == (lines == 0), (typed, new)
        if found:
            assert (found["lines"], found["copied"]) == (lines, copied), (typed, new)


def test_four_decoders_write_side_by_side(own: Trained) -> None:
    *_, last = on.compare_decoders("Trăm", "yours", False, own, Decoding(length=8), "page")
    shown = last[2:]
    assert [value["title"] for value in shown] == list(DECODERS)
    assert all(len(joined([value])) == 8 for value in shown)
    assert all(value["measures"]["entropy"] > 0 for value in shown)


# Fetched models


def test_a_model_that_is_not_here_is_not_written_with(empty_store: Path) -> None:
    for which in ("smollm2", "gpt2"):
        for ask in (
            lambda name: next(on.write("Hi", name, False, None, None, Decoding(), "page")),
            lambda name: next(on.compare_decoders("Hi", name, False, None, Decoding(), "page")),
            lambda name: next(on.race("Hi", name, None, False, "page")),
        ):
            with pytest.raises(UserError) as error:
                ask(which)
            assert error.value.key == "gpt.errors.not_here"
            assert error.value.values["title"] in ("SmolLM2", "GPT-2")
    on.warm("smollm2")  # nothing to load, and no fault


def talked(said: str, before: Tree | None, decoding: Decoding) -> tuple[Tree, list[Any]]:
    """A turn of a conversation: the tree that the page keeps, and all that it gets."""
    events = list(on.write(said, "smollm2", True, None, before, decoding, "page"))
    return events[0][3], events


def test_a_conversation_knows_what_was_said(empty_store: Path) -> None:
    save_small_smollm2(empty_store / "smollm2.safetensors")
    decoding = Decoding(length=9, temperature=1.0, seed=1)
    first, events = talked(" Xin chào ", None, decoding)
    assert first.prompt == "Xin chào" and first.turns == ()
    assert events[0][4] == "", "what was said leaves the box"
    writer = load(empty_store / "smollm2.safetensors")
    expected = [token.id for token in generate(chatting(writer), "Xin chào", decoding)]
    assert first.branches[0].ids == expected
    assert events[-1][2]["prompt"] == "❯ Xin chào\n"
    answer = first.answer()
    assert answer and answer == writer.tokenizer.decode([i for i in expected if i > 2])
    # A forced token is part of what was answered.
    *_, last = on.force(
        first, decoding,
        gr.EventData(None, {"run": first.run, "branch": 0, "at": 1, "id": 77}), "page",
    )  # fmt: skip
    assert last[2]["branch"] == 1 and first.answer() != answer
    second, events = talked("Vì sao?", first, decoding)
    assert second.turns == (("Xin chào", first.answer().strip()),)
    expected = [t.id for t in generate(chatting(writer, second.turns), "Vì sao?", decoding)]
    assert second.branches[0].ids == expected
    shown = events[-1][2]["prompt"]
    assert shown == f"❯ Xin chào\n{first.answer().strip()}\n\n❯ Vì sao?\n"
    assert on.forget() == [None, None]
    with pytest.raises(UserError) as error:
        talked("  ", second, decoding)
    assert error.value.key == "gpt.errors.say_something"


def test_the_tutorials_length_is_that_of_an_answer(empty_store: Path) -> None:
    save_small_smollm2(empty_store / "smollm2.safetensors")
    decoding = dataclasses.replace(TUTORIAL_DECODING, length=12, seed=1)
    writer = load(empty_store / "smollm2.safetensors")
    talk = chatting(writer, [("Xin chào", "Chào bạn")] * 3)
    assert len(encode_prompt(talk, "Vì sao?")) > 12
    assert new_tokens(talk, "Vì sao?", decoding) == 12
    assert new_tokens(writer, "Vì", decoding) == 12 - len(encode_prompt(writer, "Vì"))
    tree, _ = talked("Xin chào", None, decoding)
    free = [t.id for t in generate(chatting(writer), "Xin chào", decoding)]
    assert tree.branches[0].ids == free and len(free) > 1


def test_without_a_conversation_it_goes_on(empty_store: Path) -> None:
    save_small_smollm2(empty_store / "smollm2.safetensors")
    decoding = Decoding(length=5, seed=2)
    events = list(on.write("Deep", "smollm2", False, None, None, decoding, "page"))
    writer = load(empty_store / "smollm2.safetensors")
    assert events[0][3].branches[0].ids == [t.id for t in generate(writer, "Deep", decoding)]
    assert events[-1][2]["prompt"] == "Deep"
    # Said and gone from the box: what the page itself suggests is gone on from.
    *_, last = on.compare_decoders("", "smollm2", True, None, Decoding(length=4), "page")
    assert last[2]["prompt"] == "Why is the sky blue?"
    assert all(1 <= len(joined([value])) <= 4 for value in last[2:])
    *_, last = on.race(" ", "smollm2", None, False, "page")
    assert last[3]["items"][1]["key"] in ("same", "differs")  # it rounds: random weights may tell
    assert last[2]["runs"][0]["curves"]["plain"][-1][0] == on._MOST_FETCHED


def test_an_opening_that_suits_the_model_replaces_no_other() -> None:
    def chosen(which: str, prompt: Any) -> Any:
        return on.choose(prompt, which, gr.Request())

    start = "Trăm năm trong cõi người ta,"
    assert chosen("smollm2", start)[0] == "Why is the sky blue?"
    assert chosen("gpt2", "Why is the sky blue?")[0] == "Deep learning is"
    assert chosen("bundled", "")[0] == start
    for which, prompt in (("smollm2", "Của tôi"), ("yours", start)):
        assert not isinstance(chosen(which, prompt)[0], str)
    assert [value["visible"] for value in chosen("smollm2", start)[1:]] == [True, True]
    assert [value["visible"] for value in chosen("gpt2", start)[1:]] == [False, False]


def test_the_tutorials_length_counts_the_opening(own: Trained) -> None:
    decoding = dataclasses.replace(TUTORIAL_DECODING, length=20)
    values = written(Tree(own.model, "yours", "Trăm"), decoding)
    assert len(joined(values)) == 20 - len(encode_prompt(own.model, "Trăm")) == 15
    assert values[0]["stages"] == ["model", "temperature", "top_k"]
    text = generate_text(own.model, "Trăm", 20)
    assert text == "Trăm" + write(own.model, "Trăm", Decoding(15, False, 0.7, 50, 1.0))
    assert new_tokens(own.model, "Trăm " * 50, TUTORIAL_DECODING) == 1


# What may be asked


@pytest.mark.parametrize("text", [7, [], {}, "x" * (MOST_CHARACTERS + 1)])
def test_an_opening_that_cannot_be_read_is_refused(text: Any) -> None:
    with pytest.raises(UserError):
        passage(text)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "مرحبا", "👍🏽", "e\u0301" * 50, "\x00\u202e", "nửa \ud800", "<b>"]
)
def test_any_text_is_gone_on_from(own: Trained, text: str) -> None:
    values = [
        event[2] for event in on.write(text, "yours", True, own, None, Decoding(length=2), "any")
    ]
    assert values[-1]["state"] == "done"
    values[-1]["prompt"].encode("utf-8")


def test_a_model_without_a_beginning_of_its_own_asks_for_one() -> None:
    config = gpt.Config(task="addition", width=16, heads=2, layers=1)
    task = make_task(config)
    assert isinstance(task, Sums)
    writer = gpt.restore(gpt._state(gpt.build(config, task), task), config)
    with pytest.raises(UserError) as error:
        opening(writer, "")
    assert error.value.key == "gpt.errors.no_sum"
    with pytest.raises(UserError) as error:
        opening(dataclasses.replace(writer, tokenizer=BPE(())), "")
    assert error.value.key == "gpt.errors.no_opening"
    assert opening(writer, "37+85=") == "37+85="


@pytest.mark.parametrize(
    ("corpus", "text", "key"),
    [("own", "", "no_text"), ("own", None, "no_text"), ("own", 7, "no_text"),
     ("own", "short", "short"), ("own", "x" * 1_000_001, "large"),
     ("own", "ế" * 400_000, "large"), ("elsewhere", "", "unknown_choice"),
     ([], "", "unknown_choice")],
)  # fmt: skip
def test_a_text_that_nothing_can_be_learnt_from_is_refused(
    corpus: Any, text: Any, key: str
) -> None:
    with pytest.raises(UserError) as error:
        job_arguments(gpt.Config(), corpus, text)
    assert error.value.key == f"gpt.errors.{key}"
    sums = gpt.Config(task="addition")
    assert job_arguments(sums, corpus, text) == (sums, ""), "sums need no text"


def test_an_uploaded_text_is_read_in_its_encoding() -> None:
    assert on.upload("một\r\nhai".encode("utf-16")) == ("một\nhai", "own")
    assert passage("một\rhai\r\nba") == "một\nhai\nba"
    assert on.upload(b"\xef\xbb\xbfm\xe1\xbb\x99t") == ("một", "own")
    assert on.upload(b"def f():\r\n\treturn 1") == ("def f():\n\treturn 1", "own")
    for wrong in (None, "x", b"\xff\xfe\x00", b"\x80abc", b"x" * 1_000_001, b"PK\x03\x04\x00\x00"):
        with pytest.raises(UserError):
            on.upload(wrong)


# Training, costs, speed


def test_remarks_say_when_it_learns_by_heart() -> None:
    run = Run(gpt.Config())
    for step, train, valid in ((1, 4.0, 4.0), (100, 2.0, 2.5), (200, 0.5, 3.5)):
        metrics = {"loss": train, "train_loss": train, "valid_loss": valid}
        run.add(Progress(step, 200, metrics, gpt.Snapshot(step, "mẫu")))
    (item,) = views.remarks(run)["items"]
    assert (item["key"], item["kind"]) == ("memorises", "warning")
    assert item["values"]["step"] == 100
    assert views.film(run)["frames"][-1]["text"] == "mẫu"


@pytest.mark.parametrize("reverse", [True, False])
def test_sums_say_in_which_order_their_digits_stand(reverse: bool) -> None:
    config = gpt.Config(task="addition", width=16, heads=2, layers=1, steps=10, reverse=reverse)
    run = Run(config)
    for progress in gpt.job(config):
        run.add(progress)
    frame = views.film(run)["frames"][-1]
    assert frame["reverse"] is reverse and len(frame["sums"]) == 12
    for question, _, right in frame["sums"]:
        digits = right[::-1] if reverse else right
        assert int(digits) == int(question[:2]) + int(question[3:5])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_hundreds_first_are_learnt_sooner(seed: int) -> None:
    """What the lesson says of its experiment, at the same step of the same training."""
    accuracy = {}
    for reverse in (True, False):
        config = gpt.Config(task="addition", reverse=reverse, seed=seed)
        task = make_task(config)
        model = gpt.build(config, task)
        training = gpt.train(model, task, config, watch_s=1e9)
        assert next(event for event in training if event.step == 200)
        accuracy[reverse] = task.measure(model.eval())["valid_accuracy"]
    assert accuracy[False] > accuracy[True] + 0.15, accuracy


@pytest.mark.parametrize(
    ("name", "value"),
    [("which", "gpt2"), ("which", "smollm2"), ("talk", False), ("corpus", "own")],
)
def test_an_address_may_ask_for_this(name: str, value: Any) -> None:
    assert tab._checked(name, value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("which", "yours"), ("which", "gpt5"), ("which", []), ("talk", 1), ("talk", "x"),
     ("corpus", 7), ("prompt", [])],
)  # fmt: skip
def test_an_address_may_not_ask_for_that(name: str, value: Any) -> None:
    with pytest.raises(ValueError):
        tab._checked(name, value)


def test_costs_are_counted_for_every_tokenizer(own: Trained, empty_store: Path) -> None:
    counts, per_word, vi, _ = on.costs("trăm năm", "a hundred", "yours", own)
    assert counts["labels"] == ["bytes", "bundled", "yours"]
    series = {row["name"]: row["values"] for row in counts["series"]}
    assert series["vi"][0] == len("trăm năm".encode())
    assert series["vi"][2] == len(own.model.tokenizer.encode("trăm năm"))
    assert len(per_word["items"]) == 3
    shown = "".join(token["t"] for token in joined([vi]).values())
    assert shown == "trăm năm"
    save_small_smollm2(empty_store / "smollm2.safetensors")
    counts, per_word, _, en = on.costs("trăm năm", "a hundred 12", "smollm2", None)
    assert counts["labels"] == ["bytes", "bundled", "smollm2"]
    cut = [token["t"] for token in joined([en]).values()]
    assert "".join(cut) == "a hundred 12" and cut[-2:] == ["1", "2"]
    words = WordPiece(("[UNK]", "[CLS]", "[SEP]", "tram", "nam", "a", "##n"))
    letters = torch.frombuffer(bytearray(words.to_bytes()), dtype=torch.uint8)
    kept = {"vocabulary": letters}
    save(empty_store / "minilm.safetensors", kept, topic="minilm", config={}, metrics={})
    counts, per_word, *_ = on.costs("Trăm nămn", "a", "gpt2", None)
    assert counts["labels"] == ["bytes", "bundled", "smollm2", "minilm"]
    assert [row["values"][-1] for row in counts["series"]] == [3, 1]
    assert per_word["items"][-1]["values"] == {"vi": 1.5, "en": 1}
    for vi, en, noun in (("x" * 10_001, "", "vi"), ("", "x" * 10_001, "en")):
        with pytest.raises(UserError) as error:
            on.costs(vi, en, "bundled", None)
        assert error.value.key == f"gpt.errors.too_long_{noun}"


def test_a_character_that_a_model_does_not_know_is_shown_as_it_is() -> None:
    cut = joined([views.pieces(Characters("0123456789+="), "7+é\ufffd", "vi")])
    assert [(token["t"], token.get("u", False)) for token in cut.values()] == [
        ("7", False), ("+", False), ("é", True), ("\ufffd", True),
    ]  # fmt: skip


def test_with_and_without_a_cache_the_same_text_is_written(own: Trained) -> None:
    done = list(laps(own.model, "Trăm", every=5))
    assert all(lap.same for lap in done)
    assert done[-1].tokens == SMALL.context
    assert all(lap.cached_s > 0 and lap.plain_s > 0 for lap in done)
    chart, told = views.speeds(done)
    assert [item["key"] for item in told["items"]] == ["speed", "same"]
    assert len(chart["runs"][0]["curves"]["plain"]) == len(done)
    long = list(laps(own.model, "Trăm năm " * 20))
    assert long[0].tokens > SMALL.context // 2
    assert len(encode_prompt(own.model, "Trăm")) == 5


def test_the_script_carries_the_text(own: Trained) -> None:
    setup, call = script_call(Run(SMALL, (SMALL, VERSE)))
    found: dict[str, Any] = {}
    exec(setup, found)
    assert found["text"] == VERSE
    text = standalone(gpt, SMALL, threads=1, call=call, setup=setup)
    ast.parse(text)
    assert "dlcore" not in [
        (node.module or "").split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
    ]
    assert corpus_text("vi", None).count("\n") > 1000


# The tab as an API


def test_every_endpoint_answers_a_client(server: Server) -> None:
    client = Client(server.url, verbose=False)
    said = "Trăm năm trong cõi người ta,"
    asked: dict[str, Any] = {"length": 60, "seed": 4}
    writer = gpt.load_bundled()
    try:
        shown, _ = client.predict(said, **asked, api_name="/gpt_generate")
        assert shown["text"] == write(writer, said, Decoding(**asked))
        assert shown["prompt"] == said and shown["state"] == "done"
        assert len(json.dumps(shown)) < 250_000
        asked["length"] = 16
        four = client.predict(said, **asked, api_name="/gpt_compare")
        for value, own in zip(four, DECODERS.values(), strict=True):
            assert value["text"] == write(writer, said, dataclasses.replace(own, **asked))
        counts, *_ = client.predict("về", "a", "bundled", api_name="/gpt_cost")
        assert counts["series"][0]["values"][0] == 4
    finally:
        client.close()
