"""Two rankings of the same things side by side, a line from each to itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from demos.widgets.base import Widget


class Rankings(Widget):
    """What two measures say of the same pieces, the highest on top.

    value = {"items": [{"text", "left", "right": the two measures, "left_rank", "right_rank"}, …],
             "correlation": Spearman's, -1 … 1, or null where there is nothing to rank}
    or, until all is measured, {"done": pieces, "count": of so many}
    Pointing at a piece lights it up on both sides. Words: `left`, `right`, `correlation`,
    `nothing`, `measuring`. Keyword: empty (the key of the empty state).
    """

    script = "rankings"


def rankings(
    texts: Sequence[str],
    measures: tuple[ArrayLike, ArrayLike],
    ranks: tuple[ArrayLike, ArrayLike],
    correlation: float | None,
) -> dict[str, Any]:
    """The value; each measure, and the ranks by it, has one number a piece."""
    names = ("left", "right", "left_rank", "right_rank")
    columns = [np.asarray(column, float).tolist() for column in (*measures, *ranks)]
    items = [
        {"text": text, **dict(zip(names, row, strict=True))}
        for text, *row in zip(texts, *columns, strict=True)
    ]
    return {"items": items, "correlation": correlation}
