"""The image-classification tab: what is in this photograph, why, and is that the reason?"""

import base64
import io
import lzma
from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos import resnet_handlers as on
from demos import resnet_views as views
from demos.kit.code_panel import CodePanel
from demos.kit.errors import UserError, guard
from demos.kit.events import HIDDEN, LIVE, PEN, STUDY
from demos.kit.lesson import lesson
from demos.kit.parts import arrivals
from demos.kit.permalink import address
from demos.kit.run import Run
from demos.kit.training import TOGETHER
from demos.resnet_layout import Layout
from demos.resnet_state import answering, example, label_of, shown_or_first
from dlcore import resnet
from dlcore.adversarial import fgsm, pgd
from dlcore.disturb import DISTURBANCES, disturbed
from dlcore.efficientnet import MBConv
from dlcore.explain import grad_cam
from dlcore.faithfulness import deletion_insertion, randomisation
from dlcore.image_model import ImageModel
from dlcore.imagenet import LABELS_FILE
from dlcore.preprocess import prepare_steps, squash_steps
from dlcore.pretrained import find
from dlcore.resnet_why import why_job
from dlcore.saliency import integrated_gradients, occlusion, smooth_grad

TOPIC = "resnet"


def build() -> None:
    """Lay the tab out and wire it."""
    tab = Layout(TOPIC)
    arrived = tab.offer.connect()
    _wire_picture(tab, arrived)
    _wire_sections(tab)
    _wire_why(tab)
    tab.stress.wire(tab)
    kept = {"example": tab.example, "label": tab.label, "against": tab.against}
    address.register(
        TOPIC, {**kept, "everywhere": tab.everywhere, "change": tab.stress.kind}, check=_checked
    )
    panel = CodePanel(
        TOPIC,
        sources=[resnet.predict, prepare_steps, squash_steps, ImageModel, resnet.Bottleneck,
                 resnet.ResNet50, MBConv, grad_cam, smooth_grad, integrated_gradients, occlusion,
                 deletion_insertion, randomisation, why_job, disturbed, fgsm, pgd],
        module=resnet,
        form=tab.form,
        record=tab.record,
        weights=_weights,
        call=script_call,
        used=answering,
        table=views.table,
        figure=views.figure,
    )  # fmt: skip
    panel.follow(arrived)
    lesson(TOPIC, experiments=tab.experiments())


def _wire_picture(tab: Layout, arrived: Any) -> None:
    """Whatever changes the picture, the network or its preparation: ask again."""

    def predict(photo: Any, example: Any, shown: Any, *values: Any) -> list[Any]:
        return on.predict(photo, example, shown, tab.form.config(values))

    asked = guard(predict, names=tab.form.names, newest=True)
    given = [tab.photo, tab.example, tab.shown, *tab.form.components]
    answered = [tab.shown, tab.photo, tab.example, tab.top, tab.notes, tab.record, tab.tick]
    changes = [control.change for control in tab.form.components]
    gr.on(
        [tab.photo.sent, tab.example.change, *changes, *arrivals()],
        asked,
        given,
        answered,
        api_name="resnet_predict",
        api_description="What is in a picture: the likeliest of ImageNet's labels, in English and "
        "Vietnamese. photo: a file, or null with the name of an example.",
        **LIVE,
        **PEN,
    )
    arrived.then(asked, given, answered, **HIDDEN)
    tab.examples.pick(guard(on.pick_example), None, tab.example, **HIDDEN)
    gr.on(arrivals(), guard(views.examples), None, tab.examples, **HIDDEN)
    lists = [tab.label, tab.against]
    gr.on(arrivals(), guard(on.fill_labels), None, lists, **HIDDEN)
    tab.top.pick(guard(on.pick_label), None, [tab.label, tab.sections], **HIDDEN)


def _wire_sections(tab: Layout) -> None:
    """The open section follows the picture; the others wait until they are opened.

    Two take a while and stream. Their own ticks move only while they are open: a question that
    has nothing to answer still costs a page its time.
    """

    def study(
        section: Any, shown: Any, tick: Any, label: Any, against: Any, *values: Any
    ) -> list[Any]:
        ticks = [tick if section == name else gr.skip() for name in ("stages", "robust")]
        return [*on.study(section, shown, label, against, tab.form.config(values)), *ticks]

    def hide(cover: Any, fill: Any, shown: Any, *values: Any) -> tuple[Any, Any]:
        return on.hide(cover, fill, shown, tab.form.config(values))

    def neighbours(section: Any, shown: Any, *values: Any) -> Iterator[tuple[Any, Any]]:
        yield from on.neighbours(section, shown, tab.form.config(values))

    for name, section in tab.tabs.items():
        section.select(None, None, tab.section, js=f"() => {name!r}", **HIDDEN)
    names, values = tab.form.names, tab.form.components
    gr.on(
        [tab.tick.change, tab.section.change, tab.label.change, tab.against.change],
        guard(study, names=names, newest=True),
        [tab.section, tab.shown, tab.tick, tab.label, tab.against, *values],
        [*tab.studied, tab.stages_tick, tab.robust_tick],
        api_name="resnet_study",
        api_description="What a section shows of the session's picture: gets, why, hide or stages. "
        "label, against: numbers of ImageNet labels, -1 for the network's own answer and for none.",
        **LIVE,
        **STUDY,
    )
    gr.on(
        [tab.cover.brush, tab.fill.change],
        guard(hide, names=names, newest=True),
        [tab.cover, tab.fill, tab.shown, *values],
        [tab.given, tab.less],
        api_name="resnet_hide",
        api_description="What is left of the answer when painted places of the picture are gone.",
        **LIVE,
        **STUDY,
    )
    gr.on(
        tab.stages_tick.change,
        guard(neighbours, names=names),
        [tab.section, tab.shown, *values],
        [tab.reading, tab.near],
        api_name="resnet_neighbours",
        api_description="The pieces of the pictures that come along that the network finds most "
        "like the session's picture. section: stages.",
        concurrency_id="neighbours",
        concurrency_limit=4,
        **LIVE,
    )


def _wire_why(tab: Layout) -> None:
    count = len(tab.form.names)

    def explain(
        shown: Any, label: Any, against: Any, layer: Any, everywhere: Any, *values: Any,
        request: gr.Request,
    ) -> Iterator[list[Any]]:  # fmt: skip
        config, how = tab.form.config(values[:count]), tab.how.config(values[count:])
        page = request.session_hash or ""
        yield from on.explain(shown, label, against, layer, everywhere, config, how, page)

    def randomise(
        shown: Any, label: Any, against: Any, layer: Any, method: Any, *values: Any,
        request: gr.Request,
    ) -> Iterator[list[Any]]:  # fmt: skip
        page = request.session_hash or ""
        yield from on.randomise(
            shown, label, against, layer, method, tab.form.config(values), page
        )  # fmt: skip

    buttons = [tab.explain, tab.randomise, tab.stop, tab.status]
    running = {"show_progress": "hidden", **TOGETHER}
    asked = guard(explain, names=[*tab.form.names, *(f"how_{name}" for name in tab.how.names)])
    given = [*tab.asked, tab.everywhere, *tab.form.components, *tab.how.components]
    answered = [*buttons, tab.reasons]
    tab.explain.click(
        asked,
        given,
        answered,
        api_name="resnet_explain",
        api_description="Grad-CAM, SmoothGrad, integrated gradients and occlusion for a label, "
        "each with its deletion and insertion curve, streamed as they come.",
        **running,
    )
    tab.randomise.click(
        guard(randomise, names=tab.form.names),
        [*tab.asked, tab.method, *tab.form.components],
        [*buttons, tab.forgotten],
        api_name="resnet_randomise",
        api_description="The same explanation while the network forgets, stage by stage.",
        **running,
    )
    tab.stop.click(
        guard(on.stop), None, None, queue=False, show_progress="hidden",
        api_name="resnet_stop",
        api_description="Stop this session's explanation; what is known so far is kept.",
    )  # fmt: skip
    tab.reasons.layer(guard(on.keep_layer), None, tab.layer, queue=False, **HIDDEN)
    # Curves at another layer: the same question there.
    there = tab.reasons.measure(guard(on.keep_layer), None, tab.layer, queue=False, **HIDDEN)
    there.then(asked, given, answered, api_visibility="private", **running)


def _checked(name: str, value: Any) -> Any:
    """A value from the address, or ValueError."""
    try:
        if name == "example":
            return example(value).name
        if name in ("label", "against"):
            label = label_of(value)
            return -1 if label is None else label
    except UserError as error:
        raise ValueError(name) from error
    if (name == "everywhere" and isinstance(value, bool)) or (
        name == "change" and value in tuple(DISTURBANCES)
    ):
        return value
    raise ValueError(name)


def _weights(run: Run) -> bytes:
    path = find(run.config.network)
    if path is None:
        raise UserError("resnet.errors.unknown_network")
    return path.read_bytes()


_SETUP = """import base64, io, lzma, sys, tempfile
from types import SimpleNamespace

if len(sys.argv) < 2:
    sys.exit("python THIS_FILE WEIGHTS.safetensors [PICTURE]: the page's Download weights gives the first")
folder = Path(tempfile.mkdtemp())
globals()["LABELS_FILE"] = folder / "labels.tsv"
LABELS_FILE.write_bytes(lzma.decompress(base64.b85decode(labels)))
source = sys.argv[2] if len(sys.argv) > 2 else io.BytesIO(base64.b85decode(picture))
shown = Image.open(source).convert("RGB")
answer = predict(read_network(config.network, sys.argv[1]), shown, config)
told = {f"{one.label.index} {one.label.en}": one.probability for one in answer.guesses}
events = [SimpleNamespace(step=1, total=1, metrics=told)]
"""  # noqa: E501


def script_call(run: Run | None) -> tuple[str, str]:
    """What a downloaded script does: the picture and the labels travel with it, weights do not."""
    shown = run.snapshot[0] if run else shown_or_first(None)
    file = io.BytesIO()
    shown.picture.save(file, "PNG", optimize=True)  # the very pixels, or the numbers would differ
    picture = base64.b85encode(file.getvalue()).decode()
    labels = base64.b85encode(lzma.compress(LABELS_FILE.read_bytes())).decode()
    return f"labels = {labels!r}\npicture = {picture!r}\n{_SETUP}", "events"
