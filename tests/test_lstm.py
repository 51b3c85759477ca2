"""The LSTM against `nn.LSTM`, sentences alone against sentences in batches, and thresholds."""

import dataclasses
import itertools
import unicodedata
from collections.abc import Generator

import numpy as np
import pytest
import torch
from torch import nn

from dlcore.batches import by_length, count_ratios, hide_words
from dlcore.bench import lstm as bench
from dlcore.checkpoint import load as load_checkpoint
from dlcore.data.opinions import FIVE, OpinionError, Opinions, load_opinions
from dlcore.lstm import (
    BUNDLED,
    TUTORIAL,
    Config,
    LSTMCellByHand,
    Mean,
    Reader,
    Snapshot,
    build,
    encode,
    evaluate,
    job,
    load_bundled,
    predict,
    predict_growing,
    restore,
    train,
)
from dlcore.lstm_trace import GATES, effects, gradient_by_distance, trace, unroll
from dlcore.settings import SettingError
from dlcore.text import (
    PAD,
    UNKNOWN,
    TextError,
    Vocabulary,
    bare,
    key,
    learn_vocabulary,
    root,
    tokens,
)

BUNDLED_VI, BUNDLED_EN = 0.90, 0.88
TINY = Config(epochs=3, lr=1e-2, phrases=False)
KINDS = list(itertools.product(("lstm", "gru", "rnn", "bag"), (False, True)))
TEXTS = [
    "Hay.",
    "Bài giảng không hề tệ, tuy phòng học hơi nóng nhưng thầy rất nhiệt tình với lớp.",
    "Phí tiền và mất thời gian.",
    "zzz qqq",
    "Quá thất vọng về chất lượng, chờ mãi không ai trả lời",
]


@pytest.fixture(scope="module")
def tiny() -> Opinions:
    """Every sixth training sentence, and a few to validate and test on."""
    data = load_opinions("vi")
    return dataclasses.replace(
        data, train=data.train[::6], valid=data.valid[:40], test=data.test[:60]
    )


def a_reader(data: Opinions, kind: str = "lstm", both: bool = False) -> Reader:
    config = dataclasses.replace(TINY, model=kind, bidirectional=both)
    return build(config, data.texts(data.train)).eval()


# --- The network ---------------------------------------------------------------------------------


def test_the_preset_is_the_tutorials_network() -> None:
    model = build(TUTORIAL, [text for _, text in FIVE])
    assert isinstance(model.recurrent, nn.LSTM)
    assert (model.recurrent.input_size, model.recurrent.hidden_size) == (16, 32)
    assert not model.recurrent.bidirectional and model.dropout.p == 0
    assert (model.head.in_features, model.head.out_features) == (32, 1)
    assert (TUTORIAL.epochs, TUTORIAL.lr, TUTORIAL.tokens) == (50, 1e-2, "word")
    assert model.embedding.padding_idx == PAD != UNKNOWN
    assert min(model.vocabulary.number.values()) == 2  # no word shares a number with padding


@torch.no_grad()
@pytest.mark.parametrize("kind, both", KINDS)
def test_a_sentence_alone_is_read_as_in_any_batch(tiny: Opinions, kind: str, both: bool) -> None:
    model = a_reader(tiny, kind, both)
    together = predict(model, TEXTS)
    alone = np.concatenate([predict(model, [text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-6
    ids, lengths = encode(model, TEXTS)
    wider = nn.functional.pad(ids, (0, 0, 0, 30), value=PAD)  # padding is never read
    assert np.abs(model(wider, lengths).sigmoid().numpy() - alone).max() < 1e-6


@torch.no_grad()
@pytest.mark.parametrize(
    "kind, suffix", list(itertools.product(("lstm", "gru", "rnn"), ("", "_reverse")))
)
def test_steps_by_hand_are_torchs_own(tiny: Opinions, kind: str, suffix: str) -> None:
    model = a_reader(tiny, kind, both=True)
    vectors = torch.randn(3, 17, TINY.embedding)
    order = vectors.flip(1) if suffix else vectors
    mine = unroll(model, order, suffix=suffix)["hidden"]
    theirs, _ = model.recurrent(vectors)  # type: ignore[misc]
    half = theirs[..., TINY.hidden :].flip(1) if suffix else theirs[..., : TINY.hidden]
    torch.testing.assert_close(mine, half, atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_cell_by_hand_is_torchs_lstm_cell(tiny: Opinions) -> None:
    model = a_reader(tiny)
    assert isinstance(model.recurrent, nn.LSTM)
    reference = nn.LSTMCell(TINY.embedding, TINY.hidden)
    reference.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in model.recurrent.state_dict().items()}
    )
    word, hidden, cell = torch.randn(4, TINY.embedding), *torch.randn(2, 4, TINY.hidden)
    mine = LSTMCellByHand(model.recurrent)(word, hidden, cell, {})
    theirs = reference(word, (hidden, cell))
    torch.testing.assert_close(mine["hidden"], theirs[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(mine["cell"], theirs[1], atol=1e-6, rtol=0)


# --- The trace -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, both", KINDS)
def test_the_trace_ends_with_the_answer_and_follows_it(
    tiny: Opinions, kind: str, both: bool
) -> None:
    model = a_reader(tiny, kind, both)
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


def test_the_cell_is_what_was_kept_and_what_was_written(tiny: Opinions) -> None:
    seen = trace(a_reader(tiny), TEXTS[1])
    assert seen.input is not None and seen.forget is not None and seen.output is not None
    assert seen.cell is not None and seen.candidate is not None and seen.hidden is not None
    before = np.vstack([np.zeros((1, TINY.hidden), np.float32), seen.cell[:-1]])
    np.testing.assert_allclose(
        seen.cell, seen.forget * before + seen.input * seen.candidate, atol=1e-6
    )
    np.testing.assert_allclose(seen.hidden, seen.output * np.tanh(seen.cell), atol=1e-6)


def test_a_clamped_gate_is_held_and_its_consequence_felt(tiny: Opinions) -> None:
    model = a_reader(tiny)
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
    both = a_reader(tiny, both=True)
    assert not np.allclose(
        trace(both, TEXTS[1], {"forget": 0.0}).probabilities, trace(both, TEXTS[1]).probabilities
    )


@pytest.mark.parametrize("kind, both", KINDS)
def test_an_effect_is_the_difference_that_a_word_makes(
    tiny: Opinions, kind: str, both: bool
) -> None:
    model, text = a_reader(tiny, kind, both), TEXTS[2]
    words = model.vocabulary.tokens(text)
    measured = effects(model, text)
    for n in range(len(words)):
        shorter = " ".join(words[:n] + words[n + 1 :])
        expected = predict(model, [text])[0] - predict(model, [shorter])[0]
        assert measured[n] == pytest.approx(expected, abs=1e-6)
    assert len(effects(model, "Hay")) == 1


@pytest.mark.parametrize("text, key", [("", "empty"), (" \n…", "empty"), ("a " * 300, "long")])
def test_text_that_cannot_be_read_is_refused(tiny: Opinions, text: str, key: str) -> None:
    model = a_reader(tiny)
    for work in (trace, effects, predict_growing):
        with pytest.raises(TextError) as caught:
            work(model, text)
        assert caught.value.key == key
    assert 0 < predict(model, [text])[0] < 1  # in a list it is an unknown word, not a fault


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_the_gradient_by_distance_agrees_with_nudging_a_state(tiny: Opinions, kind: str) -> None:
    model = a_reader(tiny, kind)
    long = [text for text in tiny.sentences if len(model.vocabulary.tokens(text)) > 12][:3]
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
        gradient_by_distance(a_reader(tiny, "bag"), long)


# --- Words ---------------------------------------------------------------------------------------


def test_tokens_are_syllables_or_what_stands_between_spaces() -> None:
    text = "Không hề tệ, giá 50.000đ: don’t worry :) 👍"
    assert tokens(text) == [
        "Không", "hề", "tệ", "giá", "50", "000đ", "don’t", "worry", ":)", "👍"
    ]  # fmt: skip
    assert tokens(text, "word")[:3] == ["Không", "hề", "tệ,"]
    decomposed = unicodedata.normalize("NFD", text)
    assert tokens(decomposed) == tokens(text)


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("Hoà", "hòa"), ("thuý", "thúy"), ("quý", "quý"), ("khoẻ", "khỏe"), ("KO", "không"),
        ("đc", "được"), ("hayyyy", "hay"), ("xoong", "xoong"), ("2024", "0"), ("5", "5"),
        ("10", "10"), ("don’t", "don't"), ("toàn", "toàn"), ("toán", "toán"),
    ],
)  # fmt: skip
def test_spellings_of_one_word_share_a_key(typed: str, meant: str) -> None:
    assert key(typed) == meant


def test_without_diacritics_a_word_is_its_bare_letters() -> None:
    assert bare("Đường đến lớp Không hề tệ") == "Duong den lop Khong he te"
    assert key("Dở", diacritics=False) == key("do") == "do"


def test_a_vocabulary_counts_words_and_pairs_and_survives_its_bytes() -> None:
    texts = ["thất vọng quá", "quá thất vọng", "Quá hay"]
    known = learn_vocabulary(texts, least_pair=2)
    assert known.words[2:] == ("quá", "thất", "vọng", "hay", "thất vọng")
    assert known.encode("hay quá trời") == [5, 2, UNKNOWN]
    assert known.encode_pairs("thật thất vọng") == [PAD, PAD, 6]
    assert known.encode("") == [UNKNOWN] and known.encode_pairs("") == [PAD]
    again = Vocabulary.from_bytes(known.to_bytes(), split="syllable", diacritics=True)
    assert again == known and again.number == known.number
    assert len(learn_vocabulary(texts, least=3)) == 3


def test_batches_hold_every_sentence_once_and_little_padding() -> None:
    lengths = torch.randint(3, 40, (500,), generator=torch.Generator().manual_seed(0))
    batches = by_length(lengths, 16, torch.Generator().manual_seed(1))
    assert sorted(torch.cat(batches).tolist()) == list(range(500))
    assert max(map(len, batches)) <= 16
    cost = sum(int(lengths[batch].max()) * len(batch) for batch in batches)
    assert cost < 1.2 * int(lengths.sum())  # at random it is about 1.7
    other = by_length(lengths, 16, torch.Generator().manual_seed(2))
    assert batches[0].tolist() != other[0].tolist()
    longest = [int(lengths[batch].max()) for batch in batches]
    assert longest != sorted(longest)  # in length they are sorted, in time they are not


def test_hidden_words_are_unknown_and_their_pairs_gone() -> None:
    rows = [[[5, 3, 0], [6, 4, 7], [8, 3, 9]], [[5, 3, 0], [0, 0, 0], [0, 0, 0]]]
    ids = torch.tensor(rows).repeat(400, 1, 1)
    hidden = hide_words(ids, 0.3, torch.Generator().manual_seed(0))
    gone = hidden[..., 0] == UNKNOWN
    assert gone[ids[..., 0] != PAD].float().mean() == pytest.approx(0.3, abs=0.04)
    assert torch.equal(hidden[..., 0] == PAD, ids[..., 0] == PAD)  # padding is not hidden
    whole = hidden[::2]
    for n in (1, 2):
        broken = (whole[:, n, 0] == UNKNOWN) | (whole[:, n - 1, 0] == UNKNOWN)
        assert torch.equal(whole[:, n, 2] == PAD, broken)
    rootless = whole[..., 1] == PAD
    assert rootless[whole[..., 0] == UNKNOWN].float().mean() == pytest.approx(0.5, abs=0.06)
    assert not rootless[whole[..., 0] != UNKNOWN].any()
    assert torch.equal(hide_words(ids, 0.0, torch.Generator()), ids)


def test_roots_are_what_kin_share() -> None:
    assert root("disappointing") == root("disappointed") == "disap-"
    assert root("dở") == "do-" and root("do") == "" and root("good") == ""
    known = learn_vocabulary(["a disappointing end", "dở"], roots=True)
    assert known.encode("disappointed") == [UNKNOWN]
    assert known.encode_roots("disappointed dở end x") == [
        known.number["disap-"], known.number["do-"], PAD, PAD
    ]  # fmt: skip
    assert learn_vocabulary(["disappointing"]).encode_roots("disappointed") == [PAD]
    assert known.encode_roots("") == [PAD]


def test_counted_ratios_are_naive_bayes_by_hand() -> None:
    ids = torch.tensor([[[2], [3]], [[2], [0]], [[3], [4]]])
    ratios = count_ratios(ids, torch.tensor([1.0, 1.0, 0.0]), size=5)
    # praise: 2 twice, 3 once; complaint: 3 once, 4 once; one more of each
    expected = [np.log(3 / 6 / (1 / 5)), np.log(2 / 6 / (2 / 5)), np.log(1 / 6 / (2 / 5))]
    assert ratios[:2].tolist() == [0, 0]
    np.testing.assert_allclose(ratios[2:], expected, rtol=1e-5)


# --- Training ------------------------------------------------------------------------------------


def test_a_tiny_training_learns_and_an_untrained_reader_does_not(tiny: Opinions) -> None:
    model = a_reader(tiny)
    assert evaluate(model, tiny, tiny.train).accuracy < 0.65
    events = list(train(model, tiny, dataclasses.replace(TINY, epochs=12)))
    last = events[-1]
    assert evaluate(model, tiny, tiny.train).accuracy > 0.9
    # too few sentences to generalise from; but the number told is the kept reader's own
    assert last.metrics["test_accuracy"] == evaluate(model, tiny, tiny.test).accuracy
    steps = -(-len(tiny.train) // TINY.batch_size)
    assert last.step == last.total == len(events) == 12 * steps
    ends = [e.step for e in events if "valid_accuracy" in e.metrics]
    assert ends == [steps * n for n in range(1, 13)]
    assert [e.step for e in events if "test_accuracy" in e.metrics] == [12 * steps]
    assert all({"loss", "accuracy"} <= e.metrics.keys() for e in events)


def test_the_tutorials_five_sentences_are_learnt_by_heart() -> None:
    *_, last = job(TUTORIAL)
    assert last.step == 50
    model = restore(last.snapshot.state, TUTORIAL)
    answers = predict(model, [text for _, text in FIVE]) > 0.5
    assert answers.tolist() == [label == 1 for label, _ in FIVE]
    assert set(last.metrics) == {"loss", "accuracy"}  # nothing is left to validate or test on


def test_the_same_seed_gives_the_same_last_digit_and_another_does_not(tiny: Opinions) -> None:
    configs = [TINY, TINY, dataclasses.replace(TINY, seed=1)]
    first, second, third = (
        list(train(build(c, tiny.texts(tiny.train)), tiny, c, watch=TEXTS[1])) for c in configs
    )
    assert [e.metrics for e in first] == [e.metrics for e in second]
    assert first[-1].snapshot.watched.tolist() == second[-1].snapshot.watched.tolist()
    assert first[-1].metrics != third[-1].metrics


def test_the_watched_sentence_is_read_by_the_network_of_that_moment(tiny: Opinions) -> None:
    model = a_reader(tiny)
    events = list(train(model, tiny, TINY, watch=TEXTS[1]))
    snapshots = [e.snapshot for e in events if e.snapshot is not None]
    assert len(snapshots) >= TINY.epochs
    for snapshot in (snapshots[0], snapshots[-1]):
        assert isinstance(snapshot, Snapshot)
        then = restore(snapshot.state, TINY)
        # The state keeps the words' vectors in half the digits.
        np.testing.assert_allclose(snapshot.watched, trace(then, TEXTS[1]).probabilities, atol=1e-3)
    assert not np.array_equal(snapshots[0].watched, snapshots[-1].watched)
    assert [e.snapshot.watched.size for e in train(model, tiny, TINY) if e.snapshot][0] == 0


def test_close_at_any_moment_leaves_a_usable_reader(tiny: Opinions) -> None:
    steps = train(a_reader(tiny), tiny, TINY)
    events = list(itertools.islice(steps, 7))
    assert isinstance(steps, Generator)
    steps.close()
    latest = [e for e in events if e.snapshot is not None][-1]
    assert 0 < predict(restore(latest.snapshot.state, TINY), TEXTS)[0] < 1


def test_the_mean_of_the_weights_is_their_mean(tiny: Opinions) -> None:
    model = a_reader(tiny)
    mean = Mean(model, averaging=0.9)
    total, weights = 0.0, 0.0
    for n in range(5):
        with torch.no_grad():
            model.head.bias.fill_(n)
        mean.update()
        total, weights = 0.9 * total + n, 0.9 * weights + 1
    assert mean.model.head.bias.item() == pytest.approx(total / weights, rel=1e-5)
    latest = Mean(model, averaging=0.0)
    latest.update()
    assert latest.model.head.bias.item() == 4


def test_evaluation_agrees_with_counting_by_hand(tiny: Opinions) -> None:
    model = a_reader(tiny)
    list(train(model, tiny, TINY))
    result = evaluate(model, tiny, tiny.test)
    texts, labels = tiny.texts(tiny.test), tiny.labels[tiny.test]
    probabilities = predict(model, texts)
    answers = (probabilities > 0.5).astype(int)
    assert result.accuracy == pytest.approx((answers == labels).mean())
    confusion = np.zeros((2, 2), int)
    for true, answer in zip(labels, answers, strict=True):
        confusion[true, answer] += 1
    assert (result.confusion == confusion).all()
    loss = nn.functional.binary_cross_entropy(
        torch.tensor(probabilities), torch.tensor(labels).float()
    )
    assert result.loss == pytest.approx(loss.item(), rel=1e-4)
    assert len(result.mistakes) == (answers != labels).sum()
    assert all(text in texts for text in result.mistakes)
    assert (np.diff(np.abs(result.probabilities - 0.5)) <= 0).all()  # worst first
    assert ((result.probabilities > 0.5) != (result.labels == 1)).all()
    assert result.counts.sum() == len(texts)
    assert (result.counts * result.accuracies).sum() == pytest.approx((answers == labels).sum())
    count, accuracy = result.groups["vi"]
    assert count == len(texts) and accuracy == pytest.approx(result.accuracy)
    assert sum(count for name, (count, _) in result.groups.items() if name != "vi") == len(texts)


@pytest.mark.parametrize(
    "field, value",
    [("data", "fr"), ("model", "transformer"), ("epochs", 0), ("lr", float("nan")),
     ("hidden", 10**6), ("tokens", "letter"), ("dropout", 1.0), ("bidirectional", 1)],
)  # fmt: skip
def test_a_bad_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(SettingError) as caught:
        Config(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_csv_of_the_users_own_is_learnt() -> None:
    rows = [f"{word} {n},{label}" for n in range(30) for word, label in (("zin", 1), ("zoq", 0))]
    config = Config(data="csv", epochs=20)
    *_, last = job(config, "text,label\n" + "\n".join(rows))
    assert last.metrics["test_accuracy"] == 1.0
    with pytest.raises(OpinionError):
        next(job(config))


# --- The weights that ship -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled() -> Reader:
    return load_bundled()


def test_the_bundled_reader_reads_what_it_promises(bundled: Reader) -> None:
    told = load_checkpoint(BUNDLED, topic="lstm").metrics["test_accuracy"]
    both = load_opinions("both")
    result = evaluate(bundled, both, both.test)
    assert result.accuracy == pytest.approx(told, abs=2e-3)
    assert result.groups["vi"][1] >= BUNDLED_VI and result.groups["en"][1] >= BUNDLED_EN


@pytest.mark.parametrize("text, label", [
    ("Thầy giảng rất hay và dễ hiểu", 1), ("Không hề tệ", 1), ("Quá thất vọng", 0),
    ("bài giảng khó hiểu và buồn ngủ", 0), ("thay giang rat de hieu", 1),
    ("giang vien khong nhiet tinh", 0), ("I loved every minute", 1), ("a waste of money", 0),
    ("phòng học nóng, máy chiếu hỏng", 0), ("never boring", 1),
])  # fmt: skip
def test_the_bundled_reader_knows_the_plainest_opinions(
    bundled: Reader, text: str, label: int
) -> None:
    assert (predict(bundled, [text])[0] > 0.5) == (label == 1)


def test_the_bundled_reader_is_an_lstm_whose_state_can_be_seen(bundled: Reader) -> None:
    assert bundled.config.model == "lstm"
    assert sum(value.numel() for value in bundled.parameters()) < 3_000_000
    assert BUNDLED.stat().st_size < 10_000_000  # hosts refuse larger files
    seen = trace(bundled, "Món ăn ngon nhưng phục vụ quá tệ")
    assert seen.cell is not None and seen.probabilities[2] > seen.probabilities[-1]


# --- The bench -----------------------------------------------------------------------------------


def test_the_bench_compares_the_same_answers(tiny: Opinions) -> None:
    model = a_reader(tiny)
    ids, lengths = encode(model, TEXTS)
    torch.testing.assert_close(bench.read_packed(model, ids, lengths), model(ids, lengths))
    assert bench.picture(model, TEXTS[1]) < 1


def test_the_bench_row_prints_times_and_ratios(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "epoch", lambda kind: {"padded": 2.0}.get(kind, 1.0))
    before = torch.get_num_threads()
    bench.measure(2)
    torch.set_num_threads(before)
    printed = capsys.readouterr().out
    assert "sorted, cut batches" in printed and "ratio  2.00" in printed
    assert "ms for" in printed


@pytest.mark.slow
def test_the_default_settings_read_most_of_the_vietnamese_test_part() -> None:
    *_, last = job(Config())
    assert last.metrics["test_accuracy"] >= 0.82
