"""The perceptron tab as a student uses it: train, look back, drag, edit, count the starts.

Most tests share one page, each beginning with the defaults and their first weights.
"""

import csv
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    eventually,
    open_fold,
    open_tab,
    switch_language,
    wait_change,
    wait_idle,
    wait_ready,
)
from tests.serving import Server

NOTICE = "#perceptron-plane .notice"
READOUT = "#perceptron-plane .readout"
POINT = "#perceptron-plane .point"
LEDGER = "#perceptron-ledger tbody tr:not(.gap)"


LINE = "document.querySelector('#perceptron-plane .lines .line').getAttribute('d')"
TELL = """() => {
  const readout = document.querySelector("#perceptron-plane .readout");
  window.told = [];
  new MutationObserver(() => window.told.push(readout.textContent))
    .observe(readout, { childList: true, characterData: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/?tab=perceptron") as page:
        wait_ready(page)
        open_tab(page, "perceptron")
        yield page


@pytest.fixture
def tab(shared: Page) -> Page:
    """The tab with its defaults, before the first update."""
    shared.evaluate("window.scrollTo(0, 0)")
    shared.click("#perceptron-preset-defaults")
    expect(shared.locator("#perceptron-function input")).to_have_value("AND")
    wait_idle(shared)
    shared.click("#perceptron-reset")
    expect(shared.locator(READOUT)).to_contain_text(re.compile("^update 0"))
    expect(shared.locator(NOTICE)).to_be_empty()
    expect(shared.locator(POINT)).to_have_count(4)
    wait_idle(shared)
    return shared


def train(page: Page) -> None:
    """To the end, of a trial that has not ended yet."""
    expect(page.locator(NOTICE)).to_be_empty()
    page.click("#perceptron-train")
    expect(page.locator(NOTICE)).not_to_be_empty()
    wait_idle(page)


def weights(page: Page) -> list[float]:
    return [float(page.input_value(f"#perceptron-{name} input")) for name in ("w1", "w2", "b")]


def settled(page: Page) -> None:
    """Until every edit by hand is answered."""
    expect(page.locator("#perceptron-plane .stage[aria-busy]")).to_have_count(0)
    wait_idle(page)


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the plane lies on the screen, found from two of the corner points."""
    found = [page.locator(f"{POINT} .mark").nth(i).bounding_box() for i in (0, 3)]
    boxes = [box for box in found if box is not None]
    low, high = ((c["x"] + c["width"] / 2, c["y"] + c["height"] / 2) for c in boxes)
    return low[0] + x * (high[0] - low[0]), low[1] + y * (high[1] - low[1])


def test_training_moves_the_line_and_fills_the_ledger(tab: Page) -> None:
    before = weights(tab)
    train(tab)
    expect(tab.locator(NOTICE)).to_contain_text("Every point is right")
    expect(tab.locator(READOUT)).to_contain_text("4 of 4 right")
    eventually(tab, lambda: weights(tab) != before)
    w1, w2, b = weights(tab)
    answers = [w1 * x + w2 * y + b > 0 for x in (0, 1) for y in (0, 1)]
    assert answers == [False, False, False, True]
    current = tab.locator(f"{LEDGER}.current td").all_inner_texts()
    assert current[0] == "24"
    assert [float(cell.replace("−", "-")) for cell in current[8:11]] == pytest.approx(
        [w1, w2, b], abs=6e-4
    )


def test_a_row_of_the_ledger_takes_the_picture_back_in_time(tab: Page) -> None:
    train(tab)
    newest = tab.evaluate(LINE)
    tab.locator("#perceptron-ledger .scroller").focus()
    tab.keyboard.press("Home")
    expect(tab.locator(READOUT)).to_contain_text(re.compile("^update 0"))
    wait_change(tab, LINE, newest)
    tab.locator(LEDGER).filter(
        has=tab.locator("td:first-child", has_text=re.compile("^2$"))
    ).click()
    expect(tab.locator(READOUT)).to_contain_text("update 2 · looked at (0; 1)")
    expect(tab.locator("#perceptron-timeline .label")).to_contain_text("2")
    tab.click("#perceptron-step")  # doing something leads back to now
    expect(tab.locator(READOUT)).to_contain_text(re.compile("^update 25"))


def test_play_is_a_film_of_the_training(tab: Page) -> None:
    tab.evaluate(TELL)
    tab.click("#perceptron-play")
    expect(tab.locator(READOUT)).to_contain_text(re.compile("^update 24"))
    expect(tab.locator(NOTICE)).to_contain_text("Every point is right")
    told = [text for text in tab.evaluate("window.told") if "playing" in text]
    assert len(set(told)) > 3


def test_xor_goes_round_in_a_circle_until_a_hidden_layer_helps(tab: Page) -> None:
    open_fold(tab.locator("#perceptron-lesson button.label-wrap").first)
    tab.click("#perceptron-experiment-circle")
    expect(tab.locator("#perceptron-function input")).to_have_value("XOR")
    expect(tab.locator(f"{POINT}.one")).to_have_count(2)
    wait_idle(tab)
    train(tab)
    said = tab.inner_text(NOTICE)
    match = re.search(r"Update (\d+) brought back the very weights of update (\d+)", said)
    assert match, said
    rows = tab.locator(f"{LEDGER}.circle")
    expect(rows.first).to_be_attached()
    assert rows.count() <= int(match[1]) - int(match[2])
    expect(tab.locator("#perceptron-plane .ghosts path").nth(1)).to_be_attached()
    tab.click("#perceptron-add-layer")
    expect(tab.locator("#perceptron-remove-layer")).to_be_visible()
    wait_idle(tab)
    train(tab)
    expect(tab.locator(READOUT)).to_contain_text("4 of 4 right")
    expect(tab.locator("#perceptron-plane .lines .unit")).to_have_count(4)
    expect(tab.locator("#perceptron-plane .field")).to_be_visible()


def test_the_line_can_be_dragged_and_training_goes_on_from_there(tab: Page) -> None:
    before = weights(tab)
    handle = tab.locator("#perceptron-plane .handle").first
    box = handle.bounding_box()
    assert box
    tab.mouse.move(box["x"] + 9, box["y"] + 9)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 80, box["y"] - 60, steps=12)
    tab.mouse.up()
    expect(tab.locator(f"{LEDGER}.current")).to_contain_text("by hand")
    expect(tab.locator(LEDGER)).to_have_count(2)  # one drag, one row
    eventually(tab, lambda: weights(tab) != before)
    settled(tab)
    dragged = weights(tab)
    tab.click("#perceptron-step")
    expect(tab.locator(f"{LEDGER}.current td").first).to_have_text("2")
    wait_idle(tab)
    change = [after - was for after, was in zip(weights(tab), dragged, strict=True)]
    assert all(abs(c) < 1e-3 or abs(abs(c) - 0.5) < 1e-3 for c in change)  # lr · error · 0 or 1


def test_weights_can_be_typed(tab: Page) -> None:
    for name, value in (("w1", "1"), ("w2", "1"), ("b", "-1.5")):
        tab.fill(f"#perceptron-{name} input", value)
        wait_idle(tab)
    expect(tab.locator(READOUT)).to_contain_text("4 of 4 right")
    tab.fill("#perceptron-b input", "1e9")
    expect(tab.get_by_text("must be numbers between").first).to_be_visible()
    expect(tab.locator(READOUT)).to_contain_text("4 of 4 right")
    tab.locator(".toast-close").first.click()
    tab.fill("#perceptron-b input", "-1.5")
    wait_idle(tab)


def test_points_are_placed_relabelled_deleted_and_kept_in_the_address(tab: Page) -> None:
    tab.mouse.click(*place(tab, 0.5, 0.7))
    expect(tab.locator(POINT)).to_have_count(5)
    expect(tab.locator("#perceptron-function input")).to_have_value("my own points")
    mine = tab.locator(f"{POINT}.chosen")
    expect(mine).to_have_attribute("aria-label", re.compile("label 1"))
    mine.focus()
    tab.keyboard.press("Enter")
    expect(mine).to_have_attribute("aria-label", re.compile("label 0"))
    tab.keyboard.press("ArrowUp")
    settled(tab)
    x, y = (
        float(v) for v in re.findall(r"\((.*?); (.*?)\)", mine.get_attribute("aria-label") or "")[0]
    )
    assert (x, y) == (pytest.approx(0.5, abs=0.02), pytest.approx(0.8, abs=0.02))
    row = f"{x:g},{y:g},0"
    tab.wait_for_function("(row) => decodeURIComponent(location.search).includes(row)", arg=row)
    address = tab.url
    tab.keyboard.press("Delete")
    expect(tab.locator(POINT)).to_have_count(4)
    tab.click("#perceptron-plane .tools .undo")
    expect(tab.locator(POINT)).to_have_count(5)
    wait_idle(tab)
    tab.goto(address)
    wait_ready(tab)
    expect(tab.locator(POINT)).to_have_count(5)
    again = tab.locator(POINT).nth(4)
    expect(again).to_have_attribute("aria-label", re.compile(rf"\({x:g}; {y:g}\), label 0"))


def test_the_map_of_functions_is_found_by_training_and_chooses_the_function(tab: Page) -> None:
    tab.click("#perceptron-survey")
    expect(tab.locator("#perceptron-map .verdict[data-kind=learned]")).to_have_count(14)
    expect(tab.locator("#perceptron-map .verdict[data-kind=circle]")).to_have_count(2)
    tab.locator("#perceptron-map .card", has_text="XNOR").click()
    expect(tab.locator("#perceptron-function input")).to_have_value("XNOR")
    expect(tab.locator("#perceptron-map .why")).to_contain_text("both sums are w₁ + w₂ + 2b")
    expect(tab.locator(f"{POINT}.one")).to_have_count(2)


def test_two_hundred_starts_show_why_the_tutorial_fails(tab: Page) -> None:
    tab.click("#perceptron-starts")
    yours = tab.locator("#perceptron-swarm-yours .notice")
    theirs = tab.locator("#perceptron-swarm-tutorial .notice")
    expect(yours).to_contain_text("200 of 200 starts")
    expect(theirs).to_contain_text(re.compile(r"^\d+ of 200"))
    good = int(theirs.inner_text().split()[0])
    assert 0 <= good <= 12
    expect(tab.locator("#perceptron-bars")).to_be_visible()
    expect(tab.locator("#perceptron-starts-chart")).to_be_visible()


def test_language_and_experiments_keep_the_work(tab: Page) -> None:
    train(tab)
    before = weights(tab)
    switch_language(tab, "vi")
    expect(tab.locator(NOTICE)).to_contain_text("Mọi điểm đều đúng")
    assert weights(tab) == before
    switch_language(tab, "en")
    expect(tab.locator(NOTICE)).to_contain_text("Every point is right")
    open_fold(tab.locator("#perceptron-lesson button.label-wrap").first)
    tab.click("#perceptron-experiment-patience")
    expect(tab.locator("#perceptron-lr input").first).to_have_value("0.1")
    expect(tab.locator(NOTICE)).to_be_empty()  # other weights to begin with: a new trial
    wait_idle(tab)
    train(tab)
    expect(tab.locator(READOUT)).to_contain_text(re.compile("[34] of 4 right"))


def test_the_downloaded_script_ends_with_the_tabs_own_numbers(tab: Page, tmp_path: Path) -> None:
    tab.mouse.click(*place(tab, 0.45, 0.6))
    expect(tab.locator(POINT)).to_have_count(5)
    tab.click("#perceptron-step")
    wait_idle(tab)
    train(tab)
    open_fold(tab.locator("#perceptron-code button.label-wrap").first)
    files = {}
    for name in ("script", "csv", "weights", "png", "svg"):
        with tab.expect_download() as download:
            tab.click(f"#perceptron-download-{name}")
        files[name] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[name])
    with files["csv"].open() as file:
        last = list(csv.DictReader(file))[-1]
    done = subprocess.run(
        [sys.executable, files["script"]], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(" = ") for line in done.stdout.splitlines() if " = " in line)
    assert float(printed["loss"]) == float(last["loss"])
    assert float(printed["accuracy"]) == float(last["accuracy"])
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in files["svg"].read_bytes()


def test_the_last_trial_is_offered_again_after_a_reload(tab: Page) -> None:
    train(tab)
    before = weights(tab)
    tab.reload()
    wait_ready(tab)
    restore = tab.locator("#perceptron-restore")
    expect(restore).to_be_visible()
    restore.click()
    expect(tab.locator(READOUT)).to_contain_text("update 24")
    eventually(tab, lambda: weights(tab) == before)


def test_on_a_phone_everything_fits_and_a_tap_places_a_point(visit: Callable[..., Page]) -> None:
    page = visit("?tab=perceptron&lang=vi&function=XOR", **PHONE)
    expect(page.locator("#perceptron-function input")).to_have_value("XOR")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.touchscreen.tap(*place(page, 0.5, 0.5))
    expect(page.locator(POINT)).to_have_count(5)
    page.tap("#perceptron-train")
    expect(page.locator(NOTICE)).not_to_be_empty()
    page.tap("#perceptron-plane .tools .remove")
    expect(page.locator(POINT)).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
