"""Bars, one row a label: the probabilities of ten digits, of class names, of next tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from demos.widgets.base import Widget


class Bars(Widget):
    """Horizontal bars with their numbers; the largest of each series stands out.

    value = {"labels": ["0", …], "series": [{"name": "bundled", "values": [0.97, …]}, …],
             "unit": "share", "count" or "number", "max": 1.0, "plain": whether labels are texts of
             somebody's, not keys}
    "series" with two entries draws two bars a row and a legend; an empty one draws the labels and
    the hint `empty`. Shares are shown in percent of 1; counts are scaled to the largest or "max",
    numbers to 1 or "max"; below zero there is no bar.
    With "frames": [{"step", "series"}] the widget follows its group's timeline. Labels and names
    are looked up in `texts` and shown raw when absent; plain labels
    never are. `labels` may be given once, as a keyword.
    """

    script = "bars"


def bars(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    unit: str = "share",
    top: float | None = None,
    plain: bool = False,
) -> dict[str, Any]:
    """The value of a bar chart: name of a series -> one number a label."""
    for name, values in series.items():
        if len(values) != len(labels):
            raise ValueError(f"series {name!r} has {len(values)} values for {len(labels)} labels")
    value: dict[str, Any] = {
        "labels": [str(label) for label in labels],
        "series": [{"name": n, "values": [float(v) for v in vs]} for n, vs in series.items()],
        "unit": unit,
    }
    if top is not None:
        value["max"] = top
    if plain:
        value["plain"] = True
    return value
