"""The page's address holds tab, language, settings and seed, so that a run can be handed on.

The browser writes the address (`demos/widgets/address.js`) whenever a registered control changes;
the server reads it when a page opens, and trusts it as little as any other input.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demos.widgets.base import STATIC_URL

_LONGEST = 4_000  # characters of one value; drawings and trained weights do not belong in a link


@dataclass(frozen=True)
class _Entry:
    components: Mapping[str, Any]
    check: Callable[[str, Any], Any]


def _as_given(_name: str, value: Any) -> Any:
    return value


class Address:
    """The controls of every tab whose values live in the address."""

    def __init__(self) -> None:
        self._entries: dict[str, list[_Entry]] = {}

    def clear(self) -> None:
        self._entries = {}

    def register(
        self,
        topic: str,
        components: Mapping[str, Any],
        *,
        check: Callable[[str, Any], Any] = _as_given,
    ) -> None:
        """Keep these controls' values in the address while `topic` is open.

        components: parameter name -> component. check(name, value): returns the value to set, or
        raises ValueError, in which case the address's value is ignored.
        """
        self._entries.setdefault(topic, []).append(_Entry(dict(components), check))

    def connect(self) -> None:
        """Let every registered control write the address. Called once, when all tabs are built."""
        for topic, entries in self._entries.items():
            pairs = [(n, c) for entry in entries for n, c in entry.components.items()]
            names = json.dumps([name for name, _ in pairs])
            defaults = json.dumps([component.value for _, component in pairs])
            module = f'import(new URL("{STATIC_URL}/address.js", document.baseURI))'
            js = (
                f"(...values) => {{ {module}.then((m) => "
                f"m.write({json.dumps(topic)}, {names}, {defaults}, values)); return []; }}"
            )
            controls = [component for _, component in pairs]
            changes = [control.change for control in controls]
            gr.on(changes, None, controls, None, js=js, api_visibility="private")

    @property
    def components(self) -> list[Any]:
        return [
            component
            for entries in self._entries.values()
            for entry in entries
            for component in entry.components.values()
        ]

    def restore(self, parameters: Mapping[str, str], topics: list[str]) -> tuple[str, list[Any]]:
        """What an address asks for: the tab to open ("": none that exists), and an update for each
        of `components`.
        """
        topic = parameters.get("tab", "")
        updates = []
        for name, entries in self._entries.items():
            for entry in entries:
                for key, component in entry.components.items():
                    given = parameters.get(key) if name == topic else None
                    updates.append(self._update(entry, key, component, given))
        return (topic if topic in topics else ""), updates

    @staticmethod
    def _update(entry: _Entry, key: str, component: Any, given: str | None) -> Any:
        if given is None or len(given) > _LONGEST:
            return gr.skip()
        try:
            value = entry.check(key, _parsed(given))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return gr.skip()
        return gr.update(value=value)


def _parsed(text: str) -> Any:
    """Numbers, booleans and lists are written as JSON, everything else as plain text."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text


def _refuse(constant: str) -> Any:
    raise TypeError(f"{constant} is not a value")


address = Address()
