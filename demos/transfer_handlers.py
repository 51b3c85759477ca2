"""What happens on the transfer tab when somebody clicks, drops or films. No layout here."""

import dataclasses
import io
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from demos import transfer_state as state
from demos import transfer_views as views
from demos.kit.asking import Asking
from demos.kit.errors import UserError, freeing
from demos.kit.events import sent
from demos.kit.run import Run
from demos.kit.script import collected
from demos.transfer_layout import Layout
from demos.widgets.photo import answered, refused, uploaded
from demos.widgets.picture_classes import data_url, decoded
from demos.widgets.status import status
from dlcore import transfer, transfer_classify
from dlcore.jobs import stream
from dlcore.pictures import EXAMPLES, PictureError, load_example, open_picture
from dlcore.settings import SettingError
from dlcore.transfer_classify import LABELS_FILE, WEIGHTS_FILE, to_file
from dlcore.transfer_export import check_size, to_onnx
from dlcore.transfer_pictures import PicturesError, to_zip
from dlcore.transfer_race import race
from dlcore.transfer_study import learning_curve, map_of, try_cuts

RACE_S = 400.0
# VGG16 reads a picture of 224 pixels in 0.26 s on one core, and a question has up to 1,300 of them.
STUDY_S = 600.0
_TELL_EVERY_S = 0.3
_SHOWN_SIDE = 400
SAMPLES = 24  # held-out pictures to try with


class Handlers:
    """One visitor's clicks, on the tab's components."""

    def __init__(self, tab: Layout) -> None:
        self.tab, self.form = tab, tab.form

    # --- Classes -----------------------------------------------------------------------------

    def act(self, own: Any, event: gr.EventData) -> tuple[Any, Any, Any]:
        """Something was added to one's own classes, renamed or taken away."""
        before = state.own_of(own)
        try:
            after = state.acted(before, sent(event))
        except PicturesError as error:
            key = error.key.rpartition(".")[2]
            return gr.skip(), state.shown(before, (key, error.values)), gr.skip()
        return after, state.shown(after), "own"

    def preview(self, *values: Any) -> tuple[Any, Any]:
        """The classes to fill where they are one's own; else what a preset holds."""
        try:
            config = self.form.config(values)
        except SettingError:  # a number half typed; Train says what is wrong with it
            return gr.skip(), gr.skip()
        visible = gr.update(visible=config.data == "own")
        if config.data == "own":
            return visible, None
        return visible, views.learnt_and_held(transfer.pictures_of(config))

    # --- Teach -------------------------------------------------------------------------------

    def finish(self, kept: Any, record: Any) -> Iterator[dict[Any, Any]]:
        """After a run: what it says of itself, its mistakes, and the pictures before and after."""
        tab = self.tab
        if not isinstance(kept, state.Trained) or not isinstance(record, Run):
            yield {tab.known: gr.skip()}
            return
        said = record.kept.features or gr.skip()
        yield {
            tab.known: said,
            tab.findings: views.findings(kept, record),
            tab.mistakes: views.mistakes(kept),
            tab.learnt: views.learnt_and_held(kept.pictures),
        }
        config, own, known, weights = kept.arguments
        arguments = config, dict(kept.state), own, record.kept.features or known, weights
        for _ in (asking := Asking(map_of, *arguments, budget_s=STUDY_S)):
            yield {tab.spread: gr.skip()}  # notices a page that was closed
        yield {
            tab.map: views.classes_on_map(asking.result, kept),
            tab.spread: views.spreads(asking.result),
        }

    # --- Try ---------------------------------------------------------------------------------

    def samples(self, kept: Any) -> Any:
        """Some held-out pictures, when somebody comes to try the network."""
        return views.samples(kept, SAMPLES) if isinstance(kept, state.Trained) else None

    def look(self, photo: Any, kept: Any) -> tuple[Any, Any, Any]:
        """A picture that was sent: each class's probability, and what it is most alike."""
        try:
            trained, data = state.needed(kept), uploaded(photo)
            picture = _opened(data) if data is not None else _example(photo)
        except UserError as fault:
            return refused(photo, fault), gr.skip(), gr.skip()
        bars, alike = views.answer(trained, picture)
        return answered(photo, _shown(picture)), bars, alike

    def live(self, kept: Any, event: gr.EventData) -> tuple[Any, Any, Any]:
        """A picture of the camera."""
        data = sent(event)
        seq = data.get("seq") if isinstance(data, dict) else None
        answered = {"seq": seq if type(seq) is int else 0, "told": None}
        if not isinstance(kept, state.Trained):  # no message for each picture of a film
            return {**answered, "told": "train_first"}, gr.skip(), gr.skip()
        return answered, *views.answer(kept, _filmed(data))

    def sample(self, kept: Any, event: gr.EventData) -> tuple[Any, Any, Any]:
        """One of the held-out pictures, which was clicked."""
        trained = state.needed(kept)
        held = views.sampled(trained, SAMPLES)
        place = held[state.whole(sent(event), "index", len(held))]
        picture = Image.fromarray(trained.pictures.images[place])
        bars, alike = views.answer(trained, picture)
        return _shown(picture), bars, alike

    # --- Race --------------------------------------------------------------------------------

    def race(self, own: Any, known: Any, *values: Any) -> Iterator[dict[Any, Any]]:
        """All three ways, from the same pictures and seed, in equal time."""
        tab = self.tab
        arguments = state.job_arguments(self.form.config(values), own, known)
        yield {
            **self._buttons(busy=True),
            tab.race_status: status("waiting"),
            **dict.fromkeys([tab.race_chart, tab.race_table, tab.drift], None),
        }
        running = stream(race, *arguments, budget_s=RACE_S)
        told, began, event = 0.0, time.monotonic(), None
        try:
            for event in running:
                if time.monotonic() - told >= _TELL_EVERY_S and event.snapshot is not None:
                    told = time.monotonic()
                    line = status("running", step=event.step, total=event.total,
                                  elapsed_s=time.monotonic() - began)  # fmt: skip
                    yield {tab.race_status: line, **self._lanes(event.snapshot)}
                else:
                    yield {tab.race_status: gr.skip()}
        finally:
            running.close()
        shown = self._lanes(event.snapshot) if event and event.snapshot else {}
        step, total = (event.step, event.total) if event else (0, 0)
        line = status(running.ended, step=step, total=total, elapsed_s=time.monotonic() - began)
        yield {**self._buttons(busy=False), tab.race_status: line, **shown}

    def _lanes(self, standings: Any) -> dict[Any, Any]:
        return {
            self.tab.race_chart: views.lanes(standings),
            self.tab.race_table: views.table(standings),
            self.tab.drift: views.drifts(standings),
        }

    def _buttons(self, *, busy: bool) -> dict[Any, Any]:
        return {
            self.tab.race: gr.update(interactive=not busy),
            self.tab.race_stop: gr.update(interactive=busy),
        }

    # --- How few, and where to cut -----------------------------------------------------------

    def study(self, job: Callable[..., Any], picture: Any, shows: Any) -> Callable[..., Any]:
        """A handler that asks `job` and shows its answer in `picture`."""

        def studies(own: Any, known: Any, *values: Any) -> Iterator[dict[Any, Any]]:
            config = self.form.config(values)
            config = dataclasses.replace(config, way="frozen")
            asking = Asking(job, *state.job_arguments(config, own, known), budget_s=STUDY_S)
            lines = ({self.tab.study_status: line} for line in asking)
            yield from freeing(lines, {self.tab.study_status: status("failed")})
            last = asking.result.step
            ended = status("done", step=last, total=last)
            yield {self.tab.study_status: ended, picture: shows(asking.result)}

        return studies

    def curve(self) -> Callable[..., Any]:
        return self.study(learning_curve, self.tab.curve_chart, views.curve)

    def cuts(self) -> Callable[..., Any]:
        return self.study(try_cuts, self.tab.cuts_bars, views.cuts)

    # --- Take it with you --------------------------------------------------------------------

    def take(self, kept: Any) -> str:
        """Weights, labels and a script that classifies a folder, as a zip file."""
        trained = state.needed(kept)
        check_size(trained.classifier)
        weights = to_file(trained.classifier, base=trained.config.base, cut=trained.config.cut)
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(WEIGHTS_FILE, weights)
            archive.writestr(LABELS_FILE, "\n".join(trained.classifier.names) + "\n")
            archive.writestr("classify.py", script())
        return _file("classifier.zip", file.getvalue())

    def onnx(self, kept: Any) -> str:
        """The network as an ONNX file."""
        trained = state.needed(kept)
        try:
            return _file("classifier.onnx", to_onnx(trained.classifier))
        except ImportError as error:
            raise UserError("transfer.errors.no_onnx") from error

    def pictures(self, own: Any) -> str:
        """One's own pictures, as a zip file that can be dropped here again."""
        classes = state.own_of(own)
        if not any(classes.values()):
            raise UserError("transfer.errors.no_pictures")
        return _file("pictures.zip", to_zip(classes))


def script() -> str:
    """The script that classifies a folder, in one file."""
    end = '\n\nif __name__ == "__main__":\n    sys.exit(classify_command(sys.argv))\n'
    return collected(transfer_classify, end, "python classify.py FOLDER")


def _opened(data: bytes) -> Image.Image:
    try:
        return open_picture(data)
    except PictureError as error:
        raise UserError(f"widgets.photo.refused.{error.key}", **error.values) from error


def _example(photo: Any) -> Image.Image:
    name = photo.get("example") if isinstance(photo, dict) else None
    if not isinstance(name, str) or name not in EXAMPLES:
        raise UserError("transfer.errors.photo_first")
    return load_example(name)


def _filmed(data: Any) -> Image.Image:
    try:
        return open_picture(decoded(data.get("picture") if isinstance(data, dict) else None))
    except ValueError:
        raise UserError("transfer.errors.picture") from None


def _shown(picture: Image.Image) -> dict[str, Any]:
    """The Photo's value: the picture, and a frame around what the network gets."""
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) / 2 / width, (height - side) / 2 / height
    small = picture.copy()
    small.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
    return {
        "src": data_url(np.asarray(small)),
        "size": [width, height],
        "crop": [left, top, 1 - left, 1 - top],
    }


def _file(name: str, content: bytes) -> str:
    path = Path(tempfile.mkdtemp(prefix="dl-")) / name
    path.write_bytes(content)
    return str(path)
