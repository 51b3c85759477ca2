"""A list of sentences to choose from: the worst mistakes, examples. A click sends one."""

from collections.abc import Iterable
from typing import Any

from demos.widgets.base import Widget


class Sentences(Widget):
    """Sentences as buttons, each with its true label and what a model said.

    value = {"items": [{"text", "label": key or "", "p": 0 … 1 or null}, …]}; with "frames" the
    list follows its group's timeline. The event `pick` carries {"text"}, which any client may
    forge. "label" is looked up in `texts`. Keyword: empty (the key of the empty state).
    """

    script = "sentences"
    signals = ("pick",)


def sentences(items: Iterable[tuple[str, str, float | None]]) -> dict[str, Any]:
    """The value, or a frame: (text, key of its label, probability or None) an item."""
    rows = [{"text": t, "label": k, "p": None if p is None else float(p)} for t, k, p in items]
    return {"items": rows}
