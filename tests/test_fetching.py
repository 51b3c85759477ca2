"""What a tab offers where a pretrained model is missing, asked without a browser."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from demos.kit import fetching
from demos.kit.fetching import Offer, offered
from demos.kit.language import LANGUAGES, section
from dlcore import pretrained, pretrained_shared
from dlcore.pretrained import MODELS, Url, Wheel
from dlcore.pretrained_terminal import _MEND
from tests.loopback import Fault, Loopback, loopback
from tests.sample_store import WEIGHT, published, sample

BIG = "/models/weight.bin"
ANNA: Any = SimpleNamespace(session_hash="anna")
BINH: Any = SimpleNamespace(session_hash="binh")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """The sample on this machine's server, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(pretrained, "cache_dir", lambda: tmp_path / "dlcore")
    with loopback() as host:
        host.files[BIG] = WEIGHT
        source = Url(host.url + BIG, published("weight.bin", WEIGHT))
        made = sample(source, prepare="tests.sample_store:convert_plain")
        monkeypatch.setitem(MODELS, "sample", made)
        yield host


@pytest.fixture
def offer() -> Offer:
    with gr.Blocks():
        return Offer("gpt", gr.Radio(["bundled", "sample"]))


def test_only_a_model_that_is_not_here_is_offered(host):
    assert offered("efficientnet_lite0") is None  # it ships with the app
    for made_up in ("bundled", "own", "", None, 7, ["sample"], {"sample": 1}):
        assert offered(made_up) is None
    value = offered("sample")
    assert value is not None
    assert (value["state"], value["bytes"]) == ("absent", len(WEIGHT))
    assert value["command"] == "python -m dlcore weights get sample"
    assert str(Path.home()) not in str(value)  # where things lie here is not for visitors


def test_a_fetch_is_seen_from_the_press_to_the_end(host, offer):
    values = list(offer._fetch("sample", request=ANNA))
    states = [value["state"] for value in values]
    assert states[0] == "asked" and states[-1] == "here"
    assert set(states[1:-1]) == {"arriving"}
    assert {value["stage"] for value in values[1:-1]} >= {"convert"}
    assert list(offer._fetch("sample", request=ANNA)) == [None]  # there is nothing left to fetch
    assert offer._look("sample", request=ANNA) is None


def test_a_stop_ends_ones_own_watching_only(host, offer):
    host.faults[BIG] = [Fault("wait", after=200_000)]
    anna, binh = (offer._fetch("sample", request=who) for who in (ANNA, BINH))
    for watching in (anna, binh):
        next(value for value in watching if value.get("done"))
    assert offer._look("bundled", request=ANNA) == gr.skip()  # what is on its way stays in sight
    offer._stop(ANNA)
    assert [value["state"] for value in anna][-1] == "stopped"
    assert offer._look("bundled", request=ANNA) is None
    host.go_on.set()
    assert [value["state"] for value in binh][-1] == "here"
    assert len(host.ranges(BIG)) == 1
    offer._stop(ANNA)  # nothing runs, and nothing happens


def test_a_page_promises_to_go_on_only_where_something_is_kept(host, offer, monkeypatch, tmp_path):
    content = host.add_wheel("sample-model", "1.0", {"data/weight.bin": WEIGHT})
    wheel = published("sample_model-1.0-py3-none-any.whl", content)
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nindex-url = {host.url}/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    through_pip = Wheel("sample-model", "1.0", wheel, ("data/weight.bin",), len(WEIGHT))
    for source, path, kept in (
        (MODELS["sample"].sources[0], BIG, True),
        (through_pip, f"/files/{wheel.name}", False),
    ):
        monkeypatch.setitem(MODELS, "sample", sample(source))
        host.faults[path] = [Fault("wait", after=450_000)]  # pip takes it in pieces of 256 KB
        watching = offer._fetch("sample", request=ANNA)
        next(value for value in watching if value.get("done"))
        offer._stop(ANNA)
        *_, last = watching
        assert (last["state"], last["kept"]) == ("stopped", kept)
        for reason, told in (("cut", {"kept": kept}), ("not_found", {})):
            failed = fetching._failed(offered("sample"), pretrained.StoreError(reason, "said"))
            assert {name: failed[name] for name in ("kept",) if name in failed} == told


def test_a_closed_page_ends_its_fetch(host, offer):
    host.faults[BIG] = [Fault("wait", after=200_000)]
    watching = offer._fetch("sample", request=ANNA)
    next(value for value in watching if value.get("done"))
    process = pretrained_shared._running["sample"]._process
    watching.close()
    assert process.wait(60) is not None and "sample" not in pretrained_shared._running


def test_a_fault_is_shown_with_what_its_words_need(host, offer):
    host.faults[BIG] = [Fault("status", status=429, retry_after="9999")]
    *_, last = offer._fetch("sample", request=ANNA)
    assert (last["state"], last["fault"]) == ("failed", "busy")
    assert last["values"]["title"] == "Sample" and last["command"]
    assert offer._catch_up("sample", last) == gr.skip()
    assert offer._catch_up("bundled", last) is None  # another was chosen meanwhile


def test_every_fault_has_words_and_they_take_the_values_that_come() -> None:
    reasons = {*pretrained._TELLING, "no_space", "convert", "died"}
    assert set(_MEND) == reasons - {"died"}  # in a terminal there is one process only
    known = {"title", "source", "seconds", "wanted", "free"}
    for lang in LANGUAGES:
        words = section("kit.fetch.faults", lang)
        assert set(words) == reasons
        for text in words.values():
            assert text.format(**dict.fromkeys(known, "x"))
