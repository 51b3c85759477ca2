"""The VAE tab without a browser: what may be asked, what is shown, what a training sends."""

import base64
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from gradio.utils import diff
from torch import Tensor

from demos import vae_handlers as on
from demos import vae_views as views
from demos.kit.errors import UserError
from demos.kit.language import LANGUAGES, section
from demos.kit.run import Run
from demos.kit.script import standalone
from demos.kit.training import _news
from demos.vae_compare import CELLS, COMPARES, Measure, count, entries_of, epochs_of, show
from demos.vae_state import (
    MODELS,
    SAMPLES,
    STEPS,
    Overlay,
    Trained,
    changed,
    path_of,
    point_of,
    trained,
    what_it_gets,
)
from demos.widgets.drawing_pad import DrawingPad, drawn
from demos.widgets.line_chart import chart_run
from dlcore import vae
from dlcore.checkpoint import load, to_bytes
from dlcore.data.mnist import load_mnist
from dlcore.progress import Progress
from dlcore.quality import read
from dlcore.settings import SettingError
from dlcore.vae_holes import Holes
from dlcore.vae_plane import Watcher

TINY = vae.Config(hidden="256,128", epochs=1, train_share=0.01, batch_size=50, precision="float32")
MOST_SENT = 5_000_000  # bytes in two minutes of training


@pytest.fixture(scope="module")
def events() -> list[Progress]:
    """A training of twelve steps, each of which is looked at."""
    model, data = vae.build(TINY), load_mnist()
    watcher = Watcher(model, data.test_images, data.test_labels)
    return [
        dataclasses.replace(event, snapshot=watcher.take(event.step, keep=event.step % 5 == 0))
        for event in vae.train(model, data, TINY)
    ]


@pytest.fixture(scope="module")
def model(events: list[Progress]) -> vae.VAE:
    return next(vae.restore(e.snapshot.state, TINY) for e in events if e.snapshot.state)


@pytest.fixture(scope="module")
def own(model: vae.VAE) -> Trained:
    return Trained(model, TINY)


@pytest.fixture
def image() -> Tensor:
    return load_mnist().test_images[3] / 255


def pixels(packed: dict[str, Any]) -> np.ndarray:
    data = np.frombuffer(bytearray(base64.b64decode(packed["data"])), packed["dtype"])
    return data.reshape(packed["shape"])


class Event:
    """What a click carries."""

    def __init__(self, data: Any) -> None:
        self._data = data


# What may be asked


@pytest.mark.parametrize(
    "data",
    [None, "x", [1], {}, {"x": 1}, {"x": None, "y": 0}, {"x": "1", "y": 2}, {"x": True, "y": 0},
     {"x": float("nan"), "y": 0}, {"x": 0, "y": float("inf")}, {"x": 10**400, "y": 0}],
)  # fmt: skip
def test_a_place_is_two_finite_numbers(data: Any) -> None:
    with pytest.raises(UserError):
        point_of(data)
    with pytest.raises(UserError):
        path_of({"from": [0, 0], "to": data})
    assert point_of({"x": 1, "y": -2.5}) == (1.0, -2.5)


@pytest.mark.parametrize("which", [None, 2, "3", [], "autoencoder", "../2"])
def test_only_the_models_on_offer_answer(which: Any, own: Trained) -> None:
    with pytest.raises(UserError, match="unknown_model"):
        MODELS.named(which, own)
    with pytest.raises(UserError, match="train_first"):
        MODELS.named("yours", None)
    assert MODELS.named("yours", own) is own.model


@pytest.mark.parametrize("value", [None, 0, 31, 2.5, True, "3", float("nan"), float("inf")])
def test_epochs_of_a_comparison_are_bounded(value: Any) -> None:
    with pytest.raises(SettingError):
        epochs_of(value)
    assert epochs_of(3.0) == 3


# Explore


def test_what_is_drawn_under_the_pointer_is_decoded_there(own: Trained) -> None:
    view = views.view_of(own.model)
    event: Any = Event({"x": 0.7 * view.span, "y": -0.2 * view.span})
    overlay, value = on.point("yours", own, Overlay(), event)
    place = torch.tensor([[0.7, -0.2]]) * view.span
    expected = own.model.decode(view.plane.to_latent(place))[0]
    assert np.abs(pixels(value["picture"]) / 255 - expected.numpy()).max() < 0.51 / 255
    assert overlay.pointer is not None
    assert value["pointer"] == {"x": overlay.pointer[0], "y": overlay.pointer[1]}
    assert len(json.dumps(value)) < 1_300  # it is sent whenever the hand moves


def test_a_place_past_the_edge_is_brought_back(own: Trained) -> None:
    span = views.view_of(own.model).span
    far: Any = [(1e6, -1e6), (span, -span)]
    assert torch.equal(*views.view_of(own.model).codes(far))


def test_a_path_begins_and_ends_where_it_was_drawn(own: Trained) -> None:
    event: Any = Event({"from": [-1, 0.5], "to": [1, 1]})
    overlay, plane, steps = on.follow("yours", own, Overlay(), event)
    shown = pixels(steps["images"])
    assert len(shown) == STEPS and plane["path"] == [[-1.0, 0.5], [1.0, 1.0]]
    assert overlay.path is not None
    for place, picture in zip(overlay.path, (shown[0], shown[-1]), strict=True):
        expected = vae.pictures(own.model, views.view_of(own.model).codes([place]))[0]
        assert np.abs(picture / 255 - expected.numpy()).max() < 0.51 / 255
    digits, chances = read(shown)
    for caption, digit, chance in zip(steps["captions"], digits, chances.max(axis=1), strict=True):
        assert caption == f"{digit}: {100 * chance:.0f} %"


@pytest.mark.parametrize("dims", [1, 2, 20])
def test_the_ellipse_is_the_shadow_of_the_posterior(dims: int) -> None:
    rng = np.random.default_rng(dims)
    codes = torch.from_numpy(rng.normal(size=(200, dims)).astype(np.float32))
    plane = vae.find_plane(codes)
    mu, sigma = rng.normal(size=(2, dims)).astype(np.float32)
    cloud = vae.Posterior(mu, np.abs(sigma) + 0.1)
    shadow = plane.to_plane(vae.draw(cloud, 50_000)).numpy()
    found = views.ellipse(plane, cloud)
    assert [found["x"], found["y"]] == pytest.approx(shadow.mean(axis=0).tolist(), abs=0.03)
    turn = np.array([[np.cos(found["angle"]), -np.sin(found["angle"])],
                     [np.sin(found["angle"]), np.cos(found["angle"])]])  # fmt: skip
    drawn_as = turn @ np.diag([found["sx"] ** 2, found["sy"] ** 2]) @ turn.T
    assert np.allclose(drawn_as, np.cov(shadow.T), atol=0.05)


def test_a_drawing_is_taken_apart(own: Trained, image: Tensor) -> None:
    pictures, cost = views.drawn(own.model, image, Overlay())
    assert pictures is not None
    shown, cloud = pixels(pictures["images"]), vae.posterior(own.model, image)
    assert len(shown) == len(pictures["captions"]) == 2 + SAMPLES
    assert np.array_equal(shown[0], (image * 255).round().numpy())
    mean = vae.pictures(own.model, torch.from_numpy(cloud.mu)[None])[0]
    assert np.abs(shown[1] / 255 - mean.numpy()).max() < 0.51 / 255
    [bars] = cost["series"]
    terms = vae.elbo(own.model, image)
    assert bars["values"] == pytest.approx([terms.reconstruction, terms.kl, terms.loss], abs=0.051)


def test_other_samples_are_other_ones_of_the_same_cloud(own: Trained, image: Tensor) -> None:
    first, (second, again) = Overlay(), on.resample(Overlay(), 3)
    assert again == 4, "a change that has the page ask for them"
    planes = [views.plane(own.model, overlay, image) for overlay in (first, first, second)]
    assert planes[0] == planes[1]
    assert planes[0]["samples"] != planes[2]["samples"]
    assert planes[0]["ellipse"] == planes[2]["ellipse"]


def test_an_empty_pad_shows_the_plane_and_nothing_else(own: Trained) -> None:
    came = gr.EventData(None, None)
    plane, pictures, cost, steps, _ = on.explore("", "yours", own, Overlay(), "", came)
    assert plane["frames"] and plane["ellipse"] is plane["samples"] is plane["path"] is None
    assert steps is None and pictures is None and cost["series"] == []


def test_the_pen_is_sent_a_plane_only_where_the_page_has_another(own: Trained) -> None:
    with gr.Blocks():
        pen = gr.EventData(DrawingPad(), None)
    came = gr.EventData(None, None)
    first, *_, shown = on.explore("", "yours", own, Overlay(), "", pen)
    again, *_ = on.explore("", "yours", own, Overlay(), shown, pen)
    assert first["labels"] and "labels" not in again and first["run"] == again["run"] == shown
    other, *_ = on.explore("", "2", own, Overlay(), shown, pen)
    assert other["labels"] and other["run"] != shown
    assert on.explore("", "yours", own, Overlay(), shown, came)[0]["labels"], "a page may be new"


def test_a_loaded_test_image_reaches_the_encoder_as_it_is() -> None:
    pad, overlay = on.load_random(Overlay())
    assert overlay.loaded is not None
    got = what_it_gets(pad["pixels"], overlay)
    assert got is not None and torch.equal(got, load_mnist().test_images[overlay.loaded[1]] / 255)
    assert what_it_gets("", overlay) is None
    assert what_it_gets(pad["pixels"], changed(overlay, loaded=None)) is not None


def test_the_stranger_is_a_drawing() -> None:
    ink = drawn(views.stranger()["pixels"])
    assert 0.02 < ink.mean() < 0.3


# Training


def followed(events: list[Progress]) -> Iterator[tuple[Run, dict[str, Any]]]:
    """What the page is told of a run, event by event."""
    run = Run(TINY)
    for event in events:
        run.add(event)
        yield run, {"plane": views.live(run), "pairs": views.pairs(run)}


def test_a_moment_is_recorded_once(events: list[Progress]) -> None:
    silent = [dataclasses.replace(event, snapshot=None, step=100 + event.step) for event in events]
    *_, (_, shown) = followed([*events, *silent])
    steps = [frame["step"] for frame in shown["plane"]["frames"]]
    assert sorted(steps) == [event.step for event in events]


def test_a_frame_shows_the_moment_it_was_taken(events: list[Progress]) -> None:
    (_, shown), *_ = followed(events)
    [frame] = shown["plane"]["frames"]
    first = events[0].snapshot
    assert frame["span"] == first.span
    assert np.array_equal(pixels(frame["means"]), first.means)
    assert frame["manifold"]["count"] == 100


def test_a_stopped_run_leaves_its_newest_weights(events: list[Progress]) -> None:
    *_, (run, _) = followed(events[:-1])  # the last event with weights never came
    assert run.snapshot.state is None
    kept = trained(run)
    assert kept is not None
    newest = [event.snapshot.state for event in events[:-1] if event.snapshot.state][-1]
    state = kept.model.state_dict()
    assert all(np.array_equal(state[name], value) for name, value in newest.items())
    assert trained(Run(TINY)) is None


def test_the_weights_file_is_the_model(events: list[Progress], tmp_path: Path) -> None:
    *_, (run, _) = followed(events)
    path = tmp_path / "vae.safetensors"
    path.write_bytes(to_bytes(run.kept.state, topic="vae", config=TINY, metrics=run.metrics()))
    checkpoint = load(path, topic="vae")
    model = vae.restore(checkpoint.state, vae.Config(**checkpoint.config))
    kept = trained(run)
    assert kept is not None
    assert all(map(torch.equal, model.parameters(), kept.model.parameters()))


def test_two_minutes_of_training_send_less_than_five_megabytes(
    events: list[Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At six moments a second, with everything else the page hears of a run, after Gradio's diff.

    The moments are a real training's, over and over; each is only made once, to save time.
    """
    ready = {event.step: views._moment(event.snapshot) for event in events}
    steps = {id(event.snapshot): event.step for event in events}
    origin: dict[int, int] = {}
    monkeypatch.setattr(
        views, "_moment", lambda snapshot: {**ready[origin[snapshot.step]], "step": snapshot.step}
    )
    run, shown, sent, count = Run(TINY), dict[str, Any](), 0, 6 * 120
    before: dict[str, Any] = {}
    for step in range(1, count + 1):
        event = events[step % len(events)]
        origin[step] = steps[id(event.snapshot)]
        state = event.snapshot.state if step % 6 == 0 else None
        snapshot = dataclasses.replace(event.snapshot, step=step, state=state)
        run.add(Progress(step, count, event.metrics, snapshot if step % 4 else None))
        curves = chart_run(run.id, run.curves(), settings=dataclasses.asdict(TINY), live=True)
        told = {
            "live": views.live(run),
            "pairs": views.pairs(run),
            "chart": {"runs": [curves]},
            "timeline": {"run": run.id, "steps": run.steps()},
            "status": {"step": step, "total": count, "metrics": run.metrics()},
        }
        outputs = {**dict.fromkeys(told, gr.skip()), **_news(told, shown)}
        sent += sum(len(json.dumps(diff(before.get(k), v))) for k, v in outputs.items())
        before = outputs
    print(f"{sent / 1e6:.2f} MB in two minutes")
    assert sent < MOST_SENT


def test_even_noise_is_a_small_picture(events: list[Progress]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 14, 14), dtype=np.uint8)
    snapshot = dataclasses.replace(events[0].snapshot, manifold=noise)
    assert len(views._moment(snapshot)["manifold"]["sheet"]) < 5_000


# Compare


@pytest.mark.parametrize("kind", COMPARES)
def test_what_is_compared_differs_in_one_thing(kind: str) -> None:
    entries = entries_of(kind)
    assert 2 <= len(entries) <= CELLS
    changed_names = [set(entry.changes) for entry in entries]
    differing = [
        name
        for name in set.union(*changed_names)
        if len({entry.changes.get(name) for entry in entries}) > 1
    ]
    assert len(differing) == 1
    for entry in entries:
        dataclasses.replace(vae.Config(), **entry.changes)
        for lang in LANGUAGES:
            assert entry.name in section("vae.cells", lang)


@pytest.mark.parametrize("kind", [None, 3, "", "x", ["beta"], {}])
def test_only_the_comparisons_on_offer_are_made(kind: Any) -> None:
    with pytest.raises(UserError):
        show(kind)
    with pytest.raises(UserError):
        next(count(kind, visitor()))


def test_a_page_that_asks_for_another_comparison_hears_no_more_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = Measure(dict.fromkeys(views.TERMS, 0.0), Holes(0, 0))
    monkeypatch.setattr("demos.vae_compare._shipped", lambda file: nothing)
    first, other = count("beta", visitor()), count("beta", visitor("other"))
    assert next(first) and next(other)
    assert next(count("sizes", visitor()))
    assert list(first) == []
    assert len(list(other)) == len(entries_of("beta")) - 1


def visitor(session: str = "mine") -> Any:
    return SimpleNamespace(session_hash=session)


# The run as a script


def test_the_script_runs_alone_and_ends_as_the_page_did(tmp_path: Path) -> None:
    config = dataclasses.replace(TINY, train_share=0.02)
    *_, last = vae.job(config)
    script = tmp_path / "vae.py"
    script.write_text(standalone(vae, config, threads=torch.get_num_threads()), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", str(script)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name, value in last.metrics.items():
        assert f"{name} = {value!r}" in done.stdout
