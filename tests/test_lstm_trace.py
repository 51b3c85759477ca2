"""Steps by hand against torch; gates, effects and gradients against their definitions."""

import itertools

import numpy as np
import pytest
import torch

from dlcore.lstm import encode, predict, predict_growing
from dlcore.lstm_trace import GATES, effects, gradient_by_distance, trace, unroll
from dlcore.text import TextError
from tests.readers import KINDS, TEXTS, TINY, few_opinions, reader


@torch.no_grad()
@pytest.mark.parametrize(
    "kind, suffix", list(itertools.product(("lstm", "gru", "rnn"), ("", "_reverse")))
)
def test_steps_by_hand_are_torchs_own(kind: str, suffix: str) -> None:
    model = reader(kind, both=True)
    vectors = torch.randn(3, 17, TINY.embedding)
    order = vectors.flip(1) if suffix else vectors
    mine = unroll(model, order, suffix=suffix)["hidden"]
    theirs, _ = model.recurrent(vectors)  # type: ignore[misc]
    half = theirs[..., TINY.hidden :].flip(1) if suffix else theirs[..., : TINY.hidden]
    torch.testing.assert_close(mine, half, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind, both", KINDS)
def test_the_trace_ends_with_the_answer_and_follows_it(kind: str, both: bool) -> None:
    model = reader(kind, both)
    for text in TEXTS:
        seen = trace(model, text)
        assert seen.probabilities[-1] == pytest.approx(predict(model, [text])[0], abs=1e-6)
        assert np.abs(seen.probabilities - predict_growing(model, text)).max() < 1e-6
        words = model.vocabulary.tokens(text)
        assert list(seen.tokens) == words and len(seen.known) == len(words)
        beginning = " ".join(words[: len(words) // 2 + 1])
        assert seen.probabilities[len(words) // 2] == pytest.approx(
            predict(model, [beginning])[0], abs=1e-6
        )
        for name in ("input", "forget", "output", "reset", "update"):
            values = getattr(seen, name)
            assert (values is not None) == (name in GATES[kind])
            if values is not None:
                assert values.shape == (len(words), TINY.hidden)
                assert values.min() >= 0 and values.max() <= 1
    assert not any(trace(model, "zzz qqq").known)


def test_the_cell_is_what_was_kept_and_what_was_written() -> None:
    seen = trace(reader(), TEXTS[1])
    assert seen.input is not None and seen.forget is not None and seen.output is not None
    assert seen.cell is not None and seen.candidate is not None and seen.hidden is not None
    before = np.vstack([np.zeros((1, TINY.hidden), np.float32), seen.cell[:-1]])
    np.testing.assert_allclose(
        seen.cell, seen.forget * before + seen.input * seen.candidate, atol=1e-6
    )
    np.testing.assert_allclose(seen.hidden, seen.output * np.tanh(seen.cell), atol=1e-6)


def test_a_clamped_gate_is_held_and_its_consequence_felt() -> None:
    model = reader()
    free, held = trace(model, TEXTS[1]), trace(model, TEXTS[1], {"forget": 0.0, "input": 1.0})
    assert held.forget is not None and not held.forget.any()
    assert held.input is not None and (held.input == 1).all()
    assert held.cell is not None and held.candidate is not None
    np.testing.assert_allclose(held.cell, held.candidate, atol=1e-7)  # it lives in the present
    assert not np.allclose(free.probabilities[-1], held.probabilities[-1], atol=1e-7)
    shut = trace(model, TEXTS[1], {"input": 0.0})
    assert shut.cell is not None and not shut.cell.any()
    assert np.ptp(shut.probabilities) == 0  # nothing was written, so nothing was learnt
    with pytest.raises(ValueError, match="no gate 'update'"):
        trace(model, TEXTS[1], {"update": 0.0})
    both = reader(both=True)
    assert not np.allclose(
        trace(both, TEXTS[1], {"forget": 0.0}).probabilities, trace(both, TEXTS[1]).probabilities
    )


@pytest.mark.parametrize("kind, both", KINDS)
def test_an_effect_is_the_difference_that_a_word_makes(kind: str, both: bool) -> None:
    model, text = reader(kind, both), TEXTS[2]
    words = model.vocabulary.tokens(text)
    measured = effects(model, text)
    for n in range(len(words)):
        shorter = " ".join(words[:n] + words[n + 1 :])
        expected = predict(model, [text])[0] - predict(model, [shorter])[0]
        assert measured[n] == pytest.approx(expected, abs=1e-6)
    assert len(effects(model, "Hay")) == 1


@pytest.mark.parametrize("text, key", [("", "empty"), (" \n…", "empty"), ("a " * 300, "long")])
def test_text_that_cannot_be_read_is_refused(text: str, key: str) -> None:
    model = reader()
    for work in (trace, effects, predict_growing):
        with pytest.raises(TextError) as caught:
            work(model, text)
        assert caught.value.key == key
    assert 0 < predict(model, [text])[0] < 1  # in a list it is an unknown word, not a fault


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_the_gradient_by_distance_agrees_with_nudging_a_state(kind: str) -> None:
    model = reader(kind)
    sentences = few_opinions().sentences
    long = [text for text in sentences if len(model.vocabulary.tokens(text)) > 12][:3]
    reach = gradient_by_distance(model, long, distance=8)
    assert reach.sentences == 3 and reach.norms.shape == (9,)
    if kind != "lstm":  # whose cell is seen through the output gate
        assert reach.norms[0] == pytest.approx(model.head.weight.norm().item(), rel=1e-5)
    # by hand: the exact Jacobian of the answer with respect to the memory three words before
    total = 0.0
    for text in long:
        ids, _ = encode(model, [text])
        vectors = model.embed(ids).detach()
        steps = unroll(model, vectors[:, :-3])
        memory = steps["cell" if kind == "lstm" else "hidden"][:, -1].detach()
        shown = steps["output"][:, -1].detach() if kind == "lstm" else None

        def ending(state: torch.Tensor, vectors=vectors, shown=shown) -> torch.Tensor:
            last = ((shown * state.tanh())[None], state[None]) if kind == "lstm" else state[None]
            _, after = model.recurrent(vectors[:, -3:], last)  # type: ignore[misc]
            return model.head(after[0][0] if kind == "lstm" else after[0]).sum()

        gradient = torch.autograd.functional.jacobian(ending, memory)
        total += float(gradient.norm())
    assert reach.norms[3] == pytest.approx(total / 3, rel=1e-4)
    with pytest.raises(TextError):
        gradient_by_distance(model, ["quá ngắn"], distance=8)
    with pytest.raises(ValueError, match="no state"):
        gradient_by_distance(reader("bag"), long)
