"""What a visitor does, in the words of the tests: open a tab, switch language, draw, wait."""

import re
from collections.abc import Callable, Iterator, Sequence

from playwright.sync_api import Locator, Page, expect

from demos.kit.language import say

TIMEOUT_MS = 45_000  # for an answer; a busy machine is no fault of the page
TRAINING_MS = 240_000  # for a training; a slow machine with other work
expect.set_options(timeout=TIMEOUT_MS)
ENDED = re.compile("^(done|stopped|budget|failed)$")

_QUIET = """() => new Promise((resolve) => {
  let timer;
  const done = () => { watcher.disconnect(); resolve(); };
  const again = () => { clearTimeout(timer); timer = setTimeout(done, 300); };
  const watcher = new MutationObserver(again);
  watcher.observe(document.body, { subtree: true, childList: true, attributes: true });
  setTimeout(done, 6000);
  again();
})"""

# The page's load event, which brings the language and what the address asks for.
_ANSWERED = """() => performance.getEntriesByType("resource")
  .some((entry) => entry.name.includes("/run/predict") && entry.responseEnd > 0)"""


def wait_ready(page: Page) -> None:
    """Until the page is built, its language chosen and its first answer from the server drawn."""
    page.locator("[role=tab]:visible").first.wait_for()
    page.wait_for_function(_ANSWERED)
    wait_idle(page)


def wait_idle(page: Page) -> None:
    """Until nothing on the page has changed for 0.3 s (6 s at most: a training never rests)."""
    page.evaluate(_QUIET)


def open_tab(page: Page, topic: str) -> Locator:
    """Go to a topic's tab as a visitor does, and return its panel."""
    panel = page.locator(f"#tab-{topic}[role=tabpanel]")
    if not panel.is_visible():
        _press_tab(page.locator("#dl-topics > .tab-wrapper"), f"tab-{topic}", f"{topic}.title")
    panel.wait_for()
    wait_idle(page)
    return panel


def switch_language(page: Page, lang: str) -> None:
    """Press the language switch ("vi" or "en") and wait for the server's words."""
    choose(page.locator(f"#dl-language input[value={lang}]"))
    page.wait_for_function("(lang) => document.documentElement.lang === lang", arg=lang)
    wait_idle(page)


def choose(radio: Locator) -> None:
    """Choose a radio button, given its input, which Gradio lays under a label.

    A mouse that is forced to the place of a hidden thing misses it while the page moves.
    """
    radio.evaluate("(input) => input.click()")
    expect(radio).to_be_checked()


def set_theme(page: Page, theme: str) -> None:
    """Make the page "light" or "dark" with its own button."""
    dark = "document.body.classList.contains('dark')"
    if page.evaluate(dark) != (theme == "dark"):
        page.locator("#dl-theme").click()
    page.wait_for_function(f"{dark} === {'true' if theme == 'dark' else 'false'}")
    wait_idle(page)


def start_run(page: Page, topic: str, button: str = "") -> None:
    """Press Train (or another button of its panel); wait until the page has heard of this very run.

    A status line still tells of the run before, and is drawn anew whenever it comes into view.
    """
    status = status_of(page, topic)
    before = status.evaluate("(line) => line.dataset.run ??= ''")
    page.locator(button or f"#{topic}-train").click()
    expect(status).not_to_have_attribute("data-run", before, timeout=TRAINING_MS)


def wait_running(page: Page, topic: str) -> None:
    """Until a run that was started has taken its first steps; it must be a long one."""
    status = status_of(page, topic)
    expect(status).to_have_attribute("data-state", "running", timeout=TRAINING_MS)


def wait_ended(page: Page, topic: str) -> None:
    """Until the run that was started is over, however it ended, and another can be started."""
    expect(status_of(page, topic)).to_have_attribute("data-state", ENDED, timeout=TRAINING_MS)
    expect(page.locator(f"#{topic}-train")).to_be_enabled()


def status_of(page: Page, topic: str) -> Locator:
    """A tab's status line, whose data-state tells how far the run is."""
    return page.locator(f"#{topic}-status .dl-status")


def press_stop(button: Locator) -> None:
    """Press a Stop button, which does nothing when the run has just ended by itself.

    A mouse would wait for a button that the run's end has disabled.
    """
    button.evaluate("(button) => button.click()")


def open_fold(fold: Locator) -> None:
    """Open an accordion, given its button, unless it is open."""
    fold.wait_for()
    if "open" not in (fold.get_attribute("class") or "").split():
        fold.click()
    expect(fold).to_have_class(re.compile(r"\bopen\b"))


def unfold(panel: Locator) -> None:
    """Open every accordion of a tab."""
    folded = panel.locator("button.label-wrap:not(.open):visible")
    while folded.count():
        folded.first.click()
    wait_idle(panel.page)


def sections(panel: Locator, *, but: str = "#none") -> Iterator[str]:
    """Open the tabs inside a tab one after the other; yields the name of the one now open.

    but: a selector; the tabs in what it selects are left alone.
    """
    forget = "document.querySelectorAll('[data-seen]').forEach((e) => delete e.dataset.seen)"
    panel.page.evaluate(forget)
    unseen = panel.locator(f"[role=tab]:visible:not([data-seen]):not({but} *)")
    while unseen.count():
        button = unseen.first.element_handle()
        assert button is not None
        button.evaluate("(button) => { button.dataset.seen = ''; }")
        if button.get_attribute("aria-selected") != "true":
            button.click()
        unfold(panel)
        yield button.inner_text()


def draw(pad: Locator, stroke: Sequence[tuple[float, float]]) -> None:
    """Draw one stroke with the mouse; points in shares of the pad's width and height."""
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None, "the pad is not visible"
    mouse = pad.page.mouse
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
    mouse.move(*points[0])
    mouse.down()
    for point in points[1:]:
        mouse.move(*point, steps=4)
    mouse.up()


def section(page: Page, topic: str, name: str) -> None:
    """Open one of the sections inside a topic's tab."""
    panel = page.locator(f"#{topic}-section-{name}[role=tabpanel]")
    if not panel.is_visible():
        tabs = page.locator(f"#{topic}-sections > .tab-wrapper")
        _press_tab(tabs, f"{topic}-section-{name}", f"{topic}.sections.{name}")
    panel.wait_for()
    wait_idle(page)


def _press_tab(tabs: Locator, id_: str, title: str) -> None:
    """Press one of a row of tabs; those that do not fit are in a menu behind the dots."""
    button = tabs.locator(f"#{id_}-button:visible")
    if button.count():
        button.first.click()
        return
    tabs.locator(".overflow-menu > button").click()
    words = say(title, tabs.page.evaluate("document.documentElement.lang"))
    tabs.locator(".overflow-dropdown").get_by_role("button", name=words, exact=True).click()


def eventually(page: Page, holds: Callable[[], bool], timeout: float = TIMEOUT_MS) -> None:
    """Wait for what shows in pixels or numbers, where no `expect` can look."""
    for _ in range(int(timeout / 100)):
        if holds():
            return
        page.wait_for_timeout(100)
    assert holds()


def canvas(selector: str) -> str:
    """JavaScript for what a canvas shows, "" while there is none; see `wait_change`."""
    return f"document.querySelector({selector!r})?.toDataURL() ?? ''"


def wait_change(page: Page, shown: str, before: str, timeout: float | None = None) -> str:
    """Until the JavaScript expression `shown` is no longer `before`; returns what it is then."""
    page.wait_for_function(
        f"(before) => ({shown}) !== before", arg=before, polling=100, timeout=timeout
    )
    return str(page.evaluate(shown))


def train_for_a_while(page: Page, topic: str, shown: str) -> None:
    """Press Train and wait until at least two different moments of `shown` are recorded.

    The run goes on. Only then is there a past to go back to: a run that is stopped sooner may have
    recorded a single picture, and the first one may still be that of the run before.
    """
    start_run(page, topic)
    wait_running(page, topic)
    now = str(page.evaluate(shown))
    for _ in range(2):
        now = wait_change(page, shown, now, TRAINING_MS)


def back_to_the_start(page: Page, topic: str, shown: str) -> None:
    """Scrub to the first moment of a run that is over, which looks different from the last."""
    slider = page.locator(f"#{topic}-timeline input[type=range]")
    expect(slider).to_be_enabled()
    newest = page.evaluate(shown)
    slider.press("Home")
    expect(slider).to_have_js_property("value", "0")
    wait_change(page, shown, newest)
