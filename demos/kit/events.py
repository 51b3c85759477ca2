"""How events are wired, and what a widget's event brings to the server."""

from typing import Any

import gradio as gr

# What moves with the hand: while one answer is on its way, only the newest question waits. Events
# that write the same outputs belong into one `gr.on` with this, or a late answer undoes a newer.
LIVE: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# How many answer at once: readings of a pen, and what takes a moment longer.
PEN: dict[str, Any] = {"concurrency_id": "pen", "concurrency_limit": 8}
STUDY: dict[str, Any] = {"concurrency_id": "study", "concurrency_limit": 4}


def sent(event: gr.EventData | None) -> Any:
    """The data that a browser sent along, whatever it is: any client can send anything."""
    return getattr(event, "_data", None)
