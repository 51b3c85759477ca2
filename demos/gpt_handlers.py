"""What happens on the text-generation tab when somebody types, clicks or presses. No layout."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from demos import gpt_views as views
from demos.gpt_state import MODELS, Tree, opening, turns
from demos.kit.errors import UserError
from demos.kit.events import sent
from demos.widgets.recording import recent
from demos.widgets.writing import Value, writing
from dlcore.gpt_writing import Decoding, Token, generate, measure

_TELL_EVERY_S = 0.08
_BUSY = [gr.update(interactive=False), gr.update(interactive=True)]  # Write and Stop
_FREE = [gr.update(interactive=True), gr.update(interactive=False)]


# --- Writing -------------------------------------------------------------------------------------


def write(prompt: Any, which: Any, own: Any, decoding: Decoding, page: str) -> Iterator[list[Any]]:
    """Go on from an opening: both buttons, the text as it grows, and the tree it is the root of."""
    writer = MODELS.named(which, own)
    tree = Tree(writer, str(which), opening(writer, prompt))
    yield from _grow(tree, 0, decoding, page)


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
    """Write a branch to its end. The page is told at most every 80 ms, and of the first at once."""
    branch, over = tree.branches[number], turns.begin(page)
    forced, branch.ids = tuple(branch.ids), branch.ids[: branch.shared]
    stages, parts = views.stages_of(decoding), list[Value]()
    tokens, new = list[Token](), list[Value]()

    def shown(state: str, **more: Any) -> Value:
        if new:
            parts.append({"at": len(branch.ids) - len(new), "tokens": list(new)})
            new.clear()
        return writing(
            run=tree.run, branch=number, parent=branch.parent, shared=branch.shared,
            prompt=tree.prompt, stages=stages, parts=recent(parts), state=state, **more,
        )  # fmt: skip

    yield [*_BUSY, shown("writing"), tree]
    told, begun = 0.0, time.monotonic()
    for token in generate(tree.writer, tree.prompt, decoding, forced=forced):
        tokens.append(token)
        if len(tokens) > branch.shared:  # those before are on the page already
            branch.ids.append(token.id)
            new.append(views.token(token, stages))
        if new and time.monotonic() - told >= _TELL_EVERY_S:
            told = time.monotonic()
            yield [gr.skip(), gr.skip(), shown("writing"), gr.skip()]
        if over.is_set():
            break
    spent = time.monotonic() - begun
    if turns.is_newest(page, over):  # else the page already shows another text
        more = _judged(tree, branch.ids, tokens, spent)
        yield [*_FREE, shown("stopped" if over.is_set() else "done", **more), gr.skip()]


def _judged(tree: Tree, ids: Sequence[int], tokens: Sequence[Token], spent: float) -> Value:
    """What is measured of a text in the end."""
    text = tree.prompt + tree.writer.tokenizer.decode(ids)
    return {
        "pace": len(tokens) / spent if tokens else None,
        "measures": views.measured(measure(tokens)) if tokens else {},
        "verses": views.verses(tree.writer, text),
    }
