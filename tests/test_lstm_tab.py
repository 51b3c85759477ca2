"""The LSTM tab without a browser: what may be typed, how a word is changed, what is shown."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from demos import lstm_views as views
from demos.kit.errors import UserError
from demos.kit.run import Run
from demos.kit.script import standalone
from demos.lstm_handlers import copy, edit, read, upload
from demos.lstm_state import (
    MOST_CHARACTERS,
    Look,
    held,
    job_arguments,
    respelt,
    script_call,
    sentence,
    table,
)
from demos.widgets.gates import gates
from demos.widgets.token_strip import edited, token_strip
from dlcore import lstm, lstm_trace
from dlcore.data.opinions import FIVE, five_sentences
from dlcore.text import MOST_TOKENS

TEXT = "Quán ngon, nhưng (hơi) đắt."
WORDS = ["Quán", "ngon", "nhưng", "hơi", "đắt"]


@pytest.fixture(scope="module")
def model() -> lstm.Reader:
    texts = [text for _, text in FIVE]
    return lstm.build(lstm.Config(embedding=8, hidden=6), texts).eval()


# Changing a word


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("Quán dở nhưng hơi đắt", "Quán dở, nhưng (hơi) đắt."),
        ("Quán nhưng hơi đắt", "Quán, nhưng (hơi) đắt."),
        ("Quán ngon nhưng hơi đắt quá", "Quán ngon, nhưng (hơi) đắt quá."),
        ("Ôi Quán ngon nhưng hơi đắt", "Ôi Quán ngon, nhưng (hơi) đắt."),
        ("Quán rất ngon nhưng hơi đắt", "Quán rất ngon, nhưng (hơi) đắt."),
        ("", ""),
    ],
)
def test_a_changed_word_leaves_the_rest_as_it_was_typed(after: str, expected: str) -> None:
    assert respelt(TEXT, WORDS, after.split()) == expected


def test_words_that_are_not_in_the_text_are_simply_joined() -> None:
    assert respelt("abc", ["x", "y"], ["x", "z"]) == "x z"


@pytest.mark.parametrize(
    "data", [None, "x", {}, {"tokens": "abc"}, {"tokens": [1]}, {"tokens": ["x" * 5_000]},
             {"tokens": ["a"] * 3_000}],
)  # fmt: skip
def test_an_edit_that_no_strip_sends_is_refused(data: Any) -> None:
    with pytest.raises(UserError):
        edited(data)
    assert edited({"tokens": [" hay ", "", "lắm"]}) == ["hay", "lắm"]


# What may be typed


def test_a_sentence_is_made_fit_to_show() -> None:
    assert sentence(None) == ""
    assert sentence(" de\u0302\u0303 \x00\x07hiểu\u200b ") == "dễ   hiểu"
    assert sentence("nửa \ud800 chữ") == "nửa ? chữ"
    assert sentence("<b>‮abc") == "<b>‮abc"  # shown as text, so it may stay
    wrong: Any
    for wrong in (7, [], {}, "x" * (MOST_CHARACTERS + 1)):
        with pytest.raises(UserError):
            sentence(wrong)


@pytest.mark.parametrize(
    "text", ["", "   ", "!!! …", "\u202e", "👍🏽", "مرحبا بالعالم", "e\u0301" * 300]
)
def test_any_text_is_read_or_shown_as_empty(model: lstm.Reader, text: str) -> None:
    own = _own(model)
    strip, second, inside, _ = read(text, "", False, "yours", "yours", own, Look(), *FREE)
    count = len(model.vocabulary.tokens(sentence(text)))
    assert second is None
    assert len(strip["tokens"] if strip else []) == count
    assert (inside is None) == (count == 0)


def test_too_many_words_get_a_message(model: lstm.Reader) -> None:
    with pytest.raises(UserError) as error:
        read("a " * (MOST_TOKENS + 1), "", False, "yours", "yours", _own(model), Look(), *FREE)
    assert error.value.key == "lstm.errors.too_long"


@pytest.mark.parametrize("holds", [("free", "free", "half"), (0, 1, 2), (None, "free", "free")])
def test_a_gate_is_held_at_what_is_offered_only(holds: Any) -> None:
    with pytest.raises(UserError):
        held(holds)
    assert held(("zero", "free", "one")) == {"forget": 0.0, "output": 1.0}


FREE = ("free", "free", "free")


def _own(model: lstm.Reader) -> Any:
    from demos.lstm_state import Trained

    return Trained(model, None)


# What is shown


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn", "bag"])
def test_a_reading_shows_the_models_own_numbers(kind: str) -> None:
    texts = [text for _, text in FIVE]
    model = lstm.build(lstm.Config(model=kind, embedding=8, hidden=6), texts).eval()
    strip, inside = views.reading(model, texts[1] + " xqz", {})
    tokens = strip["tokens"]
    assert [token["p"] for token in tokens] == pytest.approx(
        lstm.predict_growing(model, texts[1] + " xqz").tolist(), abs=1e-6
    )
    assert [token["unknown"] for token in tokens] == [False] * (len(tokens) - 1) + [True]
    names = [layer["name"] for layer in inside.get("layers", [])]
    assert (
        names
        == {
            "lstm": ["forget", "input", "output", "candidate", "cell", "hidden"],
            "gru": ["reset", "update", "candidate", "hidden"],
            "rnn": ["hidden"],
            "bag": [],
        }[kind]
    )


def test_a_held_gate_is_shown_with_the_free_curve_beside_it(model: lstm.Reader) -> None:
    strip, inside = views.reading(model, FIVE[0][1], {"forget": 0.0})
    fixed = {layer["name"]: layer["fixed"] for layer in inside["layers"]}
    assert fixed["forget"] == 0.0 and fixed["input"] is None
    free = [token["free"] for token in strip["tokens"]]
    assert free == pytest.approx(lstm.predict_growing(model, FIVE[0][1]).tolist(), abs=1e-6)
    assert free != [token["p"] for token in strip["tokens"]]


def test_units_stand_in_the_order_of_their_weight() -> None:
    table = np.arange(6, dtype=np.float32).reshape(2, 3)
    value = gates(["a", "b"], "rnn", {"hidden": table, "cell": None}, weights=[0.5, -1, 2])
    assert value["units"] == [2, 0, 1] and value["weights"] == [2, 0.5, -1]
    packed = value["layers"][0]["values"]
    shown = np.frombuffer(base64.b64decode(packed["data"]), "<f4").reshape(packed["shape"])
    assert shown.tolist() == table.T[[2, 0, 1]].tolist()
    with pytest.raises(ValueError, match="3 words"):
        gates(["a", "b", "c"], "rnn", {"hidden": table})


def test_a_strip_wants_an_entry_for_every_word() -> None:
    with pytest.raises(ValueError, match="1 entries in score for 2"):
        token_strip(["a", "b"], scores=[0.5])


def test_words_are_coloured_by_the_odds_they_move(model: lstm.Reader) -> None:
    text = FIVE[0][1]
    tokens = views.reading(model, text, {})[0]["tokens"]
    whole, without = lstm.predict(model, [text, " ".join(text.split()[1:])])
    odds = np.log(whole / (1 - whole)) - np.log(without / (1 - without))
    assert tokens[0]["score"] == pytest.approx(odds, abs=1e-4)
    assert tokens[0]["change"] == pytest.approx(whole - without, abs=1e-6)


def test_the_gradient_is_shown_as_the_share_that_is_left() -> None:
    reach = lstm_trace.Reach(np.array([2.0, 1.0, 0.5], np.float32), 3)
    run = views.gradients({"rnn": reach})["runs"][0]
    assert run["curves"]["rnn"] == [[0.0, 1.0], [1.0, 0.5], [2.0, 0.25]]


# A table of one's own


def test_the_job_gets_the_table_only_when_it_is_asked_for() -> None:
    rows = "\n".join(f"câu số {n} {'hay' if n % 2 else 'dở'},{n % 2}" for n in range(30))
    assert job_arguments(lstm.Config(), rows, "Hay quá")[1:] == ("", "Hay quá")
    config, csv, watch = job_arguments(lstm.Config(data="csv"), rows, "!!!")
    assert csv == rows and watch == "" and len(table(csv, config)) == 30
    assert job_arguments(lstm.Config(), None, ["no text"])[2] == ""


@pytest.mark.parametrize(
    ("csv", "key"),
    [
        (None, "no_csv"),
        ("  ", "no_csv"),
        ([1], "no_csv"),
        ("just words", "csv.columns"),
        ("a,1\nb,0", "csv.few"),
        ("\n".join(f"sentence {n},1" for n in range(20)), "csv.one_sided"),
        ("sentence,label\n" + "\n".join(f"s {n},{n % 3}" for n in range(20)), "csv.label"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(csv: Any, key: str) -> None:
    with pytest.raises(UserError) as error:
        table(csv, lstm.Config())
    assert error.value.key == f"lstm.errors.{key}"


def test_an_uploaded_file_is_text_or_refused() -> None:
    assert upload("a,1".encode("utf-16")) == "a,1"
    assert upload("\ufeffdễ,1".encode()) == "dễ,1"
    for wrong in (None, "path", b"\xff\xfa\x80"):
        with pytest.raises(UserError):
            upload(wrong)


def test_five_sentences_leave_nothing_to_test_on() -> None:
    assert len(five_sentences().test) == 0


def test_nothing_unshowable_is_echoed(model: lstm.Reader) -> None:
    """Half a character in an answer would break the page's connection."""

    class Event:
        _data = {"tokens": ["hay", "\ud800", "\x00lắm"]}

    event: Any = Event()
    for text in (copy("a\ud800"), edit("first")("hay", "yours", _own(model), event)):
        assert text.encode() and "\x00" not in text


@pytest.mark.parametrize("data", ["tutorial", "en"])
def test_the_script_runs_alone_and_ends_as_the_page_did(data: str, tmp_path: Path) -> None:
    config = lstm.Config(data=data, epochs=1, batch_size=256, hidden=4, phrases=False)
    run = Run(config, job_arguments(config, "", "a \"quoted\" 'sentence'"))
    *_, last = lstm.job(*run.arguments)
    setup, call = script_call(run)
    script = tmp_path / "lstm.py"
    text = standalone(lstm, config, threads=torch.get_num_threads(), call=call, setup=setup)
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for name, value in last.metrics.items():
        assert f"{name} = {value!r}" in done.stdout
