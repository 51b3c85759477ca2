"""Sentences of opinion in Vietnamese and English, each marked as praise (1) or complaint (0).

Written for this project, sentence by sentence, about courses, books, films, food, phones, travel
and service: with negation ("không hề tệ") and contrast ("tuy đắt nhưng đáng"), long and short.
Every sentence belongs to a fixed part: *train* is learnt from, *valid* chooses between settings,
*test* is looked at once, at the end. No two sentences of different parts share most of their words.
Look at `load_opinions`, and at `read_opinions`, which takes a CSV of your own.
"""

import csv
import hashlib
import io
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from dlcore.faults import Fault

FOLDER = Path(__file__).parent / "opinions"
LANGUAGES = ("vi", "en")
TOPICS = ("courses", "books", "films", "food", "phones", "travel", "service")
PARTS = ("train", "valid", "test")
# Five sentences, as a first lesson has them: enough to watch, far too few to learn from.
FIVE = (
    (1, "Tôi rất thích bài giảng này"),
    (0, "Khóa học thật tẻ nhạt và khó hiểu"),
    (1, "Thầy giảng hay và dễ hiểu"),
    (0, "Tôi thất vọng vì bài tập quá ít"),
    (1, "Một buổi học tuyệt vời"),
)
MOST_BYTES, MOST_ROWS, MOST_CHARACTERS = 5_000_000, 20_000, 2_000
_POSITIVE = {"1", "1.0", "+", "+1", "pos", "positive", "good", "tích cực", "khen", "tốt", "true"}
_NEGATIVE = {"0", "0.0", "-", "-1", "neg", "negative", "bad", "tiêu cực", "chê", "xấu", "false"}
_TEXT_NAMES = ("sentence", "text", "review", "comment", "content", "câu", "văn bản", "nội dung")
_LABEL_NAMES = ("label", "sentiment", "class", "target", "y", "nhãn", "cảm xúc")


class OpinionError(Fault):
    """A CSV that cannot be used.

    key: "big" (most_mb), "rows" (most), "few" (found, least), "columns", "labels" (found: list of
    str), "label" (row, value), "one_sided".
    """

    def __init__(self, key: str, **values: object) -> None:
        told = ", ".join(f"{name} {value}" for name, value in values.items())
        message = f"this table of opinions cannot be used: {key}" + (told and f" ({told})")
        super().__init__(key, message, **values)


@dataclass(frozen=True)
class Opinions:
    """N labelled sentences and which of them are for what."""

    sentences: tuple[str, ...]  # NFC
    labels: np.ndarray  # (N,) int64: 1 praise, 0 complaint
    topics: tuple[str, ...]  # one of TOPICS, or "" where nobody said
    languages: tuple[str, ...]  # "vi", "en" or ""
    train: np.ndarray  # positions, int64
    valid: np.ndarray
    test: np.ndarray

    def __len__(self) -> int:
        return len(self.sentences)

    def texts(self, positions: Iterable[int]) -> list[str]:
        return [self.sentences[n] for n in positions]


@lru_cache(maxsize=8)
def load_opinions(language: str = "both", *, phrases: bool = False) -> Opinions:
    """The project's own sentences: "vi", "en" or "both".

    phrases: add to the training part the words and phrases of `phrases_vi.tsv` and
    `phrases_en.tsv` ("nói lan man", "worth every penny"; topic "phrases"), alone and strung
    together. They teach words that a thousand sentences do not happen to use; nothing is ever
    tested on them.
    """
    rows = []
    for name in LANGUAGES if language == "both" else (language,):
        lines = (FOLDER / f"{name}.tsv").read_text(encoding="utf-8").splitlines()[1:]
        rows += [(name, *line.split("\t")) for line in lines]
        if phrases:
            lines = (FOLDER / f"phrases_{name}.tsv").read_text(encoding="utf-8").splitlines()[1:]
            known = [(int(label), phrase) for label, phrase in (line.split("\t") for line in lines)]
            for label, phrase in [*known, *string_together(known, name)]:
                rows.append((name, "phrases", str(label), "train", phrase))
    return _opinions(
        sentences=[sentence for _, _, _, _, sentence in rows],
        labels=[int(label) for _, _, label, _, _ in rows],
        parts=[part for _, _, _, part, _ in rows],
        topics=[topic for _, topic, _, _, _ in rows],
        languages=[language for language, *_ in rows],
    )


def string_together(phrases: Sequence[tuple[int, str]], language: str) -> list[tuple[int, str]]:
    """As many new sentences as there are phrases, half of each label, each made of two to four.

    Most hold phrases of one label: opinions add up. A quarter turns around at "but", and what
    comes after it decides: a reader of single phrases would never learn that.
    """
    rng = np.random.default_rng(0)
    of = {label: [phrase for mine, phrase in phrases if mine == label] for label in (0, 1)}
    turn = {"vi": ("nhưng", "nhưng mà", "mà", "tuy nhiên"), "en": ("but", "yet", "however")}
    made = []
    for n in range(len(phrases)):
        label = n % 2
        parts = [of[label][k] for k in rng.integers(len(of[label]), size=rng.integers(2, 5))]
        if rng.random() < 0.25:
            before = of[1 - label][rng.integers(len(of[1 - label]))]
            parts = [f"{before} {rng.choice(turn[language])} {parts[0]}"]
        made.append((label, ", ".join(parts)))
    return made


def five_sentences() -> Opinions:
    """FIVE, all in the training part: there is nothing left to test on, and that is the point."""
    return _opinions(
        sentences=[sentence for _, sentence in FIVE],
        labels=[label for label, _ in FIVE],
        parts=["train"] * len(FIVE),
        languages=["vi"] * len(FIVE),
    )


def read_opinions(text: str, *, seed: int = 0) -> Opinions:
    """A CSV (comma, semicolon or tab) with a column of sentences and one of labels, 1 or 0.

    Which column is which is told by its name or, without names, by what is in it. 70 % of each
    label are for training, 10 % for validation, 20 % for the test; `seed` decides which.
    Raises OpinionError.
    """
    if len(text.encode()) > MOST_BYTES:
        raise OpinionError("big", most_mb=MOST_BYTES // 1_000_000)
    table = _rows(text)
    if len(table) > MOST_ROWS + 1:
        raise OpinionError("rows", most=MOST_ROWS)
    first = [cell.strip().lower() for cell in table[0]] if table else []
    named = [
        next((first.index(name) for name in names if name in first), None)
        for names in (_TEXT_NAMES, _LABEL_NAMES)
    ]
    if None not in named:
        (text_at, label_at), table = (int(n or 0) for n in named), table[1:]
    else:
        text_at, label_at = _guess_columns(table)
        if table[0][label_at].strip().lower() not in _POSITIVE | _NEGATIVE:
            table = table[1:]  # names that nobody could guess
    sentences, labels = [], []
    for number, row in enumerate(table, start=1):
        sentence = " ".join(row[text_at].split())[:MOST_CHARACTERS]
        told = unicodedata.normalize("NFC", row[label_at].strip().lower())
        if not sentence:
            continue
        if told not in _POSITIVE | _NEGATIVE:
            raise OpinionError("label", row=number, value=told[:40])
        sentences.append(sentence)
        labels.append(int(told in _POSITIVE))
    if len(sentences) < 10:
        raise OpinionError("few", found=len(sentences), least=10)
    if min(labels.count(0), labels.count(1)) < 4:
        raise OpinionError("one_sided")
    return _opinions(sentences=sentences, labels=labels, parts=_deal(sentences, labels, seed))


def _rows(text: str) -> list[list[str]]:
    """The cells of a CSV, by whichever separator gives every row the same number of columns."""
    lines = text.lstrip("\ufeff").strip()
    best: list[list[str]] = []
    for separator in ("\t", ",", ";"):
        try:
            table = [r for r in csv.reader(io.StringIO(lines), delimiter=separator) if any(r)]
        except csv.Error:
            continue
        widths = {len(row) for row in table}
        if len(widths) == 1 and widths.pop() >= 2 and (not best or len(table) > len(best)):
            best = table
    if not best:
        raise OpinionError("columns")
    return best


def _guess_columns(table: Sequence[Sequence[str]]) -> tuple[int, int]:
    """The column whose cells are labels (all but perhaps the first), and the longest other one."""
    known, body = _POSITIVE | _NEGATIVE, table[1:] or table
    columns = range(len(table[0]))
    share = [sum(row[c].strip().lower() in known for row in body) / len(body) for c in columns]
    label = max(columns, key=lambda c: share[c])
    if share[label] < 0.5:
        raise OpinionError("columns")
    rest = [c for c in columns if c != label]
    return max(rest, key=lambda c: sum(len(row[c]) for row in body)), label


def _deal(sentences: Sequence[str], labels: Sequence[int], seed: int) -> list[str]:
    """A part for every sentence, the same for the same sentence and seed: 7 : 1 : 2 per label.

    The same sentence twice lands in one part, or the test would ask what was learnt by heart.
    """
    parts = [""] * len(sentences)
    for label in (0, 1):
        mine: dict[bytes, list[int]] = {}
        for n, sentence in enumerate(sentences):
            if labels[n] == label:
                digest = hashlib.sha256(f"{seed} {sentence.lower()}".encode()).digest()
                mine.setdefault(digest, []).append(n)
        for place, digest in enumerate(sorted(mine)):
            kind = ("train", "test", "train", "train", "valid", "train", "test", *["train"] * 3)
            for n in mine[digest]:
                parts[n] = kind[place % 10]
    return parts


def _opinions(
    *,
    sentences: Sequence[str],
    labels: Sequence[int],
    parts: Sequence[str],
    topics: Sequence[str] = (),
    languages: Sequence[str] = (),
) -> Opinions:
    places = np.array(parts)
    train, valid, test = (np.flatnonzero(places == part) for part in PARTS)
    nothing = [""] * len(sentences)
    return Opinions(
        tuple(unicodedata.normalize("NFC", sentence) for sentence in sentences),
        np.array(labels, dtype=np.int64),
        tuple(topics or nothing),
        tuple(languages or nothing),
        train,
        valid,
        test,
    )
