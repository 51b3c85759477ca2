"""*Compare* on the VAE tab: models that differ in one thing, bundled ones and ones trained now."""

import dataclasses
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import gradio as gr

from demos import vae_views as views
from demos.kit.errors import UserError
from demos.vae_state import MODELS
from demos.widgets.status import status
from dlcore import vae
from dlcore.data.mnist import load_mnist
from dlcore.jobs import stream
from dlcore.settings import SettingError
from dlcore.vae_holes import Holes

MOST_EPOCHS = 30
_TELL_EVERY_S = 0.5


@dataclass(frozen=True)
class Entry:
    """One of the models compared: what it changes in the settings, and which file ships it."""

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""


def _beta(beta: float) -> Entry:
    name = f"beta={beta:g}"
    return Entry(name.replace(".", "_"), {"beta": beta}, name)  # a dot would part a key of words


def _size(size: int) -> Entry:
    return Entry(f"size={size}", {"latent_dim": size}, str(size) if size in (2, 20) else "")


COMPARES: dict[str, tuple[Entry, ...]] = {
    "autoencoder": (
        Entry("autoencoder", {"model": "autoencoder"}, "autoencoder"),
        Entry("vae", {"model": "vae"}, "2"),
    ),
    "beta": tuple(map(_beta, vae.BETAS)),
    "mistake": (
        Entry("elbo", {"reduction": "elbo"}),
        Entry("tutorial", {"reduction": "tutorial"}),
    ),
    "sizes": tuple(map(_size, (2, 5, 10, 20, 32))),
}
CELLS = max(map(len, COMPARES.values()))


def entries_of(kind: object) -> tuple[Entry, ...]:
    """What is compared. Raises UserError."""
    if not isinstance(kind, str) or kind not in COMPARES:
        raise UserError("vae.errors.unknown_choice")
    return COMPARES[kind]


def epochs_of(value: Any) -> int:
    """How long each model learns. Raises SettingError."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 1 <= value <= MOST_EPOCHS or value != int(value):
        error = SettingError("epochs", value, low=1, high=MOST_EPOCHS)
        error.label = "vae.race_epochs"
        raise error
    return int(value)


# --- Bundled models ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """What is read off a finished model: both terms on the test set, and how full its plane is."""

    terms: Mapping[str, float]
    holes: Holes


@cache
def _shipped(file: str) -> Measure:
    return measure(MODELS.bundled(file))


def measure(model: vae.VAE) -> Measure:
    test = load_mnist().test_images
    return Measure(vae.evaluate(model, test), views.holes_of(model))


def show(kind: Any) -> list[Any]:
    """The bundled ones of this comparison: their planes. Their numbers take longer: `count`."""
    planes = [gr.update(value=_cell(entry), visible=True) for entry in entries_of(kind)]
    return [status("idle"), *_padded(planes), *_numbers({})]


def count(kind: Any, request: gr.Request) -> Iterator[list[Any]]:
    """The numbers of the bundled ones, as they come, until the page asks for another comparison."""
    entries, page = entries_of(kind), request.session_hash or ""
    _asked.pop(page, None)
    _asked[page] = kind
    while len(_asked) > _MOST_PAGES:
        _asked.popitem(last=False)
    found: dict[str, Measure] = {}
    for entry in entries:
        if _is_there(entry):
            found[entry.name] = _shipped(entry.file)
            if _asked.get(page) != kind:
                return
            yield _numbers(found)


_MOST_PAGES = 500
_asked: OrderedDict[str, str] = OrderedDict()  # a page's session -> the comparison it looks at


def _is_there(entry: Entry) -> bool:
    return bool(entry.file) and vae.bundled(entry.file).is_file()


def _cell(entry: Entry) -> dict[str, Any]:
    return (
        views.cell(MODELS.bundled(entry.file), entry.name) if _is_there(entry) else _absent(entry)
    )


def _absent(entry: Entry) -> dict[str, Any]:
    return {"title": entry.name}


def _padded(planes: list[Any]) -> list[Any]:
    hidden = gr.update(value=None, visible=False)
    return [*planes, *[hidden] * (CELLS - len(planes))]


def _numbers(found: Mapping[str, Measure]) -> list[Any]:
    terms = {name: measure.terms for name, measure in found.items()}
    holes = {name: measure.holes for name, measure in found.items()}
    return [views.measured(terms), views.meaning(holes)]


# --- Trained now ---------------------------------------------------------------------------------


def race(base: vae.Config, kind: Any, epochs: Any) -> Iterator[list[Any]]:
    """Train each model of the comparison in turn, from the same seed, and measure it.

    Yields the two buttons, the status line, the planes, and the two charts of numbers.
    """
    entries, base = entries_of(kind), dataclasses.replace(base, epochs=epochs_of(epochs))
    configs = [dataclasses.replace(base, **entry.changes) for entry in entries]
    found: dict[str, Measure] = {}
    keep = [gr.skip()] * CELLS
    empty = [gr.update(value=_absent(entry), visible=True) for entry in entries]
    busy = [gr.update(interactive=False), gr.update(interactive=True)]
    yield [*busy, status("waiting"), *_padded(empty), *_numbers({})]
    began, total, done = time.monotonic(), 0, 0
    for place, (entry, config) in enumerate(zip(entries, configs, strict=True)):
        model = None
        for line, at, plane in _trained(config, entry):
            total, done = at.total * len(entries), place * at.total + at.step
            gone = time.monotonic() - began
            said = status(line, step=done, total=total, elapsed_s=gone, metrics=at.metrics)
            cells = list(keep)
            if isinstance(plane, vae.VAE):
                model, plane = plane, views.cell(plane, entry.name)
            if plane is not None:
                cells[place] = plane
            yield [gr.skip(), gr.skip(), said, *cells, gr.skip(), gr.skip()]
        if model is not None:
            found[entry.name] = measure(model)
            yield [gr.skip(), gr.skip(), gr.skip(), *keep, *_numbers(found)]
    free = [gr.update(interactive=True), gr.update(interactive=False)]
    yield [*free, status("done", step=done, total=total), *keep, gr.skip(), gr.skip()]


def _trained(config: vae.Config, entry: Entry) -> Iterator[tuple[str, Any, Any]]:
    """One training as it goes: its state, the newest Progress, its plane, itself at last."""
    running = stream(vae.job, config, budget_s=300.0)
    told, shown, kept, at = 0.0, None, None, None
    try:
        for at in running:
            shown = at.snapshot or shown
            kept = at.snapshot if at.snapshot is not None and at.snapshot.state else kept
            if time.monotonic() - told >= _TELL_EVERY_S:
                told = time.monotonic()
                plane = None if shown is None else views.moment(shown, entry.name)
                yield ("running" if at.total else "waiting"), at, plane
    finally:
        running.close()
    if at is not None and kept is not None:
        yield "running", at, vae.restore(kept.state, config)
