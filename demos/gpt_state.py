"""What the text-generation tab remembers, which model writes, and what may be asked."""

import base64
import lzma
import threading
import unicodedata
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from demos.kit.errors import UserError
from demos.kit.models import YOURS, Models, Own
from demos.kit.run import Run
from demos.kit.writers import writer
from dlcore import gpt, pretrained
from dlcore.bpe import Encoder
from dlcore.data.opinions import load_opinions
from dlcore.gpt_tasks import LEAST_TEXT, MOST_TEXT, Sums
from dlcore.gpt_writing import Token, encode_prompt, spelled
from dlcore.llama import chatting
from dlcore.tokenizers import Characters, Tokenizer, tokenizer_in
from dlcore.wordpiece import words_in

MOST_CHARACTERS = 10_000  # of an opening
MOST_BRANCHES = 60  # of one tree
_MOST_PAGES = 1_000  # whose newest writing is known

MODELS = Models("gpt", lambda _: gpt.load_bundled(), lambda _: gpt.BUNDLED)
CHAT = "smollm2"  # was taught to hold a conversation
FETCHED = (CHAT, "gpt2")  # names in the store
READER = "minilm"  # of the attention tab; it tells what texts mean, and writes none
KINDS = (*MODELS.shipped, *FETCHED, YOURS)


@dataclass(frozen=True)
class Trained(Own[gpt.Writer]):
    """The reader's own model and what it was taught."""

    config: gpt.Config


def trained(run: Run) -> Trained | None:
    """What is kept of a run, stopped ones included; None when it ended before its first weights."""
    if run.kept is None:
        return None
    return Trained(gpt.restore(run.kept.state, run.config), run.config)


def writer_of(which: object, own: object) -> gpt.Writer:
    """The model of a name that a browser sent. Raises UserError, also if it is not here yet."""
    if not isinstance(which, str) or which not in FETCHED:
        return MODELS.named(which, own)
    found = writer(which)
    if found is None:
        raise UserError("gpt.errors.not_here", title=pretrained.MODELS[which].title)
    return found


def tokenizers(own: object) -> dict[str, Tokenizer]:
    """Of every model that is here. None of them is loaded for it."""
    found: dict[str, Tokenizer] = {"bundled": MODELS.bundled().tokenizer}
    for name in FETCHED:
        if path := pretrained.find(name):
            found[name] = _tokenizer_in(path)
    if isinstance(own, Trained):
        found["yours"] = own.model.tokenizer
    return found


def readers() -> dict[str, Encoder]:
    """Tokenizers of models that are here, but write nothing."""
    path = pretrained.find(READER)
    return {READER: _words_in(path)} if path else {}


@cache
def _words_in(path: Path) -> Encoder:
    return words_in(path)


@cache
def _tokenizer_in(path: Path) -> Tokenizer:
    return tokenizer_in(path)


# --- A text and its branches ---------------------------------------------------------------------


@dataclass
class Branch:
    """A text: `shared` tokens as in its parent (itself none: -1), then its own; they still grow.

    tokens: without their alternatives, which only the page needs to keep. forced: the token that
    comes after the shared ones, whatever its probability.
    """

    parent: int
    shared: int
    tokens: list[Token] = field(default_factory=list)
    forced: tuple[int, ...] = ()

    @property
    def ids(self) -> list[int]:
        return [token.id for token in self.tokens]


@dataclass
class Tree:
    """All that was written after one opening. The page holds the same tokens, with their numbers.

    Changed in place while a text grows, so that a branch can leave it before its end.
    """

    writer: gpt.Writer
    which: str
    prompt: str
    turns: tuple[tuple[str, str], ...] | None = None  # said and answered before, if it is a talk
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    branches: list[Branch] = field(default_factory=lambda: [Branch(-1, 0)])

    @property
    def shown(self) -> str:
        """What stands before the tokens: the opening, or the conversation up to here."""
        if self.turns is None:
            return self.prompt
        past = "".join(f"{_SAYS}{said}\n{answer}\n\n" for said, answer in self.turns)
        return f"{past}{_SAYS}{self.prompt}\n"

    def text(self, number: int) -> str:
        """What a branch says, without the opening."""
        return spelled(self.writer, self.branches[number].ids)

    def answer(self) -> str:
        """What the newest branch says."""
        return self.text(-1)

    def fork(self, data: object) -> int:
        """The new branch that an event {"run", "branch", "at", "id"} asks for. Raises UserError."""
        asked = data if isinstance(data, dict) else {}
        branch, at, new = (asked.get(name) for name in ("branch", "at", "id"))
        if asked.get("run") != self.run or not isinstance(branch, int) or isinstance(branch, bool):
            raise UserError("gpt.errors.gone")
        if not 0 <= branch < len(self.branches):
            raise UserError("gpt.errors.gone")
        parent = self.branches[branch]
        known = len(self.writer.tokenizer)
        if not (_within(at, len(parent.tokens)) and _within(new, known)):
            raise UserError("gpt.errors.gone")
        if len(self.branches) >= MOST_BRANCHES:
            raise UserError("gpt.errors.branches", most=MOST_BRANCHES)
        assert isinstance(at, int) and isinstance(new, int)
        self.branches.append(Branch(branch, at, parent.tokens[:at], (new,)))
        return len(self.branches) - 1


_SAYS = "❯ "  # before what a person says


def conversation(before: object, said: object) -> Tree:
    """The next turn of the conversation that was shown last, or a new one. Raises UserError."""
    text = passage(said).strip()
    if not text:
        raise UserError("gpt.errors.say_something")
    turns: tuple[tuple[str, str], ...] = ()
    if isinstance(before, Tree) and before.turns is not None:
        turns = (*before.turns, (before.prompt, before.answer().strip()))
    return Tree(chatting(writer_of(CHAT, None), turns), CHAT, text, turns)


def _within(value: object, end: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < end


class Turns:
    """On each page one text is being written: the next one ends it, and so does Stop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: OrderedDict[str, threading.Event] = OrderedDict()

    def begin(self, page: str) -> threading.Event:
        """Set as soon as this text should end."""
        over = threading.Event()
        with self._lock:
            before = self._newest.pop(page, None)
            self._newest[page] = over
            while len(self._newest) > _MOST_PAGES:
                self._newest.popitem(last=False)
        if before is not None:
            before.set()
        return over

    def is_newest(self, page: str, over: threading.Event) -> bool:
        with self._lock:
            return self._newest.get(page) is over

    def stop(self, page: str) -> None:
        with self._lock:
            over = self._newest.get(page)
        if over is not None:
            over.set()


turns = Turns()


# --- What a browser may ask: checked here, because any client can send anything ------------------


def passage(text: object, *, too_long: str = "gpt.errors.too_long") -> str:
    """A text fit to go on from and to show: NFC, no control characters. Raises UserError.

    Halves of broken characters become "?": they can neither be shown nor sent. too_long: the key of
    what is said of more than MOST_CHARACTERS, which names the text.
    """
    if text is None:
        return ""
    if not isinstance(text, str):
        raise UserError("gpt.errors.unreadable")
    if len(text) > MOST_CHARACTERS:
        raise UserError(too_long, most=MOST_CHARACTERS)
    return clean(text)


def clean(text: str) -> str:
    """Line breaks as "\\n", letters composed, nothing that cannot be shown or sent."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    whole = whole.replace("\r\n", "\n").replace("\r", "\n")  # alone it ended lines on old Macs
    kept = "".join(c for c in whole if c in "\t\n" or unicodedata.category(c) != "Cc")
    return unicodedata.normalize("NFC", kept)


def opening(writer: gpt.Writer, text: object) -> str:
    """A passage that this model can go on from. Raises UserError where it has nothing to read."""
    prompt = passage(text)
    if not encode_prompt(writer, prompt):
        sums = isinstance(writer.tokenizer, Characters) and writer.tokenizer.known == Sums.SIGNS
        raise UserError("gpt.errors.no_sum" if sums else "gpt.errors.no_opening")
    return prompt


# --- What to learn from --------------------------------------------------------------------------

CORPORA = ("vi", "en", "own")  # the project's sentences in either language, or the reader's text


def job_arguments(config: gpt.Config, corpus: object, text: object) -> tuple[Any, ...]:
    """What the training job gets: settings and a text to learn from, for sums none. UserError."""
    return config, corpus_text(corpus, text) if config.task == "text" else ""


def corpus_text(corpus: object, text: object) -> str:
    """The text that is asked for. Raises UserError with what is wrong with the reader's own."""
    if not isinstance(corpus, str) or corpus not in CORPORA:
        raise UserError("gpt.errors.unknown_choice")
    if corpus != "own":
        return "\n".join(load_opinions(corpus).sentences)
    if not isinstance(text, str) or not text.strip():
        raise UserError("gpt.errors.no_text")
    if len(text) > MOST_TEXT or len(text.encode("utf-8", "replace")) > MOST_TEXT:
        raise UserError("gpt.errors.large", most_mb=MOST_TEXT / 1_000_000)
    whole = clean(text).strip("\n")
    if len(whole) < LEAST_TEXT:
        raise UserError("gpt.errors.short", least=LEAST_TEXT)
    return whole


_UNPACK = "text = lzma.decompress(base64.b85decode(packed)).decode()\n"


def script_call(run: Run | None) -> tuple[str, str]:
    """What a downloaded script does first, and its call: the text of this run travels with it."""
    text = run.arguments[1] if run else corpus_text("vi", None)
    packed = base64.b85encode(lzma.compress(text.encode()))
    return f"import base64, lzma\n\npacked = {packed!r}\n{_UNPACK}", "job(config, text)"
