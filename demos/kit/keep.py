"""The last thing trained on each tab, kept for an hour so that a reload does not lose it.

A page finds its own by a random id in its browser's storage. Nobody can list or guess the ids, so
one browser never meets another's model.
"""

import re
import threading
import time
from collections import OrderedDict
from typing import Any

import gradio as gr

_LIFETIME_S = 3_600.0
_MOST = 300  # kept results in all, about half a megabyte each; the oldest goes first
_TOKEN = re.compile(r"[0-9a-f]{32}")


class Keeper:
    """Results by browser and topic. Safe to use from several threads."""

    def __init__(self, lifetime_s: float = _LIFETIME_S, most: int = _MOST) -> None:
        self._lifetime_s, self._most = lifetime_s, most
        self._lock = threading.Lock()
        self._tokens: OrderedDict[str, str] = OrderedDict()  # session hash -> browser's id
        self._kept: OrderedDict[tuple[str, str], tuple[float, Any]] = OrderedDict()

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
        with self._lock:
            self._kept.pop((token, topic), None)
            self._kept[token, topic] = (time.monotonic(), result)
            while len(self._kept) > self._most:
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
        for key in [key for key, (when, _) in self._kept.items() if when < oldest]:
            del self._kept[key]


keeper = Keeper()
