"""The text-generation tab's components, section by section. Wired in demos/gpt.py."""

from typing import Any

import gradio as gr

from demos.gpt_state import CORPORA, KINDS, job_arguments
from demos.kit.fetching import Offer
from demos.kit.language import localise, say
from demos.kit.parts import button, caption, sections
from demos.kit.settings_form import SettingsForm
from demos.kit.suggest import Suggestions
from demos.kit.training import TrainingPanel
from demos.widgets.bars import Bars
from demos.widgets.line_chart import LineChart
from demos.widgets.notes import Notes
from demos.widgets.passage import Passage
from demos.widgets.writing import Writing
from dlcore import gpt, gpt_writing

_OPENING = "gpt.examples.start"  # in Vietnamese, whatever the page speaks: so is the model


class Layout:
    """An opening and a model on top; under them one section at a time."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.tree = gr.State()
        with gr.Row():
            text = gr.Textbox(
                say(_OPENING, "vi"),
                lines=2,
                max_lines=6,
                interactive=True,
                scale=4,
                min_width=260,
                elem_id="gpt-prompt",
            )
            self.prompt = localise(text, label="gpt.prompt", placeholder="gpt.prompt_placeholder")
            self.suited = Suggestions(self.prompt)
            which = gr.Radio(
                list(KINDS),
                value="bundled",
                interactive=True,
                scale=2,
                min_width=260,
                elem_id="gpt-which",
            )
            self.which = localise(
                which, label="gpt.which", choices={name: f"gpt.models.{name}" for name in KINDS}
            )
        self.offer = Offer(topic, self.which, instead="gpt.offers.choose")
        self.came = gr.State(0.0)  # when a model came last
        self.talk = localise(
            gr.Checkbox(True, visible=False, interactive=True, container=False, elem_id="gpt-talk"),
            label="gpt.talk",
        )
        contents = {
            "write": self._write,
            "compare": self._compare,
            "train": self._train,
            "cost": self._cost,
            "speed": self._speed,
        }
        self.sections, self.tabs = sections(topic, contents)
        self.own = self.panel.state

    def _write(self) -> None:
        with gr.Row(elem_classes="dl-buttons"):
            self.write = button("gpt.write", variant="primary")
            self.write_stop = button("gpt.write_stop", variant="stop", interactive=False)
            self.forget = button("gpt.forget", visible=False)
        self.writing = Writing(None, branches=True, elem_id="gpt-writing")
        self.decoding = SettingsForm(
            self.topic,
            gpt_writing.Decoding,
            tutorial=gpt_writing.TUTORIAL_DECODING,
            shown=("temperature", "top_p", "length"),
            part="decoding",
        )

    def _compare(self) -> None:
        caption("gpt.comparing")
        with gr.Row(elem_classes="dl-buttons"):
            self.compare = button("gpt.compare", variant="primary")
            self.compare_stop = button("gpt.compare_stop", variant="stop", interactive=False)
        self.decoders: list[Any] = []
        names = list(gpt_writing.DECODERS)
        for pair in (names[:2], names[2:]):
            with gr.Row():
                for name in pair:
                    with gr.Column(scale=1, min_width=300):
                        shown = Writing(
                            None,
                            plain=True,
                            texts=("gpt.decoders",),
                            empty="press",
                            elem_id=f"gpt-decoder-{name.replace('_', '-')}",
                        )
                        self.decoders.append(shown)

    def _train(self) -> None:
        with gr.Row():
            corpus = gr.Radio(list(CORPORA), value="vi", interactive=True, elem_id="gpt-corpus")
            self.corpus = localise(
                corpus,
                label="gpt.corpus",
                choices={name: f"gpt.corpora.{name}" for name in CORPORA},
            )
        with localise(gr.Accordion(open=False, elem_id="gpt-own-text"), label="gpt.own_text"):
            localise(gr.Markdown(), value="gpt.own_text_intro")
            upload = gr.UploadButton(type="binary", size="sm", elem_id="gpt-upload")
            self.upload = localise(upload, label="gpt.upload")
            self.text = localise(
                gr.Textbox("", lines=5, max_lines=10, interactive=True, elem_id="gpt-text"),
                label="gpt.text",
                placeholder="gpt.text_placeholder",
            )
        self.form = SettingsForm(
            self.topic, gpt.Config, tutorial=None, shown=("task", "tokens", "reverse", "steps")
        )
        self.panel = TrainingPanel(
            self.topic,
            form=self.form,
            job=gpt.job,
            panels=[
                ["loss", "train_loss", "valid_loss"],
                ["train_accuracy", "valid_accuracy"],
                ["valid_bits"],
            ],
            measured=True,
            extras=[self.corpus, self.text],
            prepare=job_arguments,
        )
        self.remarks = Notes(None, texts=("gpt.findings",), elem_id="gpt-remarks")
        caption("gpt.samples")
        self.samples = Passage(None, group=self.topic, elem_id="gpt-samples")

    def _cost(self) -> None:
        caption("gpt.costing")
        with gr.Row():
            self.cost_texts = [self._cost_text(lang) for lang in ("vi", "en")]
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                caption("gpt.counts")
                self.counts = Bars(texts=("gpt.tokenizers",), elem_id="gpt-counts")
                self.per_word = Notes(None, texts=("gpt.per_word",), elem_id="gpt-per-word")
            with gr.Column(scale=2, min_width=300):
                caption("gpt.cut")
                self.cut = [
                    Writing(None, plain=True, texts=("gpt.tokenizers",), elem_id=f"gpt-cut-{lang}")
                    for lang in ("vi", "en")
                ]

    def _cost_text(self, lang: str) -> Any:
        box = gr.Textbox(
            say(f"gpt.examples.cost_{lang}", lang),
            lines=3,
            max_lines=6,
            interactive=True,
            min_width=300,
            elem_id=f"gpt-cost-{lang}",
        )
        return localise(box, label=f"gpt.cost_text.{lang}")

    def _speed(self) -> None:
        caption("gpt.speeding")
        self.larger = localise(
            gr.Checkbox(False, elem_id="gpt-larger", interactive=True, container=False),
            label="gpt.larger",
        )
        with gr.Row(elem_classes="dl-buttons"):
            self.race = button("gpt.race", variant="primary")
            self.race_stop = button("gpt.race_stop", variant="stop", interactive=False)
        self.told = Notes(None, texts=("gpt.speeds",), elem_id="gpt-told")
        self.laps = LineChart(
            texts=("gpt.speeds",),
            panels=[["cached", "plain"]],
            empty="press",
            elem_id="gpt-laps",
        )

    # --- Lesson ------------------------------------------------------------------------------

    def experiments(self) -> dict[str, dict[Any, Any]]:
        """What the lesson's buttons set."""
        decoding, config = gpt_writing.Decoding, gpt.Config
        cold = self.decoding.values(decoding(greedy=True, top_p=1.0, length=400))
        hot = self.decoding.values(decoding(temperature=1.8, top_p=1.0))
        sums = self.form.values(config(task="addition", reverse=False))
        return {
            "greedy": {
                self.prompt: say(_OPENING, "vi"),
                **dict(zip(self.decoding.components, cold, strict=True)),
                self.sections: gr.update(selected="write"),
            },
            "hot": {
                self.prompt: say(_OPENING, "vi"),
                **dict(zip(self.decoding.components, hot, strict=True)),
                self.sections: gr.update(selected="write"),
            },
            "sums": {
                **dict(zip(self.form.components, sums, strict=True)),
                self.sections: gr.update(selected="train"),
            },
        }
