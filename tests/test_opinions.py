"""The sentences themselves: enough of them, balanced, written well, and honestly parted."""

import unicodedata
from collections import Counter
from collections.abc import Collection

import numpy as np
import pytest

from dlcore.data.opinions import (
    FIVE,
    LANGUAGES,
    MOST_ROWS,
    TOPICS,
    OpinionError,
    Opinions,
    five_sentences,
    load_opinions,
    read_opinions,
    string_together,
)
from dlcore.text import bare, tokens

PARTS = ("train", "valid", "test")


def words(sentence: str) -> frozenset[str]:
    return frozenset(bare(token.lower()) for token in tokens(sentence))


def likeness(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b)


def near(
    some: Collection[frozenset[str]], others: Collection[frozenset[str]], least: float = 0.6
) -> list[tuple[frozenset[str], frozenset[str]]]:
    """All pairs of different sets that are more alike than `least`.

    Such sets share so much that one word is among the rarest few of both; only sets that meet
    there are compared, one pair in a hundred.
    """
    count = Counter(word for one in (*some, *others) for word in one)

    def rarest(words: frozenset[str]) -> list[str]:
        in_order = sorted(words, key=lambda word: (count[word], word))
        return in_order[: int((1 - least) * len(words)) + 1]

    holding: dict[str, set[frozenset[str]]] = {}
    for other in others:
        for word in rarest(other):
            holding.setdefault(word, set()).add(other)
    pairs = []
    for one in some:
        met = set().union(*(holding.get(word, ()) for word in rarest(one)))
        pairs += [(one, other) for other in met if other != one and likeness(one, other) > least]
    return pairs


def test_near_sets_are_found() -> None:
    rng = np.random.default_rng(0)
    sets = [frozenset(map(str, rng.choice(12, rng.integers(1, 9)))) for _ in range(300)]
    every = {(a, b) for a in sets for b in sets if a != b and likeness(a, b) > 0.6}
    assert set(near(sets, sets)) == every and len(every) > 100


@pytest.mark.parametrize("language, least", [("vi", 1000), ("en", 600)])
def test_there_are_enough_and_every_topic_is_balanced(language: str, least: int) -> None:
    data = load_opinions(language)
    assert len(data) >= least
    assert set(data.languages) == {language} and set(data.topics) == set(TOPICS)
    for topic in TOPICS:
        labels = data.labels[[n for n, name in enumerate(data.topics) if name == topic]]
        assert len(labels) >= 80
        assert abs(labels.mean() - 0.5) < 0.05


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_clean_and_of_3_to_40_words(language: str) -> None:
    for sentence in load_opinions(language, phrases=True).sentences:
        assert sentence == unicodedata.normalize("NFC", sentence)
        assert sentence == " ".join(sentence.split())
    lengths = [len(tokens(sentence)) for sentence in load_opinions(language).sentences]
    assert min(lengths) >= 3 and max(lengths) <= 40
    assert np.mean(np.array(lengths) <= 8) > 0.2 and np.mean(np.array(lengths) >= 19) > 0.1


@pytest.mark.parametrize("language", LANGUAGES)
def test_parts_are_fixed_disjoint_and_stratified(language: str) -> None:
    data = load_opinions(language)
    positions = np.concatenate([data.train, data.valid, data.test])
    assert sorted(positions) == list(range(len(data)))
    assert len(data.train) / len(data) > 0.7
    assert len(data.valid) >= 250 and len(data.test) >= 500
    for part in PARTS:
        mine = getattr(data, part)
        for topic in TOPICS:
            labels = data.labels[[n for n in mine if data.topics[n] == topic]]
            assert len(labels) >= 15
            assert abs(labels.mean() - 0.5) < 0.05


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_nearly_another_ones_twin(language: str) -> None:
    sets = [words(sentence) for sentence in load_opinions(language).sentences]
    assert len(set(sets)) == len(sets)
    assert near(sets, sets) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_phrase_gives_a_held_out_sentence_away(language: str) -> None:
    data = load_opinions(language, phrases=True)
    phrases = [n for n, topic in enumerate(data.topics) if topic == "phrases"]
    assert len(phrases) > 1000
    assert set(phrases) <= set(data.train.tolist())
    held = [words(data.sentences[n]) for n in [*data.valid, *data.test]]
    learnt = {words(data.sentences[n]) for n in phrases}
    assert not learnt & set(held) and near(held, learnt) == []


def test_negation_and_contrast_stand_in_both_labels() -> None:
    data = load_opinions("vi")
    for word in ("không", "chẳng", "nhưng"):
        labels = [
            label
            for sentence, label in zip(data.sentences, data.labels, strict=True)
            if word in sentence.lower().split()
        ]
        assert len(labels) > 20 and 0.2 < np.mean(labels) < 0.8


def test_both_languages_together_are_the_two_one_after_the_other() -> None:
    both = load_opinions("both")
    assert both.sentences == load_opinions("vi").sentences + load_opinions("en").sentences
    assert len(both.test) == len(load_opinions("vi").test) + len(load_opinions("en").test)


def test_phrases_are_strung_together_with_their_label() -> None:
    phrases = [(1, "hay"), (1, "vui"), (0, "dở"), (0, "chán")]
    made = string_together(phrases * 50, "vi")
    assert made == string_together(phrases * 50, "vi") and len(made) == 200
    assert sum(label for label, _ in made) == 100
    turned = 0
    for label, sentence in made:
        last = sentence.replace(",", "").split()[-1]
        assert last in (("dở", "chán"), ("hay", "vui"))[label]
        kinds = {word in ("hay", "vui") for word in sentence.replace(",", "").split()}
        turned += any(f" {turn} " in sentence for turn in ("nhưng", "mà", "tuy nhiên"))
        assert len(kinds) >= 1
    assert 20 < turned < 90


def test_five_sentences_are_all_for_training() -> None:
    five = five_sentences()
    assert len(five) == len(FIVE) == len(five.train) == 5
    assert not len(five.valid) and not len(five.test)
    assert set(five.labels) == {0, 1}


# --- A table of the user's own -------------------------------------------------------------------

GOOD = [(f"câu khen số {n}, hay", "1") for n in range(20)]
BAD = [(f"câu chê số {n}, dở", "0") for n in range(20)]


def a_table(separator: str = ",", header: str = "text,label") -> str:
    rows = [header.replace(",", separator)] if header else []
    return "\n".join(rows + [f'"{text}"{separator}{label}' for text, label in GOOD + BAD])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["text,label", "Câu,Nhãn", "abc,def", ""])
def test_a_csv_is_read_however_it_is_written(separator: str, header: str) -> None:
    data = read_opinions("\ufeff" + a_table(separator, header))
    assert data.sentences == tuple(text for text, _ in GOOD + BAD)
    assert data.labels.tolist() == [1] * 20 + [0] * 20
    assert [len(getattr(data, part)) for part in PARTS] == [28, 4, 8]
    for part in PARTS:
        assert data.labels[getattr(data, part)].mean() == 0.5


def test_columns_may_come_in_any_order_with_words_as_labels() -> None:
    rows = [f"{n},{'tích cực' if label == '1' else 'tiêu cực'},{text.replace(',', '')}"
            for n, (text, label) in enumerate(GOOD + BAD)]  # fmt: skip
    data = read_opinions("\n".join(rows))
    assert data.labels.tolist() == [1] * 20 + [0] * 20
    assert data.sentences[0] == "câu khen số 0 hay"


def test_the_same_sentence_twice_lands_in_one_part_and_the_seed_decides_which() -> None:
    table = a_table() + "\n" + a_table(header="")
    first, again, other = (read_opinions(table, seed=seed) for seed in (0, 0, 1))

    def part_of(data: Opinions) -> list[str]:
        places = {n: part for part in PARTS for n in getattr(data, part).tolist()}
        return [places[n] for n in range(len(data))]

    assert part_of(first)[:40] == part_of(first)[40:]
    assert part_of(first) == part_of(again) != part_of(other)


@pytest.mark.parametrize(
    "table, key",
    [
        ("", "columns"),
        ("just one column\nof text", "columns"),
        ("a,b\nc,d\ne,f", "columns"),
        ("text,label\nhay,1\ndở,0", "few"),
        (a_table().replace(",0", ",1"), "one_sided"),
        (a_table() + '\n"lạ","maybe"', "label"),
        ("text,label\n" + "hay,1\n" * (MOST_ROWS + 1), "rows"),
        ("x" * 5_000_001, "big"),
        ("\0\n" * 50, "columns"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(table: str, key: str) -> None:
    with pytest.raises(OpinionError) as caught:
        read_opinions(table)
    assert caught.value.key == key
