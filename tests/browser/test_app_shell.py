"""The frame around the tabs: language, theme, address, and a run that can be taken away.

Most tests share one page, whose address sets a short run.
"""

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from demos import TABS
from demos.kit.language import say
from tests.browser.conftest import shared_page
from tests.browser.steps import (
    TRAINING_MS,
    canvas,
    choose,
    draw,
    eventually,
    open_fold,
    open_tab,
    section,
    set_theme,
    switch_language,
    wait_idle,
    wait_ready,
)
from tests.serving import Server

SMALL = "?tab=cnn&epochs=1&train_share=0.03&batch_size=256&seed=7"
ONE = [(0.5, 0.2), (0.5, 0.8)]
COUNT_FRAMES = """const ask = window.requestAnimationFrame;
window.frames_asked = 0;
window.requestAnimationFrame = (f) => { window.frames_asked += 1; return ask(f); };"""
LATE_ANSWERS = """const ask = window.fetch;
window.fetch = async (asked, options) => {
  const answer = await ask(asked, options);
  if (!String(asked.url ?? asked).includes("/queue/data")) return answer;
  const late = async (chunk, out) => {
    await new Promise((go_on) => setTimeout(go_on, 400));
    out.enqueue(chunk);
  };
  return new Response(answer.body.pipeThrough(new TransformStream({ transform: late })), answer);
};"""
FORGET_LANGUAGE = """() => {
  const address = new URL(location.href);
  address.searchParams.delete("lang");
  history.replaceState(history.state, "", address);
}"""
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/{SMALL}", script=COUNT_FRAMES) as page:
        wait_ready(page)
        yield page


@pytest.fixture(scope="module")
def trained(shared: Page) -> Page:
    """The shared page after its short run."""
    train(shared)
    return shared


def train(page: Page) -> None:
    """The first run of a page, to its end."""
    open_tab(page, "cnn")
    section(page, "cnn", "train")
    page.locator("#cnn-train").click()
    expect(page.locator("#cnn-status")).to_contain_text("Finished", timeout=TRAINING_MS)


def download(page: Page, what: str, folder: Path) -> Path:
    open_fold(page.locator("#cnn-code > button"))
    with page.expect_download() as waiting:
        page.locator(f"#cnn-download-{what}").click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def last_values(table: Path) -> dict[str, str]:
    """The last value of each metric in a run's CSV, as written."""
    values: dict[str, str] = {}
    for row in csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))):
        values |= {name: value for name, value in row.items() if value and name != "step"}
    return values


def test_every_tab_is_there_in_the_fixed_order(shared: Page) -> None:
    tabs = shared.locator("#dl-topics > .tab-wrapper [role=tab]:visible")
    ids = [tab.get_attribute("id") for tab in tabs.all()]
    assert ids == [f"tab-{topic}-button" for topic in TABS]


def test_a_page_at_rest_asks_for_no_frames(shared: Page) -> None:
    assert any(_frames_in_a_second(shared) < 10 for _ in range(60))  # the opening moves a little


def _frames_in_a_second(page: Page) -> int:
    page.evaluate("window.frames_asked = 0")
    page.wait_for_timeout(1_000)
    return page.evaluate("window.frames_asked")


def test_nothing_to_download_is_said_in_words(shared: Page) -> None:
    open_tab(shared, "cnn")
    open_fold(shared.locator("#cnn-code > button"))
    shared.locator("#cnn-download-csv").click()
    expect(shared.get_by_text("Train first: there is no result")).to_be_visible()


def test_the_language_switch_keeps_what_was_drawn_and_typed(shared: Page) -> None:
    open_tab(shared, "cnn")
    draw(shared.locator("#cnn-pad canvas").first, ONE)
    expect(shared.locator("#cnn-bars")).to_contain_text(re.compile(r"\d\.\d%"))
    section(shared, "cnn", "train")
    shared.locator("#cnn-lr input").fill("0.02")
    before = shared.evaluate(canvas("#cnn-pad canvas"))
    switch_language(shared, "vi")
    expect(shared.locator("#cnn-train")).to_have_text("Huấn luyện")
    expect(shared.locator("#cnn-lr input")).to_have_value("0.02")
    assert shared.evaluate(canvas("#cnn-pad canvas")) == before
    expect(shared).to_have_url(re.compile("lang=vi"))
    switch_language(shared, "en")


@pytest.mark.parametrize(("lang", "theme"), [("vi", "dark"), ("en", "light")])
def test_language_and_theme_outlive_a_reload(shared: Page, lang: str, theme: str) -> None:
    switch_language(shared, lang)
    set_theme(shared, theme)
    shared.evaluate(FORGET_LANGUAGE)  # the address holds it, too; here the browser shall know
    shared.reload()
    wait_ready(shared)
    dark = re.compile(r"\bdark\b")
    body = expect(shared.locator("body"))
    body.to_have_class(dark) if theme == "dark" else body.not_to_have_class(dark)
    expect(shared.locator("html")).to_have_attribute("lang", lang)
    expect(shared.locator("#dl-title")).to_contain_text("Học sâu" if lang == "vi" else "learning")


def test_a_vietnamese_browser_gets_vietnamese(visit: Visit) -> None:
    page = visit(locale="vi-VN")
    expect(page.locator("#dl-title")).to_contain_text("Học sâu")


def test_a_link_opens_the_tab_with_its_settings_and_repeats_the_run(
    trained: Page, visit: Visit, tmp_path: Path
) -> None:
    expect(trained).to_have_url(re.compile(r"train_share=0\.03"))
    expect(trained).to_have_url(re.compile("seed=7"))
    second = visit(trained.url.split("/", 3)[3])
    expect(second.locator("#tab-cnn-button")).to_have_attribute("aria-selected", "true")
    train(second)
    results = []
    for number, page in enumerate((trained, second)):
        folder = tmp_path / str(number)
        folder.mkdir()
        results.append(last_values(download(page, "csv", folder)))
    assert results[0] == results[1]
    assert "test_accuracy" in results[0]


def test_a_run_can_be_taken_away_and_repeated(trained: Page, tmp_path: Path) -> None:
    files = {what: download(trained, what, tmp_path)
             for what in ("csv", "weights", "png", "svg", "script")}  # fmt: skip
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in files["svg"].read_text(encoding="utf-8")
    from dlcore import cnn
    from dlcore.checkpoint import load
    from dlcore.data.mnist import load_mnist

    checkpoint = load(files["weights"], topic="cnn")
    assert checkpoint.config["seed"] == 7
    data = load_mnist()
    score = cnn.evaluate(cnn.restore(checkpoint.state), data.test_images, data.test_labels)

    # A fresh interpreter that cannot see this project.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, files["script"].name], cwd=tmp_path, timeout=300,
                          env=environment, capture_output=True, text=True, check=True)  # fmt: skip
    printed = dict(re.findall(r"^(\w+) = (\S+)$", done.stdout, re.MULTILINE))
    shown = last_values(files["csv"])
    assert printed == shown, "the script's numbers differ from the page's"
    assert abs(score.accuracy - float(shown["test_accuracy"])) < 2e-4  # one thread count or two


def test_a_language_chosen_while_another_is_on_its_way_is_the_one_shown(page: Page) -> None:
    held = list[Route]()
    page.route("**/run/predict*", lambda route: held.append(route))
    choose(page.locator("#dl-language input[value=vi]"))
    eventually(page, lambda: bool(held))
    choose(page.locator("#dl-language input[value=en]"))
    page.wait_for_timeout(100)
    page.unroute("**/run/predict*")  # which lets go what it held
    page.wait_for_function("document.documentElement.lang === 'en'")
    expect(page.locator("#tab-vae-button")).to_have_text(say("vae.title", "en"))
    expect(page.locator("#tab-gpt-button")).to_have_text(say("gpt.title", "en"))
    wait_idle(page)
    expect(page.locator("#tab-gpt-button")).to_have_text(say("gpt.title", "en"))


def test_what_is_asked_while_the_stream_of_answers_closes_is_answered(visit: Visit) -> None:
    page = visit("?tab=perceptron", script=LATE_ANSWERS)
    rows = page.locator("#perceptron-ledger tbody tr")
    for before, asked, left in (("reset", "step", 2), ("step", "reset", 1)):
        page.click(f"#perceptron-{before}")
        page.wait_for_timeout(150)  # the server has answered and closed; the page does not know yet
        page.click(f"#perceptron-{asked}")
        expect(rows).to_have_count(left)
