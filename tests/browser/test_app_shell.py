"""The frame around the tabs: language, theme, address, and a run that can be taken away."""

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from demos import TABS
from tests.browser.steps import draw, open_tab, set_theme, switch_language, wait_idle

SMALL = "?tab=cnn&epochs=1&train_share=0.03&batch_size=256&seed=7"
ONE = [(0.5, 0.2), (0.5, 0.8)]


def train(page: Page) -> None:
    open_tab(page, "cnn")
    page.locator("#cnn-section-train-button").click()
    page.locator("#cnn-train").click()
    expect(page.locator("#cnn-status")).to_contain_text("Finished", timeout=60_000)


def download(page: Page, what: str, folder: Path) -> Path:
    if not page.locator(f"#cnn-download-{what}").is_visible():
        page.locator("#cnn-code > button").click()
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


def test_every_tab_is_there_in_the_fixed_order(page: Page) -> None:
    tabs = page.locator("#dl-topics > .tab-wrapper [role=tab]:visible")
    ids = [tab.get_attribute("id") for tab in tabs.all()]
    assert ids == [f"tab-{topic}-button" for topic in TABS]


def test_a_page_at_rest_asks_for_no_frames(visit: Callable[..., Page]) -> None:
    count = """const ask = window.requestAnimationFrame;
        window.frames_asked = 0;
        window.requestAnimationFrame = (f) => { window.frames_asked += 1; return ask(f); };"""
    page = visit(script=count)
    assert any(_frames_in_a_second(page) < 10 for _ in range(15))  # the opening moves a little


def _frames_in_a_second(page: Page) -> int:
    page.evaluate("window.frames_asked = 0")
    page.wait_for_timeout(1_000)
    return page.evaluate("window.frames_asked")


def test_the_language_switch_keeps_what_was_drawn_and_typed(page: Page) -> None:
    open_tab(page, "cnn")
    draw(page.locator("#cnn-pad canvas").first, ONE)
    expect(page.locator("#cnn-bars")).to_contain_text(re.compile(r"\d\.\d%"))
    page.locator("#cnn-section-train-button").click()
    page.locator("#cnn-lr input").fill("0.02")
    before = page.locator("#cnn-pad canvas").first.evaluate("(c) => c.toDataURL()")
    switch_language(page, "vi")
    expect(page.locator("#cnn-train")).to_have_text("Huấn luyện")
    expect(page.locator("#cnn-lr input")).to_have_value("0.02")
    assert page.locator("#cnn-pad canvas").first.evaluate("(c) => c.toDataURL()") == before
    assert "lang=vi" in page.url
    page.reload()
    wait_idle(page)
    assert page.locator("html").get_attribute("lang") == "vi"


def test_a_vietnamese_browser_gets_vietnamese(visit: Callable[..., Page]) -> None:
    page = visit(locale="vi-VN")
    expect(page.locator("#dl-title")).to_contain_text("Học sâu")


def test_the_theme_outlives_a_reload(page: Page) -> None:
    for theme in ("dark", "light"):
        set_theme(page, theme)
        page.reload()
        wait_idle(page)
        dark = page.evaluate("document.body.classList.contains('dark')")
        assert dark == (theme == "dark")


def test_a_link_opens_the_tab_with_its_settings_and_repeats_the_run(
    visit: Callable[..., Page], tmp_path: Path
) -> None:
    first = visit(SMALL)
    train(first)
    assert "train_share=0.03" in first.url and "seed=7" in first.url
    second = visit(first.url.split("/", 3)[3])
    expect(second.locator("#tab-cnn-button")).to_have_attribute("aria-selected", "true")
    train(second)
    results = []
    for number, page in enumerate((first, second)):
        folder = tmp_path / str(number)
        folder.mkdir()
        results.append(last_values(download(page, "csv", folder)))
    assert results[0] == results[1]
    assert "test_accuracy" in results[0]


def test_a_run_can_be_taken_away_and_repeated(page: Page, visit: Callable[..., Page],
                                              tmp_path: Path) -> None:  # fmt: skip
    page = visit(SMALL)
    train(page)
    files = {what: download(page, what, tmp_path)
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
    done = subprocess.run([sys.executable, files["script"].name], cwd=tmp_path, timeout=120,
                          env=environment, capture_output=True, text=True, check=True)  # fmt: skip
    printed = dict(re.findall(r"^(\w+) = (\S+)$", done.stdout, re.MULTILINE))
    shown = last_values(files["csv"])
    assert printed == shown, "the script's numbers differ from the page's"
    assert abs(score.accuracy - float(shown["test_accuracy"])) < 2e-4  # one thread count or two


def test_nothing_to_download_is_said_in_words(page: Page) -> None:
    open_tab(page, "cnn")
    page.locator("#cnn-code > button").click()
    page.locator("#cnn-download-csv").click()
    expect(page.get_by_text("Train first: there is no result")).to_be_visible()
