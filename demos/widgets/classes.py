"""The likeliest names for a picture, in both languages, with their probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

from demos.widgets.base import Widget


class Classes(Widget):
    """One row a name: the reader's language large, the other small, and a bar for each series.

    value = {"items": [{"id": 285, "en": "Egyptian cat", "vi": "…", "doubtful": false,
                        "values": [0.63, 0.21]}, …],
             "series": ["crop", "squash"], "picked": 285}
    Names of series are looked up in `texts`; one series needs none. A doubtful translation is
    marked. Classes(pick=True) makes the rows buttons; the event `pick` carries {"id"}.
    Also as a keyword: empty (a key). With "frames": [{"step", "items", "series"}] and the "run"
    they are of, the rows follow the group's timeline.
    """

    script = "classes"
    signals = ("pick",)


def classes(
    ids: Sequence[int],
    names: Sequence[Mapping[str, Any]],
    series: Mapping[str, Sequence[float]],
    *,
    picked: int | None = None,
) -> dict[str, Any]:
    """The value. names: {"en", "vi", "doubtful"} of each id; series: name -> a number each."""
    for name, values in series.items():
        if len(values) != len(ids):
            raise ValueError(f"series {name!r} has {len(values)} values for {len(ids)} classes")
    rows = zip(ids, names, *series.values(), strict=True)
    items = [
        {"id": int(number), **words, "values": [float(p) for p in shares]}
        for number, words, *shares in rows
    ]
    return {"items": items, "series": list(series), "picked": picked}
