"""What every tab's layout is made of: captions, buttons, and tabs inside the tab."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from gradio.context import Context

from demos.kit.language import localise


def caption(key: str, **props: Any) -> gr.Markdown:
    """A line over a picture that says what it shows."""
    return localise(gr.Markdown(elem_classes="dl-caption", **props), value=key)


def button(key: str, **props: Any) -> gr.Button:
    """A button whose id is made of its key's ends: "mlp.buttons.go_on" gets "mlp-go-on"."""
    topic, *_, name = key.split(".")
    return localise(gr.Button(elem_id=f"{topic}-{name.replace('_', '-')}", **props), value=key)


def arrivals() -> list[Any]:
    """For `gr.on`: somebody comes to the tab that is being built. Nothing is loaded before."""
    here = Context.block
    while here is not None and not isinstance(here, gr.Tab):
        here = here.parent
    return [here.select] if here is not None else []


def sections(
    topic: str, contents: Mapping[str, Callable[[], None]]
) -> tuple[gr.Tabs, dict[str, gr.Tab]]:
    """Tabs inside a tab, the first one open, and each by its name.

    contents: name -> what lays that section out; its title is at `<topic>.sections.<name>`.
    """
    tabs: dict[str, gr.Tab] = {}
    with gr.Tabs(elem_id=f"{topic}-sections", selected=next(iter(contents))) as whole:
        for name, lay_out in contents.items():
            tab = gr.Tab(id=name, elem_id=f"{topic}-section-{name}")
            with localise(tab, label=f"{topic}.sections.{name}"):
                lay_out()
            tabs[name] = tab
    return whole, tabs
