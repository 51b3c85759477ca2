"""What a widget's event brings to the server."""

from typing import Any

import gradio as gr


def sent(event: gr.EventData | None) -> Any:
    """The data that a browser sent along, whatever it is: any client can send anything."""
    return getattr(event, "_data", None)
