"""Sending a run to the page piece by piece: the browser keeps what it was sent.

A page that got every frame again at each update would spend its time comparing and copying them
(250 ms an update for a few thousand points, measured). So a live value carries the newest few
items, and the browser joins them to those it has, by run and step.
"""

from collections.abc import Sequence
from typing import TypeVar

RECENT = 16  # enough that updates which reach the browser together lose nothing

Item = TypeVar("Item")


def recent(items: Sequence[Item], count: int = RECENT) -> list[Item]:
    """The newest `count` items; item number i stands in slot i % count.

    One more item then changes one slot, and only changes travel to the page. The order is
    restored there.
    """
    if len(items) <= count:
        return list(items)
    newest = range(len(items) - count, len(items))
    return [items[i] for i in sorted(newest, key=lambda i: i % count)]
