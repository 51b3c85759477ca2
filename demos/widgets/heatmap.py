"""A table of numbers as colours: a confusion matrix, attention from word to word."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from demos.widgets.base import Widget, pack

SCALES = ("sequential", "diverging", "log")


class Heatmap(Widget):
    """Cells with labelled rows and columns; hover, touch or arrow keys read one.

    value = {"values": pack(f4 array (R, C)), "rows": [labels], "columns": [labels],
             "row_title": key, "column_title": key, "scale": one of SCALES, "numbers": bool,
             "unit": "" | "share", "min": low end, "max": high end of the scale}
    Only "values" is needed. A diverging scale runs from -max to max; a logarithmic one shows zero
    as paper, which suits counts that differ by orders of magnitude. Without "max" the scale ends
    at the largest value. "numbers" writes them into the cells when they fit. With "frames":
    [{"step", "values", …}] the heatmap follows its group's timeline; fix "max" then.

    Heatmap(pick=True) sends the event `pick` with {"row", "column"} on click or Enter.
    Heatmap(take=NAME) offers the table as NAME.png, .svg and .csv; words: `take`. Not with a "log"
    scale.
    Also as keywords: largest (side of a cell in CSS pixels), empty (a key). Labels and titles are
    looked up in `texts` and shown raw when absent.
    """

    script = "heatmap"
    signals = ("pick",)


def heatmap(
    values: ArrayLike,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The value, or a frame, of a heatmap of an array (R, C); `more` are keys of the value."""
    table = np.asarray(values, dtype=np.float32)
    if table.ndim != 2:
        raise ValueError(f"a heatmap needs two dimensions, not {table.shape}")
    if more.get("scale", SCALES[0]) not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, not {more['scale']!r}")
    value: dict[str, Any] = {"values": pack(table), **more}
    for key, labels, count in (
        ("rows", rows, table.shape[0]),
        ("columns", columns, table.shape[1]),
    ):
        if labels is not None:
            if len(labels) != count:
                raise ValueError(f"{len(labels)} {key} labels for {count} {key}")
            value[key] = [str(label) for label in labels]
    return value
