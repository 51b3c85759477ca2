"""The transfer tab as a visitor uses it: teach, try, race, study, take away, classes of one's own.

The tests share one page and go on from one another's network.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dlcore import transfer
from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    TRAINING_MS,
    canvas,
    eventually,
    open_tab,
    press_stop,
    section,
    start_run,
    switch_language,
    wait_change,
    wait_ended,
    wait_idle,
    wait_ready,
)
from tests.browser.transfer_steps import card, drop, files, picture, zipped
from tests.serving import Server

SECTIONS = ("teach", "try", "race", "study", "take")
EPOCHS = 12  # from two pictures a class: enough, and there is a past to look at
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def page(browser: Browser, server: Server) -> Iterator[Page]:
    address = f"{server.url}/?tab=transfer&epochs={EPOCHS}&per_class=2"
    with shared_page(browser, address) as page:
        wait_ready(page)
        open_tab(page, "transfer")
        yield page


@pytest.fixture(scope="module")
def taught(page: Page) -> Page:
    """The page after a training on the photographs of brick, grass and gravel."""
    section(page, "transfer", "teach")
    start_run(page, "transfer")
    wait_ended(page, "transfer")
    return page


def percents(page: Page, widget: str) -> list[float]:
    """The numbers of a Bars widget's rows."""
    rows = page.locator(f"#transfer-{widget} .values").all_inner_texts()
    return [float(found) for row in rows for found in re.findall(r"[\d.]+(?=%)", row)]


def read_cell(page: Page, key: str = "Home") -> str:
    """What the confusion matrix says of the cell that a key goes to."""
    cursor = page.locator("#transfer-confusion button.cursor")
    cursor.press(key)
    return cursor.get_attribute("aria-label") or ""


def test_a_visitor_finds_pictures_to_learn_from(page: Page) -> None:
    expect(page.locator("#transfer-learnt .cell")).to_have_count(6)
    expect(page.locator("#transfer-learnt")).to_contain_text("gravel")
    expect(page.locator("#transfer-classes")).to_be_hidden()
    expect(page.locator("#transfer-findings")).to_contain_text("When a training has ended")


def test_ten_crops_are_enough_and_the_same_as_without_a_page(taught: Page) -> None:
    *_, last = transfer.job(transfer.Config(epochs=EPOCHS, per_class=2))
    share = last.metrics["test_accuracy"]
    assert share > 0.9
    findings = taught.locator("#transfer-findings")
    expect(findings).to_contain_text(f"{f'{100 * share:.1f}'.removesuffix('.0')}% of 300")
    expect(findings).to_contain_text("The head learnt")
    assert "brick" in read_cell(taught)
    expect(taught.locator("#transfer-map canvas").first).to_be_visible(timeout=TRAINING_MS)
    expect(taught.locator("#transfer-spread")).to_contain_text("widths of a class")
    drawn = taught.locator("#transfer-chart path, #transfer-chart polyline")
    expect(drawn.first).to_be_visible()
    expect(taught.locator("#transfer-timeline input")).to_have_js_property("max", str(EPOCHS - 1))


def test_the_past_of_a_training_can_be_looked_at(taught: Page) -> None:
    section(taught, "transfer", "teach")
    shown = canvas("#transfer-confusion canvas")
    last = taught.evaluate(shown)
    slider = taught.locator("#transfer-timeline input[type=range]")
    slider.press("Home")
    wait_change(taught, shown, last)
    slider.press("End")
    eventually(taught, lambda: taught.evaluate(shown) == last)


def test_a_held_out_picture_is_answered_and_explained(taught: Page) -> None:
    section(taught, "transfer", "try")
    sample = taught.locator("#transfer-samples .cell")
    expect(sample).to_have_count(24)
    sample.first.click()
    expect(taught.locator("#transfer-answer .row")).to_have_count(3)
    expect(taught.locator("#transfer-nearest .cell")).to_have_count(5)  # itself, then four
    assert sum(percents(taught, "answer")) == pytest.approx(100, abs=0.3)


def test_a_picture_of_ones_own_is_answered_and_a_text_is_refused(
    taught: Page, tmp_path: Path
) -> None:
    section(taught, "transfer", "try")
    photo = taught.locator("#transfer-photo input[type=file]")
    before = percents(taught, "answer")
    photo.set_input_files(files((60, 150, 40), 1, tmp_path))
    expect(taught.locator("#transfer-photo .note")).to_contain_text("160 × 120")
    eventually(taught, lambda: percents(taught, "answer") != before)
    text = tmp_path / "holiday.jpg"
    text.write_text("no picture at all")
    photo.set_input_files(text)
    note = taught.locator("#transfer-photo .note")
    expect(note).to_have_text("This file is no picture, whatever its name says.")
    expect(taught.locator("#transfer-photo img")).to_be_visible()  # the one before


def test_three_ways_race_and_stop(taught: Page) -> None:
    section(taught, "transfer", "race")
    taught.locator("#transfer-race").click()
    lines = taught.locator("#transfer-race-table li, #transfer-race-table p")
    expect(lines).to_have_count(3, timeout=TRAINING_MS)
    expect(lines.nth(2)).to_contain_text("From scratch")
    expect(lines.nth(0)).to_contain_text(re.compile("%.* right after"), timeout=TRAINING_MS)
    drift = taught.locator("#transfer-drift .row").first
    expect(drift).to_be_visible(timeout=TRAINING_MS)
    gone = taught.locator("#transfer-race-status .detail")
    expect(gone).to_contain_text(re.compile(r"[\d.]+ s gone"))
    press_stop(taught.locator("#transfer-race-stop"))
    expect(taught.locator("#transfer-race")).to_be_enabled(timeout=TRAINING_MS)
    chart = taught.locator("#transfer-race-chart canvas, #transfer-race-chart svg")
    expect(chart.first).to_be_visible()
    expect(drift).to_be_visible()


def test_where_to_cut_is_measured(taught: Page) -> None:
    section(taught, "transfer", "study")
    taught.locator("#transfer-cuts").click()
    expect(taught.locator("#transfer-cuts-bars .row")).to_have_count(9, timeout=TRAINING_MS)
    shares = percents(taught, "cuts-bars")
    assert len(shares) >= 9 and max(shares) > 90 and min(shares) < max(shares)


def test_the_network_can_be_taken_away(taught: Page) -> None:
    section(taught, "transfer", "take")
    with taught.expect_download(timeout=TRAINING_MS) as download:
        taught.locator("#transfer-take").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = set(archive.namelist())
        assert archive.read("labels.txt").decode().split() == ["brick", "grass", "gravel"]
    assert "classify.py" in names and len(names) == 3
    with taught.expect_download(timeout=TRAINING_MS) as download:
        taught.locator("#transfer-onnx").click()
    assert download.value.path().stat().st_size > 10_000_000


def test_classes_of_ones_own_are_named_filled_and_learnt(taught: Page, tmp_path: Path) -> None:
    page = taught
    section(page, "transfer", "teach")
    page.locator("#transfer-data input").click()
    page.get_by_role("option", name="my own classes").click()
    expect(page.locator("#transfer-classes")).to_be_visible()
    page.locator("#transfer-classes .new").click()
    expect(page.locator("#transfer-classes section.card")).to_have_count(1)
    card(page, 0).locator("input.name").fill("lá <b>xanh</b>")
    page.keyboard.press("Enter")
    inside = card(page, 0).locator("input[type=file]")
    inside.set_input_files(files((30, 150, 30), 12, tmp_path))
    expect(card(page, 0).locator(".thumb")).to_have_count(12)
    expect(card(page, 0).locator("input.name")).to_have_value("lá <b>xanh</b>")
    expect(card(page, 0).locator("input.name")).to_have_attribute("aria-label", "Name of the class")
    card(page, 0).locator(".thumb").first.click()  # one picture is taken away again
    expect(card(page, 0).locator(".thumb")).to_have_count(11)

    walls = {f"gạch/{n}.png": picture((190, 60, 40), n) for n in range(12)}
    drop(page, "walls.zip", zipped(walls))
    expect(page.locator("#transfer-classes section.card")).to_have_count(2)
    expect(card(page, 1).locator("input.name")).to_have_value("gạch")
    expect(card(page, 1).locator(".thumb")).to_have_count(12)
    start_run(page, "transfer")
    wait_ended(page, "transfer")
    expect(page.locator("#transfer-findings")).to_contain_text("held-out")
    assert "gạch" in read_cell(page, "End")


def test_the_language_switch_keeps_ones_own_classes(taught: Page) -> None:
    switch_language(taught, "vi")
    expect(taught.locator("#transfer-section-race-button")).not_to_have_text("Three ways, one race")
    expect(card(taught, 1).locator("input.name")).to_have_value("gạch")
    expect(taught.locator("#transfer-findings")).not_to_contain_text("held-out")
    switch_language(taught, "en")


def test_a_link_opens_the_settings_it_names_and_a_phone_shows_all(visit: Visit) -> None:
    page = visit("?tab=transfer&data=own&way=tuned&depth=2&epochs=nonsense", **PHONE)
    expect(page.locator("#transfer-classes .new")).to_be_visible()
    expect(page.locator("#transfer-way input")).to_have_value("head, last stages")
    for name in SECTIONS:
        section(page, "transfer", name)
        wait_idle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
