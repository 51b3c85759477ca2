"""What stands where a pretrained model is missing: fetch it, see it come, or read what mends it."""

from typing import Any

from demos.widgets.base import Widget

STATES = ("absent", "asked", "arriving", "stopped", "failed", "here")


class Arrival(Widget):
    """A model that may be fetched, with its two buttons; nothing at all for None.

    value = {"state": one of STATES, "name", "title", "licence", "origin", "bytes": to download,
             "source": where it comes from, "stage": of the fetch ("wait", "download", "verify",
             "convert"), "done", "total": bytes (0: not known), "fault": the end of a key under
             "faults", "values": what fills its words, "command": what fetches it in a terminal,
             "file", "folder": what may be copied here instead, "kept": whether the next fetch goes
             on from what had arrived (absent: nothing is said of it)}.
    The events `fetch` and `stop` carry nothing. Keyword: instead (the key of what is offered while
    the model is not here, looked up in `texts`; empty: nothing is said).
    """

    script = "arrival"
    signals = ("fetch", "stop")

    def __init__(
        self, value: Any = None, *, texts: tuple[str, ...] = (), instead: str = "", **props: Any
    ) -> None:
        super().__init__(value, texts=("kit.fetch", *texts), instead=instead, **props)
