"""A sentence as a row of words: coloured by a score, with a curve over them, edited by click."""

from collections.abc import Sequence
from typing import Any

from demos.kit.errors import UserError
from demos.widgets.base import Widget

_MOST_TOKENS = 2_000  # an edit that holds more is not one that a person made
_LONGEST = 4_000  # characters of all tokens together


class TokenStrip(Widget):
    """Words that wrap like text. Hover or focus reads the numbers of one.

    value = {"tokens": [{"text": "hay", "score": any number or null, "change": -1 … 1 or null,
                         "unknown": bool, "p": 0 … 1 or null, "free": 0 … 1 or null}, …],
             "answer": {"label": key, "value": 0.93, "tone": 1 or -1} or null,
             "scale": the score that has the fullest colour, "editable": bool}
    Only "text" is needed. "score" colours a word; "change" is what it does to a probability, and
    "unknown" marks it. "p" draws a curve over the words, "free" a second, dashed one. With
    "frames": [{"step", "p": [one a word], "answer"}, …] the curve follows its group's timeline.

    When "editable", a click opens a small editor, and the event `edit` carries {"tokens": [texts]}
    of the changed sentence; `edited` reads it. Keyword: empty (the key of the empty state).
    """

    script = "token_strip"
    signals = ("edit",)


def token_strip(
    texts: Sequence[str],
    *,
    scores: Sequence[float | None] | None = None,
    changes: Sequence[float | None] | None = None,
    unknown: Sequence[bool] | None = None,
    curve: Sequence[float] | None = None,
    free: Sequence[float] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The value of a strip; every list has one entry a word. `more` are keys of the value."""
    columns = {"score": scores, "change": changes, "unknown": unknown, "p": curve, "free": free}
    tokens: list[dict[str, Any]] = [{"text": text} for text in texts]
    for name, column in columns.items():
        if column is None:
            continue
        if len(column) != len(texts):
            raise ValueError(f"{len(column)} entries in {name} for {len(texts)} words")
        for token, entry in zip(tokens, column, strict=True):
            token[name] = entry if entry is None or isinstance(entry, bool) else float(entry)
    return {"tokens": tokens, **more}


def edited(data: object) -> list[str]:
    """The texts of an `edit` event, whatever a client sent. Raises UserError."""
    texts = data.get("tokens") if isinstance(data, dict) else None
    if not isinstance(texts, list) or len(texts) > _MOST_TOKENS:
        raise UserError("widgets.token_strip.unreadable")
    if not all(isinstance(text, str) for text in texts) or sum(map(len, texts)) > _LONGEST:
        raise UserError("widgets.token_strip.unreadable")
    return [text.strip() for text in texts if text.strip()]
