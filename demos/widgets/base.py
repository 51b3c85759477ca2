"""What every live widget has in common: JSON in, a picture drawn in the browser, events out."""

import base64
from abc import ABCMeta
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any, ClassVar

import gradio as gr
import numpy as np
from gradio.component_meta import ComponentMeta, updateable

STATIC_URL = "dl"  # where the app serves this folder, relative to the page
FOLDER = Path(__file__).parent


class _Quiet(ComponentMeta):
    """Makes component classes as Gradio does, without writing a .pyi file beside each of them.

    That file is for Gradio's own list of events, which no widget adds to, and costs 10 ms a class.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        if "__init__" in attrs:
            attrs["__init__"] = updateable(attrs["__init__"])
        return ABCMeta.__new__(cls, name, bases, attrs)


class Widget(gr.HTML, metaclass=_Quiet):
    """A `gr.HTML` whose value is JSON and whose picture is drawn by `script`.js.

    value: what the .js file draws; see its own docstring for the shape.
    texts: sections of the locale files to look words up in, as ("cnn.maps", …), the last one
        first, then its own section, "widgets.<script>". The page loads the words of both
        languages once (words.js), so a switch is instant.
    group: widgets of one group are scrubbed through time together.
    title: a key; its words stand above the picture, **parts** of them in bold.
    signals: names the .js file may `trigger`; each is a Python listener, `widget.NAME(fn, …)`.
        (Not `events`: Gradio keeps its own list under that name.)
    """

    script: ClassVar[str]
    signals: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        value: Any = None,
        *,
        texts: tuple[str, ...] = (),
        group: str = "",
        **props: Any,
    ) -> None:
        listeners = " ".join(f'"{name}"' for name in self.signals)
        super().__init__(
            value,
            html_template=f'<div class="dl-widget dl-{self.script}"></div>',
            css_template="",
            apply_default_css=False,
            js_on_load=(
                f'import(new URL("{STATIC_URL}/{self.script}.js", document.baseURI)).then((module) '
                "=> module.mount({ element, props, trigger, watch, server, upload })); "
                f"/* {listeners} */"
            ),
            texts=[*reversed(texts), f"widgets.{self.script}"],
            group=group,
            **props,
        )

    def __getattr__(self, name: str) -> Any:
        # Gradio gives a partial for an event of its HTML, which `gr.on` cannot read.
        listener = super().__getattr__(name)
        return MethodType(listener.func, self) if isinstance(listener, partial) else listener

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> Any:
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": {}, "description": f"JSON of the widget {self.script}"}

    def example_payload(self) -> Any:
        return None

    def example_value(self) -> Any:
        return None


def pack(array: Any, dtype: str = "f4") -> dict[str, Any]:
    """An array as JSON: {"dtype", "shape", "data": base64}, little-endian. "u1" for pictures."""
    values = np.ascontiguousarray(array, dtype=np.dtype(dtype).newbyteorder("<"))
    data = base64.b64encode(values.tobytes()).decode("ascii")
    return {"dtype": dtype, "shape": list(values.shape), "data": data}
