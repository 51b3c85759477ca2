"""The attention tab without a browser: what may be sent, what is shown, and that the numbers are
dlcore's own."""

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

from demos import attention_handlers as on
from demos import attention_views as views
from demos.attention_state import (
    BUNDLED,
    HAND,
    MANY,
    READERS,
    Many,
    Trained,
    _loaded,
    heads_of,
    made,
    reader_of,
    reading,
    trained,
    words,
)
from demos.kit.errors import UserError
from demos.kit.language import say
from demos.kit.run import Run
from demos.widgets.attention_heads import attention_heads, muted
from demos.widgets.attention_steps import edited, read_edits
from demos.widgets.rankings import rankings
from dlcore import attention, llama, minilm, pretrained
from dlcore.attention_hand import HandConfig, by_hand
from dlcore.bpe import BPE
from dlcore.checkpoint import save
from dlcore.lens_text import MOST_TOKENS_SHOWN
from dlcore.settings import SettingError
from dlcore.tokenizers import tokenizer_tensor
from dlcore.wordpiece import WordPiece
from tests.serving import Server

TEXT = "the cat sat down"
START = HandConfig()
VALUES = [getattr(START, name) for name in HAND]
SMALL = attention.Config(
    heads=1, d_model=16, longest=5, vocab=8, length=12, steps=2, batch_size=4
)  # fmt: skip


def event(data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def unpacked(packed: Any) -> np.ndarray:
    dtype = np.dtype(packed["dtype"]).newbyteorder("<")
    return np.frombuffer(base64.b64decode(packed["data"]), dtype).reshape(packed["shape"])


def with_value(**changed: Any) -> list[Any]:
    return [changed.get(name, value) for name, value in zip(HAND, VALUES, strict=True)]


# By hand


def test_what_is_shown_by_hand_is_what_dlcore_computes() -> None:
    shown = on.read_hand(TEXT, "", *VALUES)
    hand = by_hand(TEXT.split(), START)
    for name in ("queries", "scores", "weights", "output"):
        sent = getattr(hand, name).astype(np.float32)  # more digits than anybody is shown
        np.testing.assert_array_equal(unpacked(shown["matrices"][name]), sent)
    assert shown["difference"] == hand.difference <= 1e-6
    assert shown["entropy"]["scaled"] == pytest.approx(hand.entropy.mean())
    assert shown["entropy"]["unscaled"] < shown["entropy"]["scaled"] < shown["entropy"]["most"]


def test_entropies_keep_their_names_when_the_division_is_off() -> None:
    kept, off = (on.read_hand(TEXT, "", *with_value(scale=s))["entropy"] for s in (True, False))
    assert kept == pytest.approx(off)


@pytest.mark.parametrize(
    ("matrix", "row", "column", "kind"),
    [("scores", 1, 2, "sum"), ("scaled", 0, 3, "divide"), ("weights", 2, 1, "softmax"),
     ("output", 3, 0, "sum"), ("embeddings", 0, 0, "drawn"), ("inputs", 1, 1, "sum")],
)  # fmt: skip
def test_the_terms_of_a_cell_come_to_its_value(
    matrix: str, row: int, column: int, kind: str
) -> None:
    asked = event({"matrix": matrix, "row": row, "column": column})
    shown = on.cell(TEXT, "", asked, *VALUES)
    products = [term["product"] for term in shown["terms"]]
    assert shown["kind"] == kind
    if kind == "sum":
        assert sum(products) == pytest.approx(shown["value"], abs=1e-5)
    if kind == "divide":
        assert products == pytest.approx([shown["value"]], abs=1e-5)
    if kind == "softmax":
        assert products[shown["place"]] / sum(products) == pytest.approx(shown["value"], abs=1e-5)
        assert [term["name"] for term in shown["terms"]] == TEXT.split()


def test_a_dragged_vector_and_a_clicked_mask_are_kept_while_they_fit() -> None:
    mask = ["1000", "0000", "1110", "1111"]
    text, kind = on.edit(event({"mask": mask, "edits": {"key:1": [1, -2, 0.5, 5]}}))
    assert kind == "custom"
    values = with_value(mask="custom")
    shown = on.read_hand(TEXT, text, *values)
    assert unpacked(shown["matrices"]["keys"])[1].tolist() == [1, -2, 0.5, 5]
    weights = unpacked(shown["matrices"]["weights"])
    assert weights[1].tolist() == [0, 0, 0, 0]  # may look nowhere: no NaN
    assert weights[0].tolist() == [1, 0, 0, 0]
    given = on.cell(TEXT, text, event({"matrix": "keys", "row": 1, "column": 0}), *values)
    assert given["kind"] == "given"
    shorter = made("the cat sat", with_value(mask="custom", d_k=2), text)
    assert shorter is not None and shorter[1] == {} and shorter[0].mask.all()


def test_a_cell_of_the_sentence_before_is_nothing() -> None:
    assert on.cell("a", "", event({"matrix": "scores", "row": 3, "column": 3}), *VALUES) is None
    assert on.cell("", "", event({"matrix": "scores", "row": 0, "column": 0}), *VALUES) is None


WRONG: list[Any] = [
    "x", 7, [1], {"matrix": "mask2", "row": 0, "column": 0},
    {"matrix": "scores", "row": "a", "column": 0}, {"matrix": "scores", "row": True, "column": 1.5},
]  # fmt: skip


@pytest.mark.parametrize("data", WRONG)
def test_a_cell_that_no_page_sends_is_refused(data: Any) -> None:
    if not isinstance(data, dict):
        assert on.cell(TEXT, "", event(data), *VALUES) is None
        return
    with pytest.raises(UserError):
        on.cell(TEXT, "", event(data), *VALUES)


@pytest.mark.parametrize(
    "text", ["x", "[]", "{", '{"mask": 7}', '{"mask": ["2"]}', '{"edits": {"value:0": [1]}}',
             '{"edits": {"query:-1": [1]}}', '{"edits": {"query:0": ["NaN"]}}',
             '{"mask": ["1", "11"]}', "[" * 9_000, "1" * 30_000, 7],
)  # fmt: skip
def test_hands_that_no_page_sends_are_refused(text: Any) -> None:
    with pytest.raises(UserError):
        read_edits(text)


def test_an_edit_of_nothing_is_nothing() -> None:
    assert edited({"mask": None, "edits": {}}) == ""
    for data in (None, "x", 7, {"mask": 5}, {"edits": {"key:0": None}}):
        with pytest.raises(UserError):
            edited(data)


@pytest.mark.parametrize("text", [None, "", "  ", "\x00\x07", "\ud800"])
def test_no_word_is_no_fault(text: Any) -> None:
    assert on.read_hand(text, "", *VALUES) is None


@pytest.mark.parametrize("text", ["<b>x</b> & y", "مرحبا بالعالم", "👍🏽 e\u0301", "a" * 5_000])
def test_any_words_are_read(text: str) -> None:
    assert len(on.read_hand(text, "", *VALUES)["tokens"]) == len(words(text)) > 0


def test_too_many_words_and_wrong_settings_get_a_message() -> None:
    for text in ("a " * 13, "x" * 10_000_000, 7, ["a"]):
        with pytest.raises(UserError):
            on.read_hand(text, "", *VALUES)
    with pytest.raises(SettingError) as error:
        on.read_hand(TEXT, "", *with_value(d_k=float("nan")))
    assert error.value.label == "attention.hand.d_k"


def test_shuffling_keeps_the_words_and_says_what_it_changed() -> None:
    request: Any = SimpleNamespace(session_hash="x", request=None)
    done = json.dumps({"mask": ["1000"] * 4, "edits": {"query:1": [1, 2, 3, 4]}})
    values = with_value(positions="none")
    text, hands, told = on.another_order(TEXT, done, *values, request=request)
    assert sorted(text.split()) == sorted(TEXT.split()) and text != TEXT
    assert "e-1" in told["value"] or "**0**" in told["value"]  # rounding only
    with pytest.raises(UserError):
        on.another_order("alone", "", *VALUES, request=request)
    order = [TEXT.split().index(word) for word in text.split()]
    mask, edits = read_edits(hands)  # what a hand did went with its words
    assert edits == {("query", order.index(1)): [1, 2, 3, 4]}
    assert mask is not None and mask[:, order.index(0)].all() and mask.sum() == len(order)


def test_without_the_division_longer_vectors_look_at_less() -> None:
    curves = on.measure_widths(TEXT, *VALUES)["runs"][0]["curves"]
    (_, first), *_, (_, last) = curves["entropy_unscaled"]
    assert last < first / 2
    (_, first), *_, (_, last) = curves["entropy_scaled"]
    assert last == pytest.approx(first, rel=0.25)


# Many heads


def test_many_heads_are_as_torch_has_them() -> None:
    start = Many(d_model=64)
    heads, remarks = on.compute_many(*(getattr(start, name) for name in MANY))
    assert heads["weights"]["shape"] == [1, 8, 10, 10]
    equal = remarks["items"][1]
    assert equal["kind"] == "good" and max(equal["values"].values()) <= 1e-6
    with pytest.raises(SettingError):
        on.compute_many(100, 8, 10, False, 0)


def test_all_of_the_tutorials_mistakes_are_measured() -> None:
    items = {item["key"]: item["values"] for item in on.show_faults()["items"]}
    assert items["twice"]["theirs"] > 0.1 and items["twice"]["ours"] == 0
    assert items["half"]["theirs"] == "nan" and items["half"]["ours"] == 0


# Trained here


@pytest.fixture(scope="module")
def run() -> Run:
    run = Run(SMALL)
    torch.manual_seed(0)
    for progress in attention.job(SMALL):
        run.add(progress)
    run.finish("done")
    return run


def test_the_film_shows_what_the_network_looks_at(run: Run) -> None:
    film = views.film(run)
    frame = film["frames"][-1]
    patterns = unpacked(frame["weights"]) / film["top"]
    assert patterns.shape == (2, 1, 12, 12)
    np.testing.assert_allclose(patterns, run.snapshot.patterns, atol=1 / 255)
    assert np.shape(frame["scores"]["prefix"]) == (2, 1)
    assert len(views.chances(run)["frames"][-1]["p"]) == len(film["tokens"]) == 12
    series = views.by_block(run)["frames"][-1]["series"][0]
    assert len(series["values"]) == len(run.snapshot.blocks)


def test_a_silenced_head_is_measured_and_speaks_again(run: Run) -> None:
    own = trained(run)
    assert isinstance(own, Trained)
    heads, blocks, remarks = on.silence(own, run, event({"muted": [[1, 0]]}))
    assert heads["muted"] == [[1, 0]] and len(blocks["series"]) == 2
    tests = attention.held_out_sequences(SMALL)
    less = attention.judge(own.model, tests, SMALL, [(1, 0)]).accuracy
    assert remarks["items"][0]["values"]["less"] == {"percent": less}
    film, blocks, remarks = on.silence(own, run, event({"muted": []}))
    assert film["frames"] and remarks is None
    with pytest.raises(UserError):
        on.silence(None, run, event({"muted": []}))
    assert on.finish(own)[0]["values"]["shape"] == [2, 1]
    assert on.finish(None) == (None, None)


@pytest.mark.parametrize("data", [None, "x", {"muted": 7}, {"muted": [[0]]}, {"muted": [["a", 0]]},
                                  {"muted": [[True, 0]]}, {"muted": [[0, 0]] * 500}])  # fmt: skip
def test_silence_that_no_page_sends_is_refused(data: Any) -> None:
    with pytest.raises(UserError):
        muted(data, 2, 2)
    assert muted({"muted": [[0, 1], [5, 5], [0, 1]]}, 2, 2) == ((0, 1),)


# Pretrained

POEM = "Trăm năm trong cõi"
SENTENCE = "The cat sat."
LETTERS = "abcdefghijklmnopqrstuvwxyz."
REQUEST: Any = SimpleNamespace(session_hash="visitor", request=None)
# The order of events that the page sends: a text for a model, silenced heads, sentences to compare.
KIEU = ("kieu", POEM, "")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A small MiniLM and a small SmolLM2 with random weights, where the fetched ones would lie."""
    folder = tmp_path_factory.mktemp("store")
    torch.manual_seed(0)
    words = WordPiece(("[UNK]", "[CLS]", "[SEP]", *LETTERS, *(f"##{c}" for c in LETTERS)))
    meaning = minilm.Encoder(minilm.EncoderShape(len(words), 256, 2, 4, 16, 24))
    vocabulary = torch.frombuffer(bytearray(words.to_bytes()), dtype=torch.uint8)
    told = {**meaning.state_dict(), "vocabulary": vocabulary}
    save(folder / "minilm", told, topic="minilm", config=asdict(meaning.shape), metrics={})
    tokens = BPE((), special=("<|endoftext|>", "<|im_end|>"))
    model = llama.Llama(llama.LlamaShape(len(tokens), 256, 3, 4, 2, 16, 24))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    told = {**model.state_dict(), "tokenizer": tokenizer_tensor(tokens)}
    save(folder / "smollm2", told, topic="smollm2", config=asdict(model.shape), metrics={})
    yield {path.name: path for path in folder.iterdir()}
    _loaded.cache_clear()


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch, store: dict[str, Path]) -> None:
    monkeypatch.setattr(pretrained, "find", store.get)


@pytest.fixture
def nothing_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "find", lambda name: None)


def squares(value: Any) -> np.ndarray:
    """The weights that were sent, whole again."""
    packed, count = unpacked(value["weights"]) / value["top"], len(value["tokens"])
    if not value["causal"]:
        return packed
    whole = np.zeros((*packed.shape[:-1], count, count))
    whole[..., *np.tril_indices(count)] = packed
    return whole


def ranked(model: Any, text: Any, muted: Any, honest: Any, chosen: Any) -> list[Any]:
    return list(on.rank(model, text, muted, honest, chosen, REQUEST))


def test_the_bundled_models_heads_are_shown_as_they_are() -> None:
    heads, likely, remarks = on.read_poem(*KIEU, "")
    read = reading(*KIEU)
    assert read is not None and heads["causal"]
    np.testing.assert_allclose(squares(heads), read.found.shown, atol=1e-5)
    assert [extra["name"] for extra in heads["extra"]] == ["average", "last_layer", "rollout"]
    np.testing.assert_allclose(squares(heads).sum(axis=3), 1, atol=1e-3)
    assert "".join(heads["tokens"]).strip() == POEM  # whole characters only
    (remark,) = remarks["items"]
    assert remark["key"] == "count_kieu" and remark["values"] == {"count": len(read.found.ids)}
    assert list(likely["series"][0]["values"]) == sorted(likely["series"][0]["values"])[::-1]


def test_a_silenced_head_of_the_bundled_model_moves_its_answer() -> None:
    silent = on.keep_muted("kieu", event({"muted": [[0, 1], [99, 0]]}))
    heads, likely, remarks = on.read_poem("kieu", POEM, silent, "")
    assert heads["muted"] == [[0, 1]] and len(likely["series"]) == 2
    assert remarks["items"][1]["key"] == "moved_next" and remarks["items"][1]["values"]["by"] > 0
    assert on.read_poem("kieu", POEM, "[[0, 1]]", "")[0]["muted"] == [[0, 1]]  # a client's way


@pytest.mark.usefixtures("fetched")
def test_fetched_models_are_read_each_in_its_own_way() -> None:
    heads, likely, remarks = on.read_poem("smollm2", POEM, "", "")
    assert squares(heads).shape[:2] == (3, 4) and heads["causal"]
    assert "".join(heads["tokens"]) == POEM and len(heads["tokens"]) == len(POEM)
    assert remarks["items"][0]["key"] == "count_smollm2"
    assert remarks["items"][0]["values"]["count"] == len(POEM.encode())
    both = f"{SENTENCE}\n\n zzz {'q' * 99}\n"
    heads, alike, remarks = on.read_poem("minilm", SENTENCE, "", both)
    assert squares(heads).shape[:2] == (2, 4) and not heads["causal"]
    assert heads["tokens"][0] == "[CLS]" and heads["tokens"][-1] == "[SEP]"
    (series,) = alike["series"]
    same, other = series["values"]
    assert same == pytest.approx(1, abs=1e-5) and other < 0.99
    assert alike["labels"][0] == SENTENCE and len(alike["labels"][1]) == 81 and alike["plain"]
    assert on.read_poem("minilm", SENTENCE, "", None)[1] is None
    silent = on.keep_muted("minilm", event({"muted": [[1, 2]]}))
    _, alike, remarks = on.read_poem("minilm", SENTENCE, silent, both)
    assert len(alike["series"]) == 2 and remarks["items"][1]["key"] == "moved_meaning"
    assert on.read_poem("smollm2", SENTENCE, silent, "")[0]["muted"] == []  # another's heads


@pytest.mark.usefixtures("nothing_fetched")
def test_where_nothing_was_fetched_the_bundled_model_reads() -> None:
    for name in READERS:
        assert reader_of(name)[0] == BUNDLED
        assert on.read_poem(name, POEM, "", "")[2]["items"][0]["key"] == "count_kieu"
    silent = on.keep_muted("gpt2", event({"muted": [[0, 1]]}))
    assert on.read_poem("gpt2", POEM, silent, "")[0]["muted"] == [[0, 1]]


def test_each_model_begins_with_a_text_that_it_can_read() -> None:
    own, english = (say(f"attention.examples.{name}", "en") for name in ("poem", "english"))
    assert on.suit(own, "gpt2", REQUEST)[0] == on.suit(english, "minilm", REQUEST)[0] == english
    assert on.suit(english, "kieu", REQUEST)[0] == own
    written, shown = on.suit("my own words", "minilm", REQUEST)
    assert written == gr.skip() and shown["visible"]
    assert not on.suit("", "kieu", REQUEST)[1]["visible"]
    texts = on.arrive("", None, "", "minilm", REQUEST)
    assert texts[1] == english and texts[2].count("\n") == 2
    assert on.arrive("a", "b", "c", "kieu", REQUEST) == [gr.skip()] * 3
    for lang in ("vi", "en"):  # how long a text may be
        told = say("attention.poem_placeholder", lang)
        assert str(MOST_TOKENS_SHOWN) in told
    assert reader_of("kieu")[1].most >= MOST_TOKENS_SHOWN


@pytest.mark.parametrize("chosen", ["", "average", "rollout", "last_layer", "1.2", "3.9", "29.8"])
@pytest.mark.parametrize("model", ["kieu", "minilm"])
@pytest.mark.usefixtures("fetched")
def test_both_rankings_are_of_the_same_tokens(model: str, chosen: str) -> None:
    text = POEM if model == "kieu" else SENTENCE
    *measuring, shown = ranked(model, text, "", True, chosen)
    count = len(shown["items"])
    assert measuring[-1] == {"done": count, "count": count}
    assert -1 <= shown["correlation"] <= 1
    for side in ("left", "right"):
        assert sum(i[f"{side}_rank"] for i in shown["items"]) == count * (count + 1) / 2
        best = min(shown["items"], key=lambda item: item[f"{side}_rank"])
        assert best[side] == max(item[side] for item in shown["items"])
    assert ranked(model, text, "", False, chosen) == [None]


def test_a_measurement_ends_when_something_else_is_wanted() -> None:
    text = "Trăm năm 🙂 trong cõi"  # letters are left out together, then what has more tokens
    question = ("kieu", text, "", True)
    running = on.rank(*question, "", request=REQUEST)
    assert next(running)["done"] == 0
    on.want(*question, request=REQUEST)  # the same: nothing ends
    assert next(running)["done"] > 0
    on.want("kieu", text, "", False, request=REQUEST)
    assert list(running) == []
    other: Any = SimpleNamespace(session_hash="another", request=None)
    kept = on.rank(*question, "", request=other)
    next(kept)
    on.want("kieu", "x", "", True, request=REQUEST)
    assert list(kept)[-1]["items"]
    assert [sorted(one) for one in ranked(*question, "rollout")] == [
        ["count", "done"],  # all at once: it was measured before
        ["correlation", "items"],
    ]


@pytest.mark.parametrize(
    "text", ["<img src=x onerror=alert(1)>", "مرحبا", "👍🏽 e\u0301", "\x00\ud7ff"]
)
@pytest.mark.usefixtures("fetched")
def test_any_text_is_read(text: str) -> None:
    for model in ("kieu", "minilm", "smollm2"):
        assert on.read_poem(model, text, "", text)[0] is not None


@pytest.mark.usefixtures("fetched")
def test_what_cannot_be_read_gets_a_message_or_nothing() -> None:
    nothing = (None, None, None)
    assert on.read_poem("kieu", "", "", "") == on.read_poem("minilm", None, "", "") == nothing
    wrong: Any
    for wrong in ("x" * 10_000_000, "chữ " * 200, 7, ["a"]):
        for model in ("kieu", "minilm", "smollm2"):
            with pytest.raises(UserError):
                on.read_poem(model, wrong, "", "")
    with pytest.raises(UserError) as long:
        on.read_poem("minilm", "a " * 127, "", "")
    assert long.value.key == "attention.errors.too_long"
    assert long.value.values == {"most": 128, "count": 129}
    assert len(on.read_poem("minilm", "a " * 126, "", "")[0]["tokens"]) == 128
    for wrong in ("x", "{", "[[1]]", 7, "[" * 20_000, '{"model": "kieu"}', '{"muted": 7}'):
        with pytest.raises(UserError):
            heads_of(wrong, 4, 4, "kieu")
    for wrong in ("a.b", "²", "1"):
        with pytest.raises(UserError):
            ranked(*KIEU, True, wrong)
    for wrong in ("vgg16", "", None, 7, ["kieu"], "../x"):
        with pytest.raises(UserError):
            on.read_poem(wrong, POEM, "", "")


def test_what_is_chosen_is_kept_as_the_ranking_takes_it() -> None:
    assert on.keep_chosen(event({"name": "rollout"})) == "rollout"
    assert on.keep_chosen(event({"name": "", "layer": 2, "head": 1})) == "2.1"
    wrong: Any
    for wrong in ("x", None, {"layer": "a", "head": 0}, {}):
        with pytest.raises(UserError):
            on.keep_chosen(event(wrong))


# As a program asks


def test_every_endpoint_answers_a_client(server: Server) -> None:
    client = Client(server.url, verbose=False)
    try:
        shown = client.predict(TEXT, "", *VALUES, api_name="/attention_hand")
        assert shown["tokens"] == TEXT.split() and shown["difference"] <= 1e-6
        curves = client.predict(TEXT, *VALUES, api_name="/attention_widths")["runs"][0]["curves"]
        assert len(curves["entropy_scaled"]) > 3
        heads, remarks = client.predict(64, 8, 10, True, 0, api_name="/attention_many")
        assert heads["causal"] and remarks["items"][1]["kind"] == "good"
        assert len(client.predict(api_name="/attention_faults")["items"]) == 4
        heads, likely, remarks = client.predict(*KIEU, "", api_name="/attention_read")
        assert heads["tokens"] == on.read_poem(*KIEU, "")[0]["tokens"]
        assert sum(likely["series"][0]["values"]) <= 1
        ranking = client.predict(*KIEU, True, "rollout", api_name="/attention_honesty")
        assert ranking["correlation"] == ranked(*KIEU, True, "rollout")[-1]["correlation"]
        with pytest.raises(AppError, match="128"):
            client.predict("kieu", "xin chào " * 99, "", "", api_name="/attention_read")
        values = [getattr(SMALL, name) for name in endpoint_names(client, "/attention_positions")]
        state, chart = client.predict(*values, api_name="/attention_positions")
        assert state["state"] == "done" and len(chart["runs"][0]["curves"]) == 2
    finally:
        client.close()


def endpoint_names(client: Client, endpoint: str) -> list[str]:
    """The names of what an endpoint takes."""
    told: Any = client.view_api(print_info=False, return_format="dict")
    parameters = told["named_endpoints"][endpoint]["parameters"]
    return [parameter["parameter_name"] for parameter in parameters]


# Widgets


def test_weights_for_other_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="tokens"):
        attention_heads(["a", "b"], np.zeros((1, 1, 3, 3)))
    shown = rankings(["a", "b"], ([1, 2], [3, 4]), ([2, 1], [2, 1]), 1.0)
    assert json.dumps(shown) and shown["items"][1]["right"] == 4.0


def test_weights_of_who_never_looks_ahead_travel_as_triangles() -> None:
    lower = np.tril(np.random.default_rng(0).dirichlet(np.ones(3), (2, 2, 3)))
    shown = attention_heads(["a", "b", "c"], lower, extra={"average": lower[0, 0]})
    assert shown["causal"] and shown["weights"]["shape"] == [2, 2, 6]
    np.testing.assert_allclose(squares(shown), lower, atol=1e-5)
    assert shown["extra"][0]["weights"]["shape"] == [6]
    ahead = attention_heads(["a", "b", "c"], lower, extra={"average": np.ones((3, 3))})
    assert not ahead["causal"] and ahead["weights"]["shape"] == [2, 2, 3, 3]
