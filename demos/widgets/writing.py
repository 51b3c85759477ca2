"""A text as it is written, token by token: how surprising each was, and what could have come."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from demos.widgets.base import Widget

Value = dict[str, Any]


class Writing(Widget):
    """Tokens that flow like text, coloured by surprise; a click on one opens its alternatives.

    value = {"run": id of the tree, "branch": 2, "parent": 0 or -1, "shared": tokens as in the
             parent, "prompt": "…", "stages": ["model", "top_p"], "parts": [part, …], "state":
             "writing", "done", "stopped" or "cut" (a given text, cut),
             "pace": tokens a second or null, "text": in the end, all that was written, for those
             who read the value without a page,
             "measures": {name: number}, "verses": {name: count} or null, "title": key or ""}
    A part is {"at": number of its first token, "tokens": [token, …] as JSON}, see `part`: only the
    newest parts, as in `demos.widgets.recording`; the page joins them, and keeps every branch of a
    tree. A token is {"t": text, "b": its name where that is another, "s": nats, "e": nats, "p":
    [probability after each stage], "f": forced, "a": [[id, name, probability after each stage, …],
    …], "n": how many tokens it stands for, "u": the model does not know it}.
    With plain=True the text is only shown, and "t", "b", "s" and "f" are enough. A name has bytes
    that make no character as "‹C3›".

    With branches=True an alternative is a button: the event `force` carries {"run", "branch", "at",
    "id"}, which any client may forge. Walking back to an older branch happens in the page alone.
    """

    script = "writing"
    signals = ("force",)


def part(at: int, tokens: Sequence[Mapping[str, Any]]) -> Value:
    """Some tokens, the first of them number `at`, as one text.

    Gradio's page copies a value at every update, each number in it by itself: 600 tokens with their
    alternatives, written in 5 s, kept it busy for 28 s. A text is one thing to copy.
    """
    return {"at": at, "tokens": json.dumps(tokens, ensure_ascii=False, separators=(",", ":"))}


def writing(
    *,
    run: str,
    prompt: str,
    stages: Sequence[str],
    parts: Sequence[Mapping[str, Any]],
    state: str,
    branch: int = 0,
    parent: int = -1,
    shared: int = 0,
    **more: Any,
) -> Value:
    """The value for one branch as far as it is written. `more` are keys of the value."""
    return {
        "run": run, "branch": branch, "parent": parent, "shared": shared, "prompt": prompt,
        "stages": list(stages), "parts": list(parts), "state": state, **more,
    }  # fmt: skip
