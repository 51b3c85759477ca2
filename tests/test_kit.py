"""The kit: words, addresses, kept results, records of runs, errors, and the script to take away."""

import ast
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fnmatch import fnmatch
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.state_holder import SessionState

from demos.kit import mended
from demos.kit.errors import UserError, freeing, guard, translated
from demos.kit.keep import Keeper
from demos.kit.language import _Session, preferred, say, section
from demos.kit.permalink import Address
from demos.kit.run import Run
from demos.kit.script import standalone
from demos.kit.shell import App
from dlcore import cnn
from dlcore.data.sheet import TableError
from dlcore.jobs import WorkerDied
from dlcore.progress import Progress
from dlcore.settings import SettingError

A, B = "a" * 32, "b" * 32


def page(session: str = "s", lang: str = "", accepts: str = "") -> Any:
    """What a handler sees of a browser's request."""
    return SimpleNamespace(
        session_hash=session,
        request=object(),
        query_params={"lang": lang} if lang else {},
        headers={"accept-language": accepts},
    )


@pytest.mark.parametrize(
    ("lang", "accepts", "expected"),
    [("vi", "en", "vi"), ("", "vi-VN,vi;q=0.9,en;q=0.8", "vi"), ("xx", "fr,en;q=0.5", "en"),
     ("", "", "en")],
)  # fmt: skip
def test_language_comes_from_the_address_then_from_the_browser(lang, accepts, expected):
    assert preferred(page(lang=lang, accepts=accepts)) == expected


def test_a_session_keeps_its_own_language():
    sessions = _Session()
    sessions.set(page("one"), "vi")
    sessions.set(page("two"), "en")
    assert sessions.get(page("one", accepts="en")) == "vi"
    assert sessions.get(page("two", accepts="vi")) == "en"


def test_words_differ_between_the_languages_and_take_values():
    assert say("kit.train", "vi") != say("kit.train", "en")
    assert "lr" in say("kit.errors.bounds", "en", field="lr", low=0, high=1)
    with pytest.raises(KeyError):
        say("kit.no_such_word", "en")
    assert set(section("kit", "vi")) == set(section("kit", "en"))


def message(fn: Any, *values: Any, accepts: str = "en") -> str:
    with pytest.raises(gr.Error) as caught:
        result = guard(fn)(page(accepts=accepts), *values)
        if hasattr(result, "__next__"):
            list(result)
    return str(caught.value.message)


def test_guard_speaks_the_readers_language_and_names_the_field():
    def handler(value: float) -> None:
        cnn.Config(lr=value)

    english, vietnamese = message(handler, float("nan")), message(handler, 9e9, accepts="vi")
    assert "lr" in english and "number from" in english
    assert "lr" in vietnamese and "phải là số" in vietnamese


def test_guard_hides_the_unforeseen_and_logs_it(caplog):
    def handler() -> None:
        raise RuntimeError("secret detail")

    assert "secret" not in message(handler)
    assert "secret detail" in caplog.text


def test_guard_covers_generators_and_dead_workers():
    def handler():
        yield 1
        raise WorkerDied("worker 3")

    assert message(handler) == say("kit.errors.worker_died", "en")

    def asks():
        raise UserError("kit.errors.train_first")

    assert message(asks) == say("kit.errors.train_first", "en")


def test_buttons_are_free_again_before_a_fault_is_told():
    closed = []

    def work(breaks_at: int) -> Generator[str, None, None]:
        try:
            for number, word in enumerate(("busy", "half", "done")):
                if number == breaks_at:
                    raise WorkerDied("worker 3")
                yield word
        finally:
            closed.append(breaks_at)

    def seen(breaks_at: int) -> list[str]:
        told: list[str] = []
        with suppress(WorkerDied):
            for word in freeing(work(breaks_at), "free"):
                told.append(word)
        return told

    assert seen(9) == ["busy", "half", "done"]
    assert seen(2) == ["busy", "half", "free"] and seen(1) == ["busy", "free"]
    assert seen(0) == [], "nothing was busy yet"
    left = freeing(work(9), "free")
    assert next(left) == "busy"
    left.close()  # the page was closed: nobody to tell, and the work ends at once
    assert closed == [9, 2, 1, 0, 9]


def test_guard_passes_the_request_only_to_those_who_ask():
    def with_request(value: int, request: gr.Request) -> Any:
        return value, request.session_hash

    assert guard(with_request)(page("mine"), 3) == (3, "mine")
    assert guard(lambda value: value + 1)(page(), 3) == 4


_BOX = gr.Textbox(render=False)


@pytest.mark.parametrize(
    ("answer", "unchanged"),
    [
        (lambda value: [value, value], [gr.skip(), gr.skip()]),
        (lambda value: {_BOX: value}, {_BOX: gr.skip()}),
        (lambda value: {"steps": value}, gr.skip()),  # one output, whose value is a dict
        (lambda value: value, gr.skip()),
    ],
)
def test_a_slow_answer_does_not_undo_a_newer_one(answer: Callable[[str], Any], unchanged: Any):
    slow_began, go_on = threading.Event(), threading.Event()

    def handler(value: str) -> Any:
        if value == "slow":
            slow_began.set()
            assert go_on.wait(60)
        return answer(value)

    watched = guard(handler, newest=True)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(watched, page("me"), "slow")
        assert slow_began.wait(60)
        assert watched(page("another"), "theirs") == answer("theirs")
        assert watched(page("me"), "newer") == answer("newer")
        go_on.set()
        assert slow.result(60) == unchanged
    assert watched(page("me"), "last") == answer("last")


def test_kept_results_belong_to_one_browser_and_grow_old():
    keeper = Keeper(most=2)
    keeper.introduce(page("first"), A)
    keeper.introduce(page("other"), B)
    keeper.put(page("first"), "cnn", "model")
    assert keeper.get(page("first"), "cnn") == "model"
    assert keeper.get(page("other"), "cnn") is None
    assert keeper.get(page("stranger"), "cnn") is None
    keeper.introduce(page("reloaded"), A)
    assert keeper.get(page("reloaded"), "cnn") == "model"

    brief = Keeper(lifetime_s=-1.0)
    brief.introduce(page(), A)
    brief.put(page(), "cnn", "model")
    assert brief.get(page(), "cnn") is None


def test_the_oldest_results_go_when_together_they_take_too_much():
    keeper = Keeper(most_bytes=2_500_000)
    keeper.introduce(page("mine"), A)
    for topic in ("cnn", "gan", "vae"):
        keeper.put(page("mine"), topic, {"state": np.zeros(250_000, dtype=np.float32)})
    assert keeper.get(page("mine"), "cnn") is None
    assert keeper.get(page("mine"), "gan") is not None
    assert keeper.get(page("mine"), "vae") is not None


@pytest.mark.parametrize("token", [None, "", "short", "Z" * 32, ["a"] * 32, {"a": 1}, A + "\n"])
def test_a_malformed_id_keeps_nothing(token):
    keeper = Keeper()
    keeper.introduce(page(), token)
    keeper.put(page(), "cnn", "model")
    assert keeper.get(page(), "cnn") is None


def test_an_address_restores_only_valid_values_of_its_own_tab():
    control, other = gr.Number(1e-3), gr.Number(7)
    address = Address()
    address.register("cnn", {"lr": control}, check=lambda n, v: cnn.Config(**{n: v}).lr)
    address.register("perceptron", {"lr": other})

    def restored(**parameters: str) -> tuple[str, list[Any]]:
        return address.restore(parameters, ["perceptron", "cnn"])

    tab, (first, second) = restored(tab="cnn", lr="0.01")
    assert tab == "cnn" and first["value"] == 0.01 and "value" not in second
    for bad in ("NaN", "1e999", "-1", "[1]", "true", "x" * 9_000, "{", "[" * 3_000):
        assert "value" not in restored(tab="cnn", lr=bad)[1][0], bad
    assert restored(tab="no such tab")[0] == restored()[0] == ""


def events(count: int) -> list[Progress]:
    return [Progress(i, count, {"loss": 1 / i}, snapshot={"i": i}) for i in range(1, count + 1)]


def test_a_run_keeps_curves_and_frames_but_only_one_snapshot():
    run = Run(cnn.Config())
    frames: list[dict[str, Any]] = []
    for event in events(5):
        run.add(event)
        frames = run.frames("kernels", lambda snapshot: {"value": snapshot["i"]})
    assert run.curves() == {"loss": [[i, 1 / i] for i in range(1, 6)]}
    assert [(f["step"], f["value"]) for f in frames] == [(i, i) for i in range(1, 6)]
    assert run.snapshot == {"i": 5}
    assert all(event.snapshot is None for event in run.events)


def test_a_long_run_thins_its_frames_and_keeps_the_newest():
    run = Run(cnn.Config())
    run.whole = True
    for event in events(1_000):
        run.add(event)
        frames = run.frames("kernels", lambda snapshot: {})
    assert len(frames) <= 241
    assert frames[-1]["step"] == 1_000
    steps = [frame["step"] for frame in frames]
    assert steps == sorted(steps)


def test_the_script_stands_alone(tmp_path):
    text = standalone(cnn, cnn.TUTORIAL, threads=2)
    tree = ast.parse(text)
    imported = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert not [name for name in imported if name and name.startswith(("dlcore", "demos"))]
    names = [n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
    assert len(names) == len(set(names)), "two modules define the same name"
    assert {"CNN", "train", "fit", "Progress", "main"} <= set(names)
    script = tmp_path / "cnn.py"
    script.write_text(text, encoding="utf-8")
    check = "import runpy; runpy.run_path('cnn.py')"  # defines everything, runs nothing
    subprocess.run([sys.executable, "-c", check], cwd=tmp_path, check=True, timeout=60)


def test_a_run_that_goes_on_keeps_its_name_and_its_points() -> None:
    run = Run(cnn.Config())
    run.add(Progress(1, 2, {"loss": 2.0}, "first"))
    run.finish("stopped")
    longer = run.going_on(cnn.Config(epochs=2), (1, 2))
    longer.add(Progress(2, 4, {"loss": 1.0}))
    assert (longer.id, longer.arguments, longer.snapshot, longer.ended) == (
        run.id,
        (1, 2),
        "first",
        "",
    )
    assert longer.curves() == {"loss": [[1, 2.0], [2, 1.0]]}
    assert run.curves() == {"loss": [[1, 2.0]]} and run.ended == "stopped"


def test_a_script_calls_the_job_as_the_tab_did() -> None:
    text = standalone(
        cnn, cnn.TUTORIAL, threads=2, call="job(config, table)", setup='table = "a\\nb"\n'
    )
    compile(text, "script", "exec")
    assert '    table = "a\\nb"\n' in text and "in job(config, table):" in text


def test_a_refused_setting_is_named_as_the_page_names_it() -> None:
    error = SettingError("lr", 7, low=1e-5, high=0.1)
    error.label = "cnn.settings.lr"
    assert "“Tốc độ học” phải là số từ 0,00001 đến 0,1" in str(translated(error, "vi"))
    assert "from 0.00001 to 0.1" in str(translated(error, "en"))
    assert "“lr”" in str(translated(SettingError("lr", 7, low=0, high=1), "en"))


def test_an_error_that_names_its_words_is_told_with_them() -> None:
    error = TableError("mlp.errors.no_csv", "dataset is csv, but no table was given")
    assert str(translated(error, "vi")) != str(translated(error, "en"))
    assert say("mlp.errors.no_csv", "vi") in str(translated(error, "vi"))


def test_a_visitor_costs_no_description_of_the_page_and_sees_it_all() -> None:
    with App() as app:
        box = gr.Textbox("hello")
        box.change(lambda text: text, box, box)
    visit = SessionState(app)
    assert visit.blocks_config.blocks == app.blocks and visit.blocks_config.fns == app.fns
    assert not any(visit.config_values.values())
    visit._update_value_in_config(box._id, "changed")  # as Gradio does with each answer
    (described,) = [c for c in app.get_config_file()["components"] if c["id"] == box._id]
    assert described["props"]["value"] == "hello"


# --- Gradio's scripts, mended ---


def test_gradios_scripts_are_those_that_are_mended() -> None:
    asking, hearing = mended.scripts().items()
    for (name, text), (pattern, mends) in zip((asking, hearing), mended.MENDS.items(), strict=True):
        assert fnmatch(name, pattern)
        assert all(new in text for new in mends.values())
    assert "this.dispatch(e))" not in asking[1]  # nowhere else is a waiting question asked
    whole = (mended.ASSETS.parent / "index.html").read_text(encoding="utf-8")
    opened = re.findall(r'<script[^>]* src="\./assets/([^"]+)"', whole)
    assert opened == [hearing[0]]  # the page's own, and no other of that name
