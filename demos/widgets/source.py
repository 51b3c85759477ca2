"""Python code to read, coloured by Python's own tokens."""

import io
import keyword
import tokenize
from collections.abc import Iterator
from typing import Any, ClassVar

from demos.widgets.base import Widget

_KINDS = {tokenize.STRING: "string", tokenize.NUMBER: "number", tokenize.COMMENT: "comment"}


class Source(Widget):
    """value = {"parts": [source(name, code), …]}: one is read at a time, chosen by its name."""

    script: ClassVar[str] = "source"


def source(name: str, code: str) -> dict[str, Any]:
    """A piece of Python that stands on its own: {"name", "pieces": [[kind, text], …]}.

    kind: "keyword", "string", "number", "comment", "name" (of what is being defined) or "". The
    texts joined are `code`.
    """
    pieces: list[list[str]] = []
    for kind, text in _coloured(code):
        if pieces and pieces[-1][0] == kind:
            pieces[-1][1] += text
        else:
            pieces.append([kind, text])
    return {"name": name, "pieces": pieces}


def _coloured(code: str) -> Iterator[tuple[str, str]]:
    lines = code.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    done, before = 0, ""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        kind = _KINDS.get(token.type, "")
        if token.type == tokenize.NAME:
            defined = before in ("def", "class")
            kind = "keyword" if keyword.iskeyword(token.string) else "name" if defined else ""
            before = token.string
        if kind:
            begin = starts[token.start[0] - 1] + token.start[1]
            yield "", code[done:begin]
            done = starts[token.end[0] - 1] + token.end[1]
            yield kind, code[begin:done]
    yield "", code[done:]
