"""The GAN tab as a student uses it: train, scrub, step by hand, race, judge, walk, draw, break.

Most tests share one page, in the order of the sections.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dlcore import gan
from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    TRAINING_MS,
    choose,
    draw,
    eventually,
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
    wait_running,
)
from tests.serving import Server

QUICK = "?tab=gan&epochs=1&train_share=0.1&batch_size=64"
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/{QUICK}") as page:
        wait_ready(page)
        open_tab(page, "gan")
        yield page


def pictures(page: Page, name: str) -> Locator:
    return page.locator(f"#gan-{name} canvas")


def looks(page: Page, name: str) -> Any:
    """All pixels of a grid, to see whether it changed."""
    return pictures(page, name).evaluate_all("(all) => all.map((canvas) => canvas.toDataURL())")


def pick(page: Page, name: str, value: str) -> None:
    choose(page.locator(f"#gan-{name} input[value='{value}']"))


def test_a_visitor_finds_the_bundled_generators_digits(shared: Page) -> None:
    expect(pictures(shared, "samples")).to_have_count(48)
    expect(shared.locator("#gan-film .column")).to_have_count(1)


def test_training_is_watched_scrubbed_and_diagnosed(shared: Page) -> None:
    expect(pictures(shared, "samples")).to_have_count(48)
    before = looks(shared, "samples")
    start_run(shared, "gan")
    wait_ended(shared, "gan")
    expect(shared.locator("#gan-findings li").first).not_to_have_class("empty", timeout=TRAINING_MS)
    expect(shared.locator("#gan-which input[value=yours]")).to_be_checked()
    expect(shared.locator("#gan-film .column").nth(1)).to_be_visible()
    wait_idle(shared)
    eventually(shared, lambda: looks(shared, "samples") != before)
    newest = looks(shared, "samples")
    shared.locator("#gan-timeline input[type=range]").focus()
    shared.keyboard.press("Home")
    expect(shared.locator("#gan-film .column").first).to_have_class("column at")
    eventually(shared, lambda: looks(shared, "samples") != newest)
    shared.locator("#gan-film .column").last.click()
    eventually(shared, lambda: looks(shared, "samples") == newest)
    legends = shared.locator("#gan-chart .legend button")
    expect(legends).to_have_count(6)


def test_a_run_can_be_taken_away_and_gone_on_with(shared: Page) -> None:
    open_fold(shared.locator("#gan-code button.label-wrap").first)
    sizes = {}
    for name in ("script", "weights", "csv"):
        with shared.expect_download(timeout=TRAINING_MS) as download:
            shared.locator(f"#gan-download-{name}").click()
        sizes[name] = download.value.path().stat().st_size
    assert min(sizes.values()) > 200, sizes
    shared.locator("#gan-code button.label-wrap").first.click()
    steps = shared.locator("#gan-timeline .label").inner_text().split()[-1]
    shared.locator("#gan-go-on").click()
    expect(shared.locator("#gan-timeline .label")).to_have_text(
        f"Step {2 * int(steps)} of {2 * int(steps)}", timeout=TRAINING_MS
    )


def test_steps_by_hand_are_told_part_by_part(shared: Page) -> None:
    section(shared, "gan", "hand")
    lines = shared.locator("#gan-hand-stages li")
    shared.locator("#gan-hand-d").click()
    expect(lines).to_have_count(7, timeout=TRAINING_MS)
    expect(lines.nth(5)).to_contain_text("G stands still")
    shared.locator("#gan-hand-both").click()
    expect(lines).to_have_count(8, timeout=TRAINING_MS)
    expect(lines.first).to_contain_text("step 2 of the training")
    expect(shared.locator("#gan-hand-push .row")).to_have_count(4 + 7)
    shared.locator("#gan-hand-motion input[type=range]").focus()
    shared.keyboard.press("Home")
    expect(lines).to_have_count(1)
    shared.locator("#gan-hand-motion button.play").click()
    expect(lines).to_have_count(8)  # one after the other, to the end
    pick(shared, "hand-start", "yours")
    shared.locator("#gan-hand-g").click()
    expect(lines).to_have_count(7, timeout=TRAINING_MS)  # one player's; those of both were 8
    expect(lines.first).to_contain_text("64 noises")
    shared.locator("#gan-hand-both").click()
    shared.locator("#gan-hand-anew").click()
    expect(lines).to_have_count(0)


def test_five_variants_train_and_are_judged(shared: Page) -> None:
    section(shared, "gan", "variants")
    shared.locator("#gan-race-steps input[type=number]").fill("20")
    shared.keyboard.press("Tab")
    shared.locator("#gan-race").click()
    expect(shared.locator("#gan-race-notes li")).to_have_count(5, timeout=TRAINING_MS)
    expect(shared.locator("#gan-race")).to_be_enabled()
    for name in gan.VARIANTS:
        expect(pictures(shared, f"lane-{name}")).to_have_count(25)
    expect(shared.locator("#gan-race-bars .row")).to_have_count(5)
    expect(shared.locator("#gan-race-notes li").first).to_contain_text("20 steps")


def test_a_race_stops_where_it_is(shared: Page) -> None:
    section(shared, "gan", "variants")
    shared.locator("#gan-race-steps input[type=number]").fill("2000")
    shared.keyboard.press("Tab")
    shared.locator("#gan-race").click()
    wait_running(shared, "gan-race")
    press_stop(shared.locator("#gan-race-stop"))
    expect(status_of(shared, "gan-race")).to_have_attribute("data-state", "stopped")
    expect(shared.locator("#gan-race")).to_be_enabled()
    expect(shared.locator("#gan-race-stop")).to_be_disabled()


def test_an_independent_judge_reads_the_pictures(shared: Page) -> None:
    pick(shared, "which", "conditional")
    section(shared, "gan", "judge")
    shared.locator("#gan-judge").click()
    expect(pictures(shared, "judged")).to_have_count(40, timeout=TRAINING_MS)
    expect(shared.locator("#gan-histogram .row")).to_have_count(10)
    expect(shared.locator("#gan-verdict")).to_contain_text("Asked for a digit, got it")
    shared.locator("#gan-judged button").nth(7).click()
    expect(pictures(shared, "nearest")).to_have_count(2)
    expect(shared.locator("#gan-near-note li")).to_contain_text("pixel distance")


def test_pictures_are_walked_between_steered_and_asked_for(shared: Page) -> None:
    pick(shared, "which", "conditional")
    section(shared, "gan", "play")
    expect(pictures(shared, "table")).to_have_count(40)
    expect(pictures(shared, "walk")).to_have_count(12)
    walk = looks(shared, "walk")
    shared.locator("#gan-table button").nth(5).click()
    shared.locator("#gan-table button").nth(9).click()
    expect(shared.locator("#gan-table button").nth(5)).to_have_class("cell right")
    expect(shared.locator("#gan-table button").nth(9)).to_have_class("cell wrong")
    eventually(shared, lambda: looks(shared, "walk") != walk)
    eventually(shared, lambda: len(set(looks(shared, "moved"))) == 1)
    shared.locator("#gan-direction-1 input[type=number]").fill("3")
    shared.keyboard.press("Tab")
    eventually(shared, lambda: len(set(looks(shared, "moved"))) == 2)
    shared.locator("#gan-back").click()
    eventually(shared, lambda: len(set(looks(shared, "moved"))) == 1)
    table = looks(shared, "table")
    pick(shared, "digit", "7")
    eventually(shared, lambda: looks(shared, "table")[8] != table[8])  # it was an 8
    wait_idle(shared)
    sevens = looks(shared, "table")
    shared.locator("#gan-sample").click()
    eventually(shared, lambda: not set(looks(shared, "table")) & set(sevens))


def test_d_says_what_it_thinks_of_a_drawing(shared: Page) -> None:
    section(shared, "gan", "play")
    draw(shared.locator("#gan-pad canvas").first, [(0.3, 0.2), (0.7, 0.2), (0.5, 0.5), (0.45, 0.8)])
    opinion = shared.locator("#gan-opinion li")
    expect(opinion).to_contain_text("Told that this is a 7")
    expect(pictures(shared, "doubts")).to_have_count(2)
    pick(shared, "which", "tutorial")
    expect(opinion).to_contain_text("sure that this is real")


def test_the_language_switch_keeps_everything(shared: Page) -> None:
    switch_language(shared, "vi")
    expect(shared.locator("#gan-section-judge-button")).to_have_text("Có tốt không?")
    expect(shared.locator("#gan-table .dl-title b")).to_have_text("Ảnh của 40 nhiễu.")
    expect(shared.locator("#gan-opinion li")).to_contain_text("ảnh này là thật")
    switch_language(shared, "en")


def test_a_failure_is_set_up_and_watched(shared: Page) -> None:
    section(shared, "gan", "break")
    start_run(shared, "gan", "#gan-break-rate")
    expect(shared.locator("#gan-section-train-button")).to_have_attribute("aria-selected", "true")
    expect(shared.locator("#gan-lr_g input")).to_have_value(str(gan.BREAK["rate"].lr_g))
    wait_ended(shared, "gan")
    shared.wait_for_function("document.querySelectorAll('#gan-film .column').length > 2")
    start_run(shared, "gan")
    press_stop(shared.locator("#gan-stop"))
    wait_ended(shared, "gan")


def test_an_experiment_opens_the_walk(shared: Page) -> None:
    shared.locator("#gan-lesson button.label-wrap").first.click()
    shared.locator("#gan-experiment-walk").click()
    expect(shared.locator("#gan-which input[value=tutorial]")).to_be_checked()
    expect(shared.locator("#gan-section-play-button")).to_have_attribute("aria-selected", "true")
    expect(pictures(shared, "walk")).to_have_count(12)


def test_on_a_phone_everything_fits(visit: Visit) -> None:
    page = visit("?tab=gan&which=conditional&steps=100&digit=nonsense", **PHONE)
    expect(pictures(page, "samples")).to_have_count(48)
    expect(page.locator("#gan-which input[value=conditional]")).to_be_checked()
    for name in ("train", "hand", "variants", "judge", "play", "break"):
        section(page, "gan", name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        if name == "play":
            expect(page.locator("#gan-digit input[value='-1']")).to_be_checked()
