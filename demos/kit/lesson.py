"""A tab's lesson: Markdown in both languages, with experiments that set up the controls.

In `demos/lessons/<lang>/<topic>.md` a line `<!-- experiment: NAME -->` starts an experiment; what
stands before the first is the lesson. `$…$` and `$$…$$` are maths.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from demos.kit.language import DEFAULT, book, localise, session_language

_FOLDER = Path(__file__).parent.parent / "lessons"
_EXPERIMENT = re.compile(r"^<!-- experiment: (\w+) -->\s*$", re.MULTILINE)
_MATHS: list[dict[str, str | bool]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
]


@cache
def parts(topic: str, lang: str) -> dict[str, str]:
    """The lesson's text under "", each experiment's under its name."""
    text = (_FOLDER / lang / f"{topic}.md").read_text(encoding="utf-8")
    pieces = _EXPERIMENT.split(unicodedata.normalize("NFC", text))
    return {"": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


class _Part:
    """Words that come from a lesson's file instead of a locale; see `language.book`."""

    def __init__(self, topic: str, name: str) -> None:
        self.topic, self.name = topic, name

    def __call__(self, lang: str) -> str:
        return parts(self.topic, lang)[self.name].strip()


def lesson(topic: str, *, experiments: Mapping[str, Mapping[Any, Any]]) -> None:
    """The folded lesson. experiments: name -> the values that its button gives to components.

    A value may be a function of the language ("vi", "en"): what to say is, where it is said.
    """
    with localise(gr.Accordion(open=False, elem_id=f"{topic}-lesson"), label="kit.lesson.title"):
        _markdown(topic, "")
        for name, settings in experiments.items():
            with gr.Group(elem_classes="dl-experiment"):
                _markdown(topic, name)
                button = localise(
                    gr.Button(size="sm", elem_id=f"{topic}-experiment-{name}"),
                    value="kit.lesson.set_up",
                )
                _set_up(button, dict(settings))


def _set_up(button: gr.Button, settings: dict[Any, Any]) -> None:
    def set_up(request: gr.Request) -> Any:
        lang = session_language.get(request)
        values = [value(lang) if callable(value) else value for value in settings.values()]
        return values if len(values) != 1 else values[0]

    button.click(
        set_up,
        None,
        list(settings),
        api_visibility="private",
        show_progress="hidden",
        queue=False,
    )


def _markdown(topic: str, name: str) -> None:
    part = _Part(topic, name)
    text = gr.Markdown(part(DEFAULT), latex_delimiters=_MATHS, elem_classes="dl-lesson")
    book.entries.append((text, {"value": part}))
