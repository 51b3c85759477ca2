"""What happens on the text-generation tab when somebody types, clicks or presses. No layout."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from demos import gpt_views as views
from demos.gpt_state import (
    CHAT,
    FETCHED,
    Trained,
    Tree,
    clean,
    conversation,
    opening,
    passage,
    readers,
    tokenizers,
    turns,
    writer_of,
)
from demos.kit.errors import UserError
from demos.kit.events import sent
from demos.kit.language import say, session_language
from demos.kit.models import YOURS
from demos.kit.writers import writer as fetched
from demos.widgets.recording import recent
from demos.widgets.writing import Value, part, writing
from dlcore.bpe import BPE, Encoder
from dlcore.gpt import GPT, Shape, Writer
from dlcore.gpt_speed import MOST, Lap, laps
from dlcore.gpt_tasks import MOST_TEXT
from dlcore.gpt_writing import (
    DECODERS,
    Decoding,
    Token,
    compare,
    cost,
    generate,
    measure,
    new_tokens,
    spelled,
)
from dlcore.tokenizers import Characters, Tokenizer

_TELL_EVERY_S = 0.1
# Random weights, two thirds of GPT-2's width: how fast it is does not depend on what it says.
_LARGER = Shape(vocabulary=5000, context=256, layers=6, heads=8, width=512)
# Without a cache each token of a model of a hundred million weights takes half a second.
_MOST_FETCHED = 96
_OPENINGS = ("start", "ask", "go_on")  # that the page itself suggests
_BUSY = [gr.update(interactive=False), gr.update(interactive=True)]  # Write and Stop
_FREE = [gr.update(interactive=True), gr.update(interactive=False)]


# --- Which model ---------------------------------------------------------------------------------


def choose(prompt: Any, which: Any, request: gr.Request) -> list[Any]:
    """What suits a model: an opening, where none was typed; whether it can talk, twice.

    The bundled model knows verses only, and the fetched ones hardly any Vietnamese.
    """
    talks = gr.update(visible=which == CHAT)
    lang = session_language.get(request)
    ours = {say(f"gpt.examples.{name}", spoken) for name in _OPENINGS for spoken in ("vi", "en")}
    kept = which == YOURS or (isinstance(prompt, str) and prompt.strip() and prompt not in ours)
    return [gr.skip() if kept else say(_opening(which), lang), talks, talks]


def _opening(which: Any) -> str:
    """The key of an opening that suits a model."""
    suited = "start" if which not in FETCHED else "ask" if which == CHAT else "go_on"
    return f"gpt.examples.{suited}"


def _something(prompt: Any, which: Any) -> Any:
    """What is typed; where nothing is, as in a conversation after each turn, what suits a model
    that cannot begin with nothing."""
    empty = prompt is None or (isinstance(prompt, str) and not prompt.strip())
    return say(_opening(which), "en") if empty and which in FETCHED else prompt


def warm(which: Any) -> None:
    """Load a fetched model as soon as it is chosen, so that it answers at once when it is asked."""
    if which in FETCHED:
        fetched(which)


def came(which: Any) -> float:
    """After a fetch: load what came, and say when."""
    warm(which)
    return time.time()


def forget() -> list[Any]:
    """A new conversation begins: nothing is shown, and nothing was said before."""
    return [None, None]


# --- Writing -------------------------------------------------------------------------------------


def write(
    prompt: Any, which: Any, talk: Any, own: Any, before: Any, decoding: Decoding, page: str
) -> Iterator[list[Any]]:
    """Go on from an opening: both buttons, the text as it grows, the tree it is the root of, and
    the box for the opening.

    talk: the opening is said to the model, which answers, and knows what was said `before`.
    """
    talks = talk and which == CHAT
    if talks:
        tree = conversation(before, prompt)
    else:
        writer = writer_of(which, own)
        tree = Tree(writer, str(which), opening(writer, prompt))
    for count, values in enumerate(_grow(tree, 0, decoding, page)):
        yield [*values, "" if talks and count == 0 else gr.skip()]  # what was said is on the page


def force(
    tree: Any, decoding: Decoding, event: gr.EventData | None, page: str
) -> Iterator[list[Any]]:
    """Another token at some place, and what then comes: a new branch."""
    if not isinstance(tree, Tree):
        raise UserError("gpt.errors.gone")
    yield from _grow(tree, tree.fork(sent(event)), decoding, page)


def stop(request: gr.Request) -> None:
    """End what is being written on this page; what is there stays."""
    turns.stop(request.session_hash or "")


def _grow(tree: Tree, number: int, decoding: Decoding, page: str) -> Iterator[list[Any]]:
    """Write a branch to its end. The page is told every 100 ms at most, of the first at once."""
    branch, over = tree.branches[number], turns.begin(page)
    count = new_tokens(tree.writer, tree.prompt, decoding)
    decoding = replace(decoding, length=max(count, branch.shared + 1), whole=False)
    stages, parts, new = views.stages_of(decoding), list[Value](), list[Value]()

    def shown(state: str, **more: Any) -> Value:
        if new:
            parts.append(part(len(branch.tokens) - len(new), new))
            new.clear()
        return writing(
            run=tree.run, branch=number, parent=branch.parent, shared=branch.shared,
            prompt=tree.shown, stages=stages, parts=recent(parts), state=state, **more,
        )  # fmt: skip

    yield [*_BUSY, shown("writing"), tree]
    told, spent, begun = 0.0, 0.0, time.monotonic()
    before = branch.ids
    for token in generate(tree.writer, tree.prompt, decoding, before=before, forced=branch.forced):
        spent += time.monotonic() - begun
        branch.tokens.append(replace(token, alternatives=()))
        new.append(views.token(token, stages))
        if time.monotonic() - told >= _TELL_EVERY_S:
            told = time.monotonic()
            yield [gr.skip(), gr.skip(), shown("writing"), gr.skip()]
        if over.is_set():
            break
        begun = time.monotonic()  # telling the page is no part of writing
    if turns.is_newest(page, over):  # else the page already shows another text
        more = _judged(tree, number, spent)
        yield [*_FREE, shown("stopped" if over.is_set() else "done", **more), gr.skip()]


def _judged(tree: Tree, number: int, spent: float) -> Value:
    """What is told of a branch in the end: its whole text, and what is measured of it."""
    branch, text = tree.branches[number], tree.text(number)
    written = len(branch.tokens) - branch.shared
    return {
        "text": text,
        "pace": written / spent if written else None,
        "measures": views.measured(measure(branch.tokens)) if branch.tokens else {},
        "verses": views.verses(tree.writer, tree.prompt, text),
    }


# --- Four decoders -------------------------------------------------------------------------------


def compare_decoders(
    prompt: Any, which: Any, talk: Any, own: Any, decoding: Decoding, page: str
) -> Iterator[list[Any]]:
    """The same opening, length and seed, four ways to choose: both buttons and the four texts."""
    prompt = _something(prompt, which)
    if talk and which == CHAT:
        tree = conversation(None, prompt)
        writer, text = tree.writer, tree.prompt
    else:
        writer = writer_of(which, own)
        text = opening(writer, prompt)
    length = new_tokens(writer, text, decoding)
    over = turns.begin(f"{page} compare")
    run = uuid.uuid4().hex[:8]
    written: dict[str, list[Token]] = {name: [] for name in DECODERS}
    parts: dict[str, list[Value]] = {name: [] for name in DECODERS}
    told_of = dict.fromkeys(DECODERS, 0)  # tokens

    def shown(state: str) -> list[Value]:
        values = []
        for name, tokens in written.items():
            at, told_of[name] = told_of[name], len(tokens)
            if new := [views.plain_token(token) for token in tokens[at:]]:
                parts[name].append(part(at, new))
            more: Value = {}
            if state != "writing" and tokens:
                text_of = spelled(writer, [token.id for token in tokens])
                more = {"text": text_of, "measures": views.measured(measure(tokens))}
            values.append(
                writing(
                    run=run, prompt=text, stages=[], parts=recent(parts[name]), state=state,
                    title=name, **more,
                )
            )  # fmt: skip
        return values

    yield [*_BUSY, *shown("writing")]
    told = time.monotonic()
    steps = compare(writer, text, length=length, seed=decoding.seed)
    for name, token in steps:
        written[name].append(token)
        if time.monotonic() - told >= _TELL_EVERY_S * 2:
            told = time.monotonic()
            yield [gr.skip(), gr.skip(), *shown("writing")]
        if over.is_set():
            break
    if turns.is_newest(f"{page} compare", over):
        yield [*_FREE, *shown("stopped" if over.is_set() else "done")]


def stop_comparing(request: gr.Request) -> None:
    turns.stop(f"{request.session_hash or ''} compare")


# --- Training ------------------------------------------------------------------------------------


def finish(own: Any) -> Any:
    """After a run: let the new model write."""
    return gr.update(interactive=True, value="yours") if isinstance(own, Trained) else gr.skip()


def upload(file: Any) -> tuple[str, str]:
    """The text of an uploaded file, and that it is what to learn from."""
    if not isinstance(file, bytes):
        raise UserError("gpt.errors.no_text")
    if len(file) > MOST_TEXT:
        raise UserError("gpt.errors.large", most_mb=MOST_TEXT / 1_000_000)
    try:
        text = file.decode("utf-16" if file[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("gpt.errors.encoding") from error
    if "\0" in text:  # no text has one, and pictures, programs and archives have many
        raise UserError("gpt.errors.encoding")
    return clean(text), "own"


# --- What a text costs, and how fast it is written -----------------------------------------------


def costs(vi: Any, en: Any, which: Any, own: Any) -> list[Any]:
    """Tokens of both texts for every tokenizer that is there; both texts cut by the chosen one."""
    texts = {
        lang: passage(text, too_long=f"gpt.errors.too_long_{lang}")
        for lang, text in (("vi", vi), ("en", en))
    }
    known: dict[str, Tokenizer] = {"bytes": BPE(()), **tokenizers(own)}
    chosen = known.get(str(which), known["bundled"])
    counted: dict[str, Encoder] = {**known, **readers()}
    found = {
        name: {lang: cost(tokenizer, text) for lang, text in texts.items()}
        for name, tokenizer in counted.items()
    }
    cut = [views.pieces(chosen, text, lang) for lang, text in texts.items()]
    return [*views.costs(found), *cut]


def race(prompt: Any, which: Any, own: Any, larger: Any, page: str) -> Iterator[list[Any]]:
    """Write with a cache and without, in turn: both buttons, milliseconds by length, in words."""
    if larger:
        writer, text = _random_writer(), "A" * 16
    else:
        writer = writer_of(which, own)
        text = opening(writer, _something(prompt, which))
    most = MOST if larger or which not in FETCHED else _MOST_FETCHED
    over = turns.begin(f"{page} race")
    yield [*_BUSY, *views.speeds([])]
    done, told = list[Lap](), time.monotonic()
    for lap in laps(writer, text, most=most):
        done.append(lap)
        if over.is_set():
            break
        if time.monotonic() - told >= _TELL_EVERY_S * 3:
            told = time.monotonic()
            yield [gr.skip(), gr.skip(), *views.speeds(done)]
    if turns.is_newest(f"{page} race", over):
        yield [*_FREE, *views.speeds(done)]


def stop_race(request: gr.Request) -> None:
    turns.stop(f"{request.session_hash or ''} race")


def _random_writer() -> Writer:
    known = "".join(map(chr, range(_LARGER.vocabulary - 1)))
    return Writer(GPT(_LARGER).eval().requires_grad_(False), Characters(known))
