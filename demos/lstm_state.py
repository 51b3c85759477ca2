"""What the LSTM tab remembers of a session, which model reads, and what may be asked of it."""

import base64
import difflib
import lzma
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from demos.kit.errors import UserError
from demos.kit.models import Models, Own
from demos.kit.run import Run
from dlcore import lstm
from dlcore.data.opinions import (
    FOLDER,
    LANGUAGES,
    MOST_BYTES,
    OpinionError,
    Opinions,
    read_opinions,
)
from dlcore.text import MOST_TOKENS, tokens

SIDES = ("first", "second")  # the sentences
CLAMPED = ("forget", "input", "output")  # gates that can be held
HOLDS = {"free": None, "zero": 0.0, "one": 1.0}
KINDS = ("lstm", "gru", "rnn", "bag")
MOST_CHARACTERS = 2_000  # of a sentence
_SPACE_BEFORE_MARK = re.compile(r"\s+(?=[,.;:!?…)])")
_INVISIBLE = {"\u200b", "\u2060", "\ufeff"}


@dataclass(frozen=True)
class Trained(Own[lstm.Reader]):
    """The reader's own model and how it did on the test part."""

    test: lstm.Evaluation | None


@dataclass(frozen=True)
class Look:
    """What this page is looking at."""

    lang: str = ""  # of the sentences that the tab put in by itself
    judged: str = ""  # the model whose mistakes are shown; "": none yet


MODELS = Models("lstm", lambda _: lstm.load_bundled(), lambda _: lstm.BUNDLED)


def trained(run: Run) -> Trained | None:
    """What is kept of a run, stopped ones included; None when it ended before its first step."""
    if run.snapshot is None:
        return None
    return Trained(lstm.restore(run.snapshot.state, run.config), run.snapshot.test)


# --- What a browser may ask: checked here, because any client can send anything ------------------


def sentence(text: object) -> str:
    """A sentence fit to read and to show: NFC, one line, no control characters. Raises UserError.

    Halves of broken characters become "?": they can neither be shown nor sent.
    """
    if text is None:
        return ""
    if not isinstance(text, str):
        raise UserError("lstm.errors.unreadable")
    if len(text) > MOST_CHARACTERS:
        raise UserError("lstm.errors.too_large", most=MOST_CHARACTERS)
    whole = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    shown = "".join(" " if unicodedata.category(c) == "Cc" else c for c in whole)
    return "".join(c for c in shown if c not in _INVISIBLE).strip()


def readable(model: lstm.Reader, text: str) -> bool:
    """Whether there is a word to read. Raises UserError when there are too many."""
    count = len(model.vocabulary.tokens(text))
    if count > MOST_TOKENS:
        raise UserError("lstm.errors.too_long", most=MOST_TOKENS)
    return count > 0


def held(holds: Sequence[object]) -> dict[str, float]:
    """The gates that are held: name -> value. Raises UserError."""
    if not all(isinstance(hold, str) and hold in HOLDS for hold in holds):
        raise UserError("lstm.errors.unknown_choice")
    values = {gate: HOLDS[str(hold)] for gate, hold in zip(CLAMPED, holds, strict=True)}
    return {gate: value for gate, value in values.items() if value is not None}


def table(csv: object, config: lstm.Config) -> Opinions:
    """The user's own sentences. Raises UserError with what is wrong and where."""
    if not isinstance(csv, str) or not csv.strip():
        raise UserError("lstm.errors.no_csv")
    if len(csv) > MOST_BYTES:
        raise UserError("lstm.errors.csv.big", most_mb=MOST_BYTES // 1_000_000)
    try:
        return read_opinions(clean_table(csv), seed=config.seed)
    except OpinionError as error:
        told = {k: ", ".join(map(str, v)) if isinstance(v, list) else v
                for k, v in error.values.items()}  # fmt: skip
        raise UserError(f"lstm.errors.csv.{error.key}", **told) from error


def clean_table(csv: str) -> str:
    """Without broken halves of characters and control characters, which no sentence needs."""
    whole = csv.encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in whole if c in "\t\n\r" or unicodedata.category(c) != "Cc")


def job_arguments(config: lstm.Config, csv: object, text: object) -> tuple[Any, ...]:
    """What the training job gets: settings, the user's table if it is asked for, the sentence.

    A sentence that nobody could read is not worth a refusal: then none is watched.
    """
    rows = ""
    if config.data == "csv":
        table(csv, config)
        rows = clean_table(str(csv))
    try:
        watch = sentence(text)
    except UserError:
        watch = ""
    count = len(tokens(watch, config.tokens))
    return config, rows, watch if 0 < count <= MOST_TOKENS else ""


def respelt(text: str, before: Sequence[str], after: Sequence[str]) -> str:
    """`text`, whose words are `before`, with the words `after`; what stands between them stays."""
    spans, place = [], 0
    for word in before:
        start = text.find(word, place)
        if start < 0:
            return " ".join(after)
        place = start + len(word)
        spans.append((start, place))
    parts: list[str] = []
    place = 0
    changes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for kind, i, j, k, m in changes:
        if i == j:  # only new words, before word i or at the end
            here = spans[i][0] if i < len(spans) else max(place, spans[-1][1] if spans else 0)
            parts += [text[place:here], "" if i < len(spans) else " ", " ".join(after[k:m])]
            parts.append(" " if i < len(spans) else "")
            place = here
            continue
        start, end = spans[i][0], spans[j - 1][1]
        parts.append(text[place:start])
        parts.append(text[start:end] if kind == "equal" else " ".join(after[k:m]))
        place = end
    line = " ".join("".join([*parts, text[place:]]).split())
    return _SPACE_BEFORE_MARK.sub("", line) if after else ""


# --- The run as a script -------------------------------------------------------------------------

_UNPACK = """\
import base64, lzma

FOLDER.mkdir(exist_ok=True)  # the project's own sentences travel with this script
for name, packed in PACKED.items():
    (FOLDER / name).write_bytes(lzma.decompress(base64.b85decode(packed)))
"""


def script_call(run: Run | None) -> tuple[str, str]:
    """What a downloaded script does first, and its call: the data and the sentence of this run."""
    config, table, watched = run.arguments if run else (lstm.Config(), "", "")
    setup = f"table = {table!r}\nwatched = {watched!r}\n"
    languages = {"vi": ["vi"], "en": ["en"], "both": LANGUAGES}.get(config.data, [])
    if languages:
        files = [path for lang in languages for path in sorted(FOLDER.glob(f"*{lang}.tsv"))]
        packed = {path.name: base64.b85encode(lzma.compress(path.read_bytes())) for path in files}
        setup += f"PACKED = {packed!r}\n" + _UNPACK
    return setup, "job(config, table, watched)"
