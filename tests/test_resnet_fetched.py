"""The image-classification tab with a network that had to be fetched first: offered while it is not
here, and asked like the bundled one as soon as it is.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import torch

from demos import resnet_handlers as on
from demos import resnet_state as state
from demos.resnet_layout import Layout
from demos.resnet_views import named
from dlcore import pretrained, resnet, resnet_why
from dlcore.checkpoint import save
from dlcore.progress import Progress

ANNA: Any = SimpleNamespace(session_hash="anna")
CONFIG = resnet.Config(network="resnet50", preparation="squash")
QUICK = resnet_why.WhyConfig(samples=1, steps=2, window=112, shares=4)


class _Here:
    """A job in this process, as `stream` gives it."""

    def __init__(self, job: Any, *arguments: Any, budget_s: float) -> None:
        self._events, self.ended = job(*arguments), "done"

    def __iter__(self) -> Iterator[Progress]:
        return iter(self._events)

    def close(self) -> None:
        self._events.close()


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one_thread: None) -> Iterator[None]:
    """A ResNet50 that has learned nothing. One block a stage makes a third of the work."""
    thinner = tuple((channels, 1, stride) for channels, _, stride in resnet._RESNET50)
    monkeypatch.setattr(resnet, "_RESNET50", thinner)
    torch.manual_seed(0)
    path, there = tmp_path / "resnet50.safetensors", pretrained.find
    save(path, resnet.ResNet50(), topic="resnet50", config={"labels": 1000}, metrics={})
    for module in (state, resnet_why):
        monkeypatch.setattr(module, "find", lambda n: path if n == "resnet50" else there(n))
    monkeypatch.setattr(on, "stream", _Here)
    state._load.cache_clear()
    yield
    state._load.cache_clear()  # whoever runs the tests may have the real one


def test_a_network_that_is_not_here_is_offered_on_the_tab(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pretrained, "cache_dir", lambda: tmp_path)
    with gr.Blocks():
        tab = Layout("resnet")
    assert tab.offer.widget.elem_id == "resnet-fetch" and tab.offer.chosen is tab.which
    assert {value for _, value in tab.which.choices} == {*resnet.NETWORKS}
    for name in ("resnet50", "vgg16"):
        value = tab.offer._look(name, request=ANNA)
        assert (value["state"], value["name"]) == ("absent", name)
        assert value["title"] == resnet.NETWORKS[name].title and value["bytes"] > 100_000_000
    assert tab.offer._look(state.BUNDLED, request=ANNA) is None


@pytest.mark.usefixtures("fetched")
def test_a_fetched_network_is_read_explained_and_forgets() -> None:
    cat = state.example("chelsea")
    shown, _, _, top, notes, record, _ = on.predict(None, "", cat, CONFIG)
    assert record.config == CONFIG and len(top["items"]) == CONFIG.top
    assert [one["key"] for one in notes["items"]][0] == "answered"  # nobody stands in
    own = top["items"][0]["id"]
    *_, last = on.explain(shown, -1, -1, "stage3", False, CONFIG, QUICK, "page")
    cards = last[4]["cards"]
    assert last[3]["state"] == "done" and all("curves" in card for card in cards)
    assert [layer["name"] for layer in cards[0]["layers"]] == [
        "stem", "stage1", "stage2", "stage3", "stage4",
    ]  # fmt: skip
    assert cards[0]["layer"] == "stage3" and cards[0]["values"]["label"] == named(own)
    *_, last = on.randomise(shown, own, -1, "", "grad_cam", CONFIG, "page")
    forgotten = last[4]["cards"]
    assert [card["name"] for card in forgotten] == ["intact", *["forgotten"] * 6]
    assert forgotten[0]["values"]["similarity"] == 1.0
