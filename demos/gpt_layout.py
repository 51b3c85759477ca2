"""The text-generation tab's components, section by section. Wired in demos/gpt.py."""

import gradio as gr

from demos.kit.language import localise
from demos.kit.models import NAMES
from demos.kit.parts import button, sections
from demos.kit.settings_form import SettingsForm
from demos.widgets.writing import Writing
from dlcore import gpt_writing


class Layout:
    """One section at a time."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.tree = gr.State()
        self.own = gr.State()
        self.sections, _ = sections(topic, {"write": self._write})

    def _write(self) -> None:
        with gr.Row():
            text = gr.Textbox(
                "", lines=2, max_lines=6, interactive=True, scale=4, min_width=260,
                elem_id="gpt-prompt",
            )  # fmt: skip
            self.prompt = localise(text, label="gpt.prompt", placeholder="gpt.prompt_placeholder")
            which = gr.Radio(
                list(NAMES), value="bundled", interactive=True, scale=1, min_width=200,
                elem_id="gpt-which",
            )  # fmt: skip
            self.which = localise(
                which, label="gpt.which", choices={name: f"gpt.models.{name}" for name in NAMES}
            )
        with gr.Row(elem_classes="dl-buttons"):
            self.write = button("gpt.write", variant="primary")
            self.write_stop = button("gpt.write_stop", variant="stop", interactive=False)
        self.writing = Writing(None, branches=True, texts=("gpt.writing",), elem_id="gpt-writing")
        self.decoding = SettingsForm(
            self.topic,
            gpt_writing.Decoding,
            tutorial=gpt_writing.TUTORIAL_DECODING,
            shown=("temperature", "top_p", "length"),
            part="decoding",
        )
