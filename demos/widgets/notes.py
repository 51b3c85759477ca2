"""Short remarks on data or on a run, in the language of whoever reads: words and their numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

from demos.widgets.base import Widget

KINDS = ("info", "good", "warning")


class Notes(Widget):
    """One line a remark, with a mark for its kind; nothing at all without remarks.

    value = {"items": [{"key": "missing", "kind": one of KINDS, "values": {"count": 3}}, …]}
    A key is looked up in `texts`, its {placeholders} filled: numbers as the reader writes them,
    {"percent": 0.93} as a percentage, {"count": 3374851} to the last digit, text as it stands.
    `empty` is a key for an empty list.
    With "frames": [{"step", "items"}] the remarks follow the group's timeline.
    """

    script = "notes"


def notes(items: Iterable[tuple[str, str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The value for remarks (key, kind, values)."""
    rows = [{"key": key, "kind": kind, "values": dict(values)} for key, kind, values in items]
    for row in rows:
        if row["kind"] not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {row['kind']!r}")
    return {"items": rows}
