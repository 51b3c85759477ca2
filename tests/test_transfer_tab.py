"""The transfer tab without a browser: what may be asked, what is shown, what the script repeats."""

import ast
import base64
import dataclasses
import gc
import io
import json
import re
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from demos import transfer_views as views
from demos.kit.asking import Asking
from demos.kit.errors import UserError
from demos.kit.language import LANGUAGES, section
from demos.kit.run import Run
from demos.kit.script import standalone
from demos.transfer_handlers import STUDY_S
from demos.transfer_state import (
    Own,
    Trained,
    acted,
    job_arguments,
    needed,
    script_call,
    shown,
    trained,
    weights_file,
    whole,
)
from demos.widgets.picture_classes import SHOWN, decoded
from dlcore import transfer
from dlcore.jobs import JobError
from dlcore.transfer_pictures import PicturesError
from dlcore.transfer_race import Lane, Standings
from dlcore.transfer_study import Map, map_of
from tests.serving import ROOT

CONFIG = transfer.Config(data="own", epochs=2, batch_size=4)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sent(colour: tuple[int, int, int], kind: str = "JPEG") -> str:
    """A picture as the page sends it."""
    rng = np.random.default_rng(sum(colour))
    noise = rng.integers(0, 40, (224, 224, 3)) + np.array(colour)
    file = io.BytesIO()
    Image.fromarray(noise.astype(np.uint8)).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def filled(count: int = 4) -> Own:
    own: Own = {}
    for name, base in (("đỏ", (180, 20, 20)), ("blue", (20, 20, 180))):
        pictures = [sent((base[0] + n, base[1], base[2])) for n in range(count)]
        own = acted(own, {"do": "add", "name": name, "pictures": pictures})
    return own


@pytest.fixture(scope="module")
def run() -> Run:
    """A finished run on one's own pictures."""
    made = Run(CONFIG, job_arguments(CONFIG, filled(), None))
    for event in transfer.job(*made.arguments):
        made.add(event)
    made.finish("done")
    return made


@pytest.fixture(scope="module")
def kept(run: Run) -> Trained:
    return needed(trained(run))


# --- Classes -------------------------------------------------------------------------------------


def test_classes_are_filled_renamed_and_emptied() -> None:
    own = filled(3)
    assert {name: len(files) for name, files in own.items()} == {"đỏ": 3, "blue": 3}
    own = acted(own, {"do": "rename", "name": "đỏ", "to": "red"})
    assert list(own) == ["red", "blue"], "it stays in its place"
    second = own["red"][1]
    own = acted(own, {"do": "drop", "name": "red", "index": 0})
    assert own["red"][0] == second and len(own["red"]) == 2
    own = acted(own, {"do": "class", "name": "empty"})
    assert own["empty"] == ()
    assert list(acted(own, {"do": "remove", "name": "red"})) == ["blue", "empty"]
    assert acted(own, {"do": "clear"}) == {}


@pytest.mark.parametrize(
    "data",
    [
        None, 7, {}, {"do": "add"}, {"do": "add", "name": 3, "pictures": []},
        {"do": "add", "name": "a", "pictures": "x"}, {"do": "add", "name": "a", "pictures": [None]},
        {"do": "add", "name": "a", "pictures": ["é"]},
        {"do": "add", "name": "a", "pictures": ["AAAA"]},
        {"do": "add", "name": "a", "pictures": [""]},
        {"do": "add", "name": "a", "pictures": ["A" * 500_000]},
        {"do": "add", "name": "a", "pictures": ["x"] * 51},
        {"do": "class", "name": ""}, {"do": "class", "name": "\x00"},
        {"do": "rename", "name": "đỏ", "to": None}, {"do": "rename", "name": "none", "to": "b"},
        {"do": "rename", "name": "đỏ", "to": "blue"}, {"do": "drop", "name": "đỏ", "index": -1},
        {"do": "drop", "name": "đỏ", "index": 99}, {"do": "drop", "name": "đỏ", "index": 0.0},
        {"do": "explode", "name": "a"},
    ],
)  # fmt: skip
def test_whatever_a_page_sends_is_refused_with_words(data: Any) -> None:
    own: Own = {"đỏ": (b"x", b"y"), "blue": (b"z",)}
    with pytest.raises((UserError, PicturesError)) as told:
        acted(own, data)
    key = str(vars(told.value)["key"]).removeprefix("transfer.errors.")
    for lang in LANGUAGES:
        assert key in section("transfer.errors", lang)
    assert own == {"đỏ": (b"x", b"y"), "blue": (b"z",)}


def test_every_fault_of_pictures_and_settings_has_words() -> None:
    files = sorted((ROOT / "dlcore").glob("transfer*.py"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    keys = {line.split('"')[1] for line in lines if re.search(r'(Pictures|Transfer)Error\("', line)}
    assert len(keys) > 10
    for lang in LANGUAGES:
        assert keys <= set(section("transfer.errors", lang)), lang


def test_a_card_shows_its_newest_pictures_in_few_bytes() -> None:
    own = {"a": filled(2)["đỏ"] * 10, "b": ()}
    value = shown(own)
    first, second = value["classes"]
    assert (first["count"], second["count"], second["sheet"]) == (20, 0, "")
    with Image.open(io.BytesIO(base64.b64decode(first["sheet"].split(",")[1]))) as sheet:
        assert sheet.size == (44 * SHOWN, 44)
    assert len(json.dumps(value)) < 30_000


def test_what_is_no_picture_is_not_decoded() -> None:
    for text in (None, 3, "A" * 500_000, "!"):
        with pytest.raises(ValueError):
            decoded(text)
    for data in (None, {"index": True}, {"index": 4}, {"index": -1}, {"index": 1.0}):
        with pytest.raises(UserError):
            whole(data, "index", 4)


# --- A run ---------------------------------------------------------------------------------------


def test_a_base_that_is_not_here_is_named_with_what_fetches_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("demos.transfer_state.pretrained.find", lambda _: None)
    with pytest.raises(UserError) as told:
        weights_file(transfer.Config(base="vgg16"))
    assert told.value.values == {"title": "VGG16", "name": "vgg16"}
    assert weights_file(transfer.Config(way="scratch")) == ""


def test_what_is_kept_answers_as_it_did_in_training(run: Run, kept: Trained) -> None:
    images, labels = kept.pictures.part(held=True)
    found = transfer.judge(transfer.scores(kept.classifier.model, images), labels)
    assert kept.evaluation is not None
    assert np.array_equal(found.answers, kept.evaluation.answers)
    assert np.allclose(found.sure, kept.evaluation.sure, atol=1e-6)
    assert kept.classifier.names == ("đỏ", "blue")
    assert trained(Run(CONFIG)) is None


def test_an_answer_comes_with_the_picture_it_is_most_like(kept: Trained) -> None:
    learnt = kept.learnt
    bars, alike = views.answer(kept, Image.fromarray(learnt[1]))
    shares = bars["series"][0]["values"]
    assert bars["labels"] == ["đỏ", "blue"] and sum(shares) == pytest.approx(1)
    assert alike["captions"][:2] == ["this", f"{kept.pictures.names[0]}  1.00"]
    images, _ = kept.pictures.part(held=False)
    torch.testing.assert_close(kept.features, transfer.read(kept.classifier.model, images))
    assert kept.features is kept.features, "asked once"


def test_what_a_run_says_is_counted(run: Run, kept: Trained) -> None:
    items = {item["key"]: item["values"] for item in views.findings(kept, run)["items"]}
    assert items["accuracy"]["held"] == 2 and items["accuracy"]["learnt"] == 6
    assert items["frozen"]["trained"] == {"count": 2 * 1281}
    assert items["few_tested"] == {"held": 2}
    matrix = views.confusion(run)
    assert matrix["rows"] == matrix["columns"] == ["đỏ", "blue"]
    assert [frame["step"] for frame in matrix["frames"]] == [2, 4]
    for way in transfer.WAYS:
        for lang in LANGUAGES:
            assert way in section("transfer.findings", lang)
            assert way in section("transfer.race.lines", lang)


def test_what_a_network_knows_goes_with_it(run: Run) -> None:
    """Nothing else holds a network: when a session forgets it, its memory is free."""
    one = needed(trained(run))
    views.answer(one, Image.fromarray(one.learnt[0]))
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None


def test_a_question_may_take_as_long_as_its_asker_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    class Silent(list[Any]):
        def close(self) -> None: ...

    def pretended(*_: Any, budget_s: float) -> Silent:
        seen.append(budget_s)
        return Silent()

    monkeypatch.setattr("demos.kit.asking.stream", pretended)
    for asking in (Asking(map_of), Asking(map_of, budget_s=STUDY_S)):
        with pytest.raises(JobError):
            list(asking)
    assert seen[0] < seen[1] == STUDY_S


def test_a_worker_is_sent_only_features_of_its_base(run: Run) -> None:
    known = run.kept.features
    assert job_arguments(CONFIG, {}, known)[2] is known
    assert job_arguments(dataclasses.replace(CONFIG, cut=1), {}, known)[2] is None


def test_a_page_that_hears_the_last_step_only_sees_all_epochs(run: Run) -> None:
    """A head learns faster than a worker may speak."""
    *_, last = transfer.job(*run.arguments)
    late = Run(CONFIG, run.arguments)
    late.add(last)
    assert late.steps() == [2, 4]
    assert late.curves()["test_loss"] == run.curves()["test_loss"]
    assert late.curves()["loss"] == run.curves()["loss"][1::2]


def test_the_map_names_its_planes(run: Run, kept: Trained) -> None:
    config, own, known, weights = kept.arguments
    *_, end = map_of(config, kept.state, own, run.kept.features, weights)
    assert isinstance(end.snapshot, Map)
    value = views.classes_on_map(end.snapshot, kept)
    for way in transfer.WAYS:
        other = dataclasses.replace(kept, config=dataclasses.replace(config, way=way))
        for title in views.classes_on_map(end.snapshot, other)["titles"]:
            assert all(title in section("transfer.map", lang) for lang in LANGUAGES)
    assert value["classes"] == ["đỏ", "blue"] and len(value["frames"][0]["planes"]) == 3


def test_the_race_is_drawn_as_it_stands() -> None:
    lanes = (
        Lane("frozen", 2, 2, 0.5, ((0.4, 0.9), (0.5, 1.0)), 100, 1000, 2_000_000, {"head": 0.5}),
        Lane("tuned", 1, 2, 0.7, (), 600, 1000, 9_000_000, {}),
    )
    why = {"title": "VGG16", "millions": 138, "most": 40}
    standings = Standings(3, lanes, {"scratch": why})
    assert list(views.lanes(standings)["runs"][0]["curves"]) == ["frozen"]
    lines = {item["key"]: item["values"] for item in views.table(standings)["items"]}
    assert lines["frozen"]["accuracy"] == {"percent": 1.0} and lines["tuned"]["accuracy"] == "–"
    assert lines["scratch_skipped"] == why
    for lang in LANGUAGES:
        for way in ("tuned", "scratch"):
            words = section("transfer.race.lines", lang)[f"{way}_skipped"]
            assert "138" in words.format(**why) and "VGG16" in words.format(**why)
    assert lines["tuned"]["share"] == {"percent": 0.6} and lines["tuned"]["memory"] == 9


def test_the_script_runs_alone_and_ends_as_the_page_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Base and photographs are in it; fewer test crops here, to save time."""
    config = transfer.Config(per_class=1, epochs=2)
    run = Run(config, job_arguments(config, {}, None))
    monkeypatch.setattr("dlcore.transfer_pictures.TEST_CROPS", 2)
    for event in transfer.job(*run.arguments):
        run.add(event)
    setup, call = script_call(run)
    setup = 'globals()["TEST_CROPS"] = 2\n' + setup
    script = tmp_path / "transfer.py"
    text = standalone(transfer, config, threads=1, call=call, setup=setup)
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", str(script)], cwd=tmp_path, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    for name, value in run.metrics().items():
        assert f"{name} = {value!r}" in done.stdout


def test_a_script_carries_ones_own_pictures(run: Run) -> None:
    setup, call = script_call(run)
    line = next(one for one in setup.splitlines() if one.startswith("own = "))
    assert ast.literal_eval(line.removeprefix("own = ")) == run.arguments[1]
    assert "efficientnet_lite0.safetensors" in setup and "brick" not in setup
    assert call == "job(config, own, None, weights)"
    scratch = dataclasses.replace(CONFIG, way="scratch")
    assert len(script_call(Run(scratch, (scratch, {}, None, "")))[0]) < 1_000
