"""What a visitor does, in the words of the tests: open a tab, switch language, draw, wait."""

from collections.abc import Iterator, Sequence

from playwright.sync_api import Locator, Page, expect

TRAINING_MS = 90_000  # a slow machine with other work

_QUIET = """() => new Promise((resolve) => {
  let timer;
  const done = () => { watcher.disconnect(); resolve(); };
  const again = () => { clearTimeout(timer); timer = setTimeout(done, 300); };
  const watcher = new MutationObserver(again);
  watcher.observe(document.body, { subtree: true, childList: true, attributes: true });
  setTimeout(done, 6000);
  again();
})"""


def wait_ready(page: Page) -> None:
    """Until the page is built, its language chosen and its first answer from the server drawn."""
    page.locator("[role=tab]:visible").first.wait_for()
    page.wait_for_function("localStorage.getItem('dl-browser') !== null")
    wait_idle(page)


def wait_idle(page: Page) -> None:
    """Until nothing on the page has changed for 0.3 s (6 s at most: a training never rests)."""
    page.evaluate(_QUIET)


def open_tab(page: Page, topic: str) -> Locator:
    """Go to a topic's tab as a visitor does, and return its panel."""
    button = page.locator(f"#tab-{topic}-button").first
    if button.get_attribute("aria-selected") != "true":
        button.click()
    panel = page.locator(f"#tab-{topic}[role=tabpanel]")
    panel.wait_for()
    wait_idle(page)
    return panel


def switch_language(page: Page, lang: str) -> None:
    """Press the language switch ("vi" or "en") and wait for the server's words."""
    page.locator(f"#dl-language input[value={lang}]").check(force=True)
    page.wait_for_function("(lang) => document.documentElement.lang === lang", arg=lang)
    wait_idle(page)


def set_theme(page: Page, theme: str) -> None:
    """Make the page "light" or "dark" with its own button."""
    dark = "document.body.classList.contains('dark')"
    if page.evaluate(dark) != (theme == "dark"):
        page.locator("#dl-theme").click()
    page.wait_for_function(f"{dark} === {'true' if theme == 'dark' else 'false'}")
    wait_idle(page)


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
    page.locator(f"#{topic}-section-{name}-button").click()
    page.locator(f"#{topic}-section-{name}[role=tabpanel]").wait_for()
    wait_idle(page)


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
    page.locator(f"#{topic}-train").click()
    status = page.locator(f"#{topic}-status .dl-status")
    expect(status).to_have_attribute("data-state", "running", timeout=TRAINING_MS)
    now = str(page.evaluate(shown))
    for _ in range(2):
        now = wait_change(page, shown, now, TRAINING_MS)


def back_to_the_start(page: Page, topic: str, shown: str) -> None:
    """Scrub to the first moment of a run that is over, which looks different from the last."""
    newest = page.evaluate(shown)
    page.locator(f"#{topic}-timeline input[type=range]").focus()
    page.keyboard.press("Home")
    wait_change(page, shown, newest)
