"""The text-generation tab as a student uses it: write, stop, force another token, walk back, train.

The tests share one page, and each begins with a text of its own.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import demos
from dlcore import gpt, gpt_writing
from tests.browser.conftest import shared_page
from tests.browser.steps import (
    TRAINING_MS,
    choose,
    open_fold,
    open_tab,
    press_stop,
    section,
    start_run,
    status_of,
    switch_language,
    wait_ended,
    wait_idle,
    wait_ready,
)
from tests.serving import Server

pytestmark = pytest.mark.skipif("gpt" not in demos.TABS, reason="the page has no such tab yet")
ADDRESS = "?tab=gpt&task=addition&steps=20&decoding_length=24&decoding_top_k=5"
DECODING = gpt_writing.Decoding(length=24, top_k=5)
OPENING = "Trăm năm trong cõi người ta,"


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/{ADDRESS}") as page:
        wait_ready(page)
        open_tab(page, "gpt")
        yield page


def tokens(page: Page) -> Locator:
    return page.locator("#gpt-writing .token")


def text_of(page: Page) -> str:
    return "".join(tokens(page).all_inner_texts()).replace("↵", "\n")


def wait_written(page: Page, count: int = 24) -> None:
    line = page.locator("#gpt-writing .line").first
    expect(tokens(page)).to_have_count(count)
    expect(line).to_have_attribute("data-state", "done")
    expect(page.locator("#gpt-write")).to_be_enabled()


def write(page: Page, opening: str) -> None:
    """Write on from an opening; it must be another than before."""
    section(page, "gpt", "write")
    page.locator("#gpt-prompt textarea").fill(opening)
    page.locator("#gpt-write").click()
    expect(page.locator("#gpt-writing .opening")).to_have_text(opening)
    wait_written(page)


def test_what_is_written_is_the_models_own(shared: Page) -> None:
    write(shared, OPENING)
    expected = list(gpt_writing.generate(gpt.load_bundled(), OPENING, DECODING))
    shown = "".join(token.text or "▫" for token in expected)
    assert text_of(shared) == shown
    tokens(shared).nth(3).click()
    panel = shared.locator("#gpt-writing .panel")
    expect(panel.locator("thead th")).to_have_count(5)  # model, temperature, top-k, top-p
    expect(panel.locator("tbody tr.taken")).to_have_count(1)
    first = panel.locator("tbody tr").first.locator("td").first
    p = expected[3].alternatives[0].probabilities[0]
    assert float(first.inner_text().rstrip("%")) == pytest.approx(100 * p, abs=0.06)


def test_an_alternative_is_forced_and_one_walks_back(shared: Page) -> None:
    write(shared, "Trải qua một cuộc bể dâu,")
    before = text_of(shared)
    tokens(shared).nth(5).click()
    shared.locator("#gpt-writing .panel tbody button").first.click()
    tree = shared.locator("#gpt-writing .tree button")
    expect(tree).to_have_count(2)
    wait_written(shared)
    expect(tokens(shared).nth(5)).to_have_class(re.compile("forced"))
    after = text_of(shared)
    assert after != before
    tree.first.click()
    expect(tree.first).to_have_attribute("aria-current", "true")
    assert text_of(shared) == before
    tree.nth(1).click()
    expect(tree.nth(1)).to_have_attribute("aria-current", "true")
    assert text_of(shared) == after


def test_tokens_are_reached_by_keyboard(shared: Page) -> None:
    write(shared, "Lạ gì bỉ sắc tư phong,")
    tokens(shared).first.focus()
    shared.keyboard.press("ArrowRight")
    shared.keyboard.press("Enter")
    expect(tokens(shared).nth(1)).to_have_attribute("aria-pressed", "true")
    shared.keyboard.press("End")
    expect(tokens(shared).last).to_be_focused()


def test_html_is_only_text(shared: Page) -> None:
    write(shared, "<img src=x onerror=alert(1)> مرحبا 👍🏽")
    assert shared.locator("#gpt-writing img").count() == 0


def test_a_text_stops_and_what_is_there_stays(shared: Page) -> None:
    section(shared, "gpt", "write")
    length = shared.locator("#gpt-decoding-length input[type=number]")
    length.fill("1000")
    length.press("Tab")
    wait_idle(shared)
    shared.locator("#gpt-prompt textarea").fill("Cảo thơm lần giở trước đèn,")
    shared.locator("#gpt-write").click()
    expect(shared.locator("#gpt-writing .opening")).to_have_text("Cảo thơm lần giở trước đèn,")
    tokens(shared).nth(2).wait_for()
    press_stop(shared.locator("#gpt-write-stop"))
    line = shared.locator("#gpt-writing .line").first
    expect(line).not_to_have_attribute("data-state", "writing")
    assert 2 < tokens(shared).count() <= 1000
    length.fill("24")
    length.press("Tab")
    wait_idle(shared)


def test_four_decoders_and_their_measures(shared: Page) -> None:
    section(shared, "gpt", "compare")
    shared.locator("#gpt-compare").click()
    for name in ("greedy", "plain", "top-k", "top-p"):
        cell = shared.locator(f"#gpt-decoder-{name}")
        expect(cell.locator(".line").first).to_have_attribute("data-state", "done")
        expect(cell.locator(".token")).to_have_count(24)
        expect(cell.locator(".line").first).to_contain_text("entropy")


def test_costs_follow_what_is_typed(shared: Page) -> None:
    section(shared, "gpt", "cost")
    shared.locator("#gpt-cost-vi textarea").fill("về về")
    expect(shared.locator("#gpt-per-word li").first).to_contain_text("4.5 tokens for a Vietnamese")
    count = len(gpt.load_bundled().tokenizer.encode("về về"))
    expect(shared.locator("#gpt-cut-vi .line").first).to_have_text(f"{count} tokens")


def test_the_cache_is_measured_live(shared: Page) -> None:
    section(shared, "gpt", "speed")
    shared.locator("#gpt-race").click()
    expect(shared.locator("#gpt-told li")).to_have_count(2)
    expect(shared.locator("#gpt-told li").nth(1)).to_have_attribute("data-key", "same")
    expect(shared.locator("#gpt-race")).to_be_enabled(timeout=TRAINING_MS)


def test_a_text_that_is_pasted_or_uploaded_is_what_to_learn_from(
    shared: Page, tmp_path: Path
) -> None:
    section(shared, "gpt", "train")
    open_fold(shared.locator("#gpt-own-text button.label-wrap"))
    box, corpus = shared.locator("#gpt-text textarea"), shared.locator("#gpt-corpus input")
    choice = {name: corpus.and_(shared.locator(f"[value={name}]")) for name in ("en", "own")}
    box.fill("Một văn bản của tôi. " * 20)
    expect(choice["own"]).to_be_checked()
    choose(choice["en"])  # a later choice stands
    wait_idle(shared)
    expect(choice["en"]).to_be_checked()
    box.fill("")  # nothing is no text to learn from
    wait_idle(shared)
    expect(choice["en"]).to_be_checked()
    source = tmp_path / "program.rs"
    source.write_text("fn main() {}\n", encoding="utf-8")
    shared.locator("#gpt-own-text input[type=file]").set_input_files(source)
    expect(box).to_have_value("fn main() {}\n")
    expect(choice["own"]).to_be_checked()


def test_a_gpt_is_trained_and_then_writes(shared: Page) -> None:
    section(shared, "gpt", "train")
    start_run(shared, "gpt")
    wait_ended(shared, "gpt")
    expect(status_of(shared, "gpt")).to_have_attribute("data-state", "done")
    # Of a task, only what it measures has a chart: how many bits a character costs, no sum says.
    expect(shared.locator("#gpt-chart .panel")).to_have_count(2)
    sums = shared.locator("#gpt-samples .sums li")
    expect(sums).to_have_count(12)
    row = re.fullmatch(
        r"(\d\d\+\d\d=)\s*(\S+)\s*= (\d+|no number) · (✓|✗) .+", sums.first.inner_text()
    )
    assert row, sums.first.inner_text()
    if row[3] != "no number":
        assert int(row[3]) == int(row[2][::-1])  # lowest digit first
    expect(shared.locator("#gpt-which input[value=yours]")).to_be_checked()
    section(shared, "gpt", "write")
    shared.locator("#gpt-prompt textarea").fill("37+85=")
    shared.locator("#gpt-write").click()
    expect(shared.locator("#gpt-writing .opening")).to_have_text("37+85=")
    wait_written(shared)
    switch_language(shared, "vi")
    expect(shared.locator("#gpt-writing .line").first).to_contain_text("xong")
    switch_language(shared, "en")
