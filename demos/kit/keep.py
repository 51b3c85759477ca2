"""The last thing trained on each tab, kept for an hour so that a reload does not lose it.

A page finds its own by a random id in its browser's storage. Nobody can list or guess the ids, so
one browser never meets another's model.
"""

import pickle
import re
import threading
import time
from collections import OrderedDict
from typing import Any

import gradio as gr

_LIFETIME_S = 3_600.0
_MOST = 300  # kept results in all; the oldest goes first
_MOST_BYTES = 1_000_000_000  # of all of them: a GAN with its optimizers alone takes 24 million
_TOKEN = re.compile(r"[0-9a-f]{32}")


class Keeper:
    """Results by browser and topic. Safe to use from several threads."""

    def __init__(
        self, lifetime_s: float = _LIFETIME_S, most: int = _MOST, most_bytes: int = _MOST_BYTES
    ) -> None:
        self._lifetime_s, self._most, self._most_bytes = lifetime_s, most, most_bytes
        self._lock = threading.Lock()
        self._tokens: OrderedDict[str, str] = OrderedDict()  # session hash -> browser's id
        self._kept: OrderedDict[tuple[str, str], tuple[float, Any, int]] = OrderedDict()

    def introduce(self, request: gr.Request | None, token: object) -> None:
        """Remember which browser a page belongs to. A malformed id is ignored."""
        session = getattr(request, "session_hash", None)
        if session and isinstance(token, str) and _TOKEN.fullmatch(token):
            with self._lock:
                self._tokens[session] = token
                while len(self._tokens) > 10 * self._most:
                    self._tokens.popitem(last=False)

    def put(self, request: gr.Request | None, topic: str, result: Any) -> None:
        token = self._token(request)
        if token is None:
            return
        size = _bytes_of(result)
        with self._lock:
            self._kept.pop((token, topic), None)
            self._kept[token, topic] = (time.monotonic(), result, size)
            while len(self._kept) > self._most or self._size() > self._most_bytes:
                self._kept.popitem(last=False)

    def get(self, request: gr.Request | None, topic: str) -> Any | None:
        """This browser's last result on a topic, or None when there is none or it grew too old."""
        token = self._token(request)
        with self._lock:
            self._forget_old()
            kept = self._kept.get((token or "", topic))
        return kept[1] if kept else None

    def _token(self, request: gr.Request | None) -> str | None:
        with self._lock:
            return self._tokens.get(getattr(request, "session_hash", None) or "")

    def _forget_old(self) -> None:
        oldest = time.monotonic() - self._lifetime_s
        for key in [key for key, (when, *_) in self._kept.items() if when < oldest]:
            del self._kept[key]

    def _size(self) -> int:
        return sum(size for *_, size in self._kept.values())


def _bytes_of(result: Any) -> int:
    """About what a result takes in memory. Its arrays are asked for their size, not copied."""
    arrays: list[int] = []

    def measure(buffer: pickle.PickleBuffer) -> None:
        arrays.append(buffer.raw().nbytes)

    rest = pickle.dumps(result, protocol=5, buffer_callback=measure)
    return len(rest) + sum(arrays)


keeper = Keeper()
