"""Vietnamese and English: where the words come from, and how a page changes language.

Words live in `demos/locales/{vi,en}.json` as nested sections. Three places show them:
native components are made with `localise` and renamed by the switch, widgets know both languages
and redraw themselves, and messages are written in the language of the session that caused them.
"""

import json
import unicodedata
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

LANGUAGES = ("vi", "en")
DEFAULT = "en"
LOCALES = Path(__file__).parent.parent / "locales"
_REMEMBERED = 2_000  # sessions whose language is kept; the oldest is forgotten first

Localised = TypeVar("Localised")


@cache
def _words(lang: str) -> dict[str, Any]:
    text = (LOCALES / f"{lang}.json").read_text(encoding="utf-8")
    return json.loads(unicodedata.normalize("NFC", text))


def section(name: str, lang: str) -> dict[str, str]:
    """All words under a dotted section, flattened: {"train": "Train", "axis.x": "Step"}."""
    node: Any = _words(lang)
    for part in name.split("."):
        node = node.get(part, {})
    return dict(_flatten(node))


def _flatten(node: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in node.items():
        if isinstance(value, dict):
            pairs += _flatten(value, f"{prefix}{key}.")
        else:
            pairs.append((prefix + key, value))
    return pairs


def say(key: str, lang: str, **values: Any) -> str:
    """The words for a dotted key, {placeholders} filled. Raises KeyError for an unknown key."""
    node: Any = _words(lang)
    for part in key.split("."):
        node = node[part]
    return node.format(**values) if values else node


class _Session:
    """Which language each open page reads, by Gradio's session hash."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, str] = OrderedDict()

    def set(self, request: gr.Request | None, lang: str) -> None:
        key = getattr(request, "session_hash", None)
        if key:
            self._of[key] = lang
            self._of.move_to_end(key)
            while len(self._of) > _REMEMBERED:
                self._of.popitem(last=False)

    def get(self, request: gr.Request | None) -> str:
        key = getattr(request, "session_hash", None)
        return self._of.get(key or "", "") or preferred(request)


session_language = _Session()


def preferred(request: gr.Request | None) -> str:
    """The language of a page that has not chosen one: ?lang=, else what the browser asks for."""
    if request is None or getattr(request, "request", None) is None:
        return DEFAULT
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return asked
    accepted = request.headers.get("accept-language", "").lower()
    ranked = [part.split(";")[0].strip()[:2] for part in accepted.split(",")]
    return next((lang for lang in ranked if lang in LANGUAGES), DEFAULT)


class _Book:
    """The native components of the app being built, and the keys of their words."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, dict[str, Any]]] = []

    def updates(self, lang: str) -> list[Any]:
        return [gr.update(**_filled(keys, lang)) for _, keys in self.entries]

    @property
    def components(self) -> list[Any]:
        return [component for component, _ in self.entries]

    def clear(self) -> None:
        self.entries = []


book = _Book()


def localise(component: Localised, **keys: Any) -> Localised:
    """Give a component words that follow the language: localise(gr.Button(), value="kit.train").

    A keyword names the component's property, its value the key of the words: a dotted key, for
    `choices` a dict {stored value: key}, or a function of the language. The component is returned,
    so that the call can wrap its creation.
    """
    for name, value in _filled(keys, DEFAULT).items():
        setattr(component, name, value)
    book.entries.append((component, keys))
    return component


def _filled(keys: dict[str, Any], lang: str) -> dict[str, Any]:
    return {name: _look_up(key, lang) for name, key in keys.items()}


def _look_up(key: Any, lang: str) -> Any:
    if callable(key):
        return key(lang)
    if isinstance(key, dict):
        return [(say(word, lang), value) for value, word in key.items()]
    return say(key, lang)
