"""Everybody can use every tab: axe-core, inside the same browser, in both themes and languages.

A desktop's page and a phone's serve all tabs, one look after the other.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from demos import TABS
from tests.browser.conftest import PHONE, shared_page
from tests.browser.steps import (
    open_tab,
    sections,
    set_theme,
    switch_language,
    unfold,
    wait_ready,
)
from tests.serving import ROOT, Server

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# Faults in Gradio's own markup: [{"rule", "selector", "reason"}]. Nothing of ours belongs here.
ALLOWED = json.loads((Path(__file__).parent / "axe_allowed.json").read_text(encoding="utf-8"))
GRAVE = ("serious", "critical")
# Explanations are looked at, not read: the smallest amounts of work give the same page.
ADDRESS = "?tab=resnet&how_samples=1&how_steps=2&how_window=112&how_shares=4"
# `make test` takes the first of each, which differ in language and theme; `make slow` the others.
SLOW = pytest.mark.slow
DESKTOP_LOOKS = [("en", "light"), pytest.param(("vi", "dark"), marks=SLOW)]
PHONE_LOOKS = [("vi", "dark"), pytest.param(("en", "light"), marks=SLOW)]
# axe walks through everything that is on the page, also what is not shown: ten tabs, most of them
# hidden, take it five times as long as one. So what hidden panels hold is set aside meanwhile.
RUN = """async ([allowed, place]) => {
  const hidden = [...document.querySelectorAll("[role=tabpanel]")].filter((panel) =>
    !panel.checkVisibility());
  const aside = hidden.map((panel) => [panel, [...panel.childNodes]]);
  hidden.forEach((panel) => panel.replaceChildren());
  const { violations } = await axe.run(place ?? document, { resultTypes: ["violations"] })
    .finally(() => aside.reverse().forEach(([panel, held]) => panel.replaceChildren(...held)));
  const known = (rule, element) => allowed.findIndex(
    (entry) => entry.rule === rule && element && element.matches(entry.selector));
  return violations.flatMap(({ id, impact, help, nodes }) => nodes.map((node) => {
    const element = document.querySelector(node.target.at(-1));
    return { rule: id, impact: node.impact ?? impact, help, target: node.target.join(" "),
             html: node.html.slice(0, 200), why: node.failureSummary, known: known(id, element) };
  }));
}"""
# What has just been shown gets its words with the next frame, which a busy machine is late with.
DRAWN = "new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
_used: set[int] = set()


@pytest.fixture(scope="module", autouse=True)
def no_stale_exceptions(request: pytest.FixtureRequest) -> Iterator[None]:
    """An exception that nothing needs any more must leave the list (checked after a whole run)."""
    yield
    ran = {item.name for item in request.session.items if request.path == item.path}
    every = {
        f"test_no_grave_fault_on_a_{look}-{topic}]"
        for look in ("desktop[en-light", "phone[vi-dark")
        for topic in TABS
    }
    if ran >= every and not request.session.testsfailed:
        stale = [entry for i, entry in enumerate(ALLOWED) if i not in _used]
        assert not stale, f"no longer needed in axe_allowed.json: {stale}"


@pytest.fixture(scope="module")
def desktop(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/{ADDRESS}") as page:
        yield prepared(page)


@pytest.fixture(scope="module")
def handheld(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/{ADDRESS}", **PHONE) as page:
        yield prepared(page)


def prepared(page: Page) -> Page:
    wait_ready(page)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return page


def faults(page: Page, place: dict[str, list[str]] | None = None) -> list[dict[str, Any]]:
    """Serious and critical faults on the page as it is now, without the known ones of Gradio.

    place: {"include": selectors, "exclude": selectors}, or None for the whole page.
    """
    page.evaluate(DRAWN)
    found = [fault for fault in page.evaluate(RUN, [ALLOWED, place]) if fault["impact"] in GRAVE]
    _used.update(fault["known"] for fault in found if fault["known"] >= 0)
    return [fault for fault in found if fault["known"] < 0]


def report(found: dict[str, list[dict[str, Any]]]) -> str:
    """The faults, alike ones once: rule, how often, where first, and what would mend it."""
    alike: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    for where, faulty in found.items():
        for fault in faulty:
            name = (fault["rule"], fault["html"].split(">")[0].split("id=")[0])
            alike.setdefault(name, []).append((where, fault))
    lines = []
    for (rule, _), places in alike.items():
        where, fault = places[0]
        lines.append(f"{rule} ({fault['impact']}), {len(places)} times, first in {where}:")
        lines.append(f"    {fault['target']}\n    {fault['html']}\n    {fault['why']}")
    return "\n".join(lines)


def unfolded(page: Page, topic: str, look: tuple[str, str]) -> Locator:
    """The panel of a tab, in that language and theme, with all that it can unfold."""
    panel = open_tab(page, topic)
    switch_language(page, look[0])
    set_theme(page, look[1])
    unfold(panel)
    expect(page.locator(f"#{topic}-machine .empty")).to_have_count(0)  # the server has answered
    return panel


@pytest.mark.parametrize("topic", TABS)
@pytest.mark.parametrize("look", DESKTOP_LOOKS, ids="-".join)
def test_no_grave_fault_on_a_desktop(desktop: Page, topic: str, look: tuple[str, str]) -> None:
    """The whole page, then what each further section of the tab shows.

    Of the code panel's sources one is enough: they are alike, and thousands of words long.
    """
    panel = unfolded(desktop, topic, look)
    found = {"the whole page": faults(desktop)}
    code = f"#{topic}-code"
    inside = {"include": [f"#tab-{topic} [role=tabpanel]"], "exclude": [code]}
    for section in sections(panel, but=code):
        found[section] = faults(desktop, inside)
    assert not any(found.values()), report(found)


@pytest.mark.parametrize("topic", TABS)
@pytest.mark.parametrize("look", PHONE_LOOKS, ids="-".join)
def test_no_grave_fault_on_a_phone(handheld: Page, topic: str, look: tuple[str, str]) -> None:
    unfolded(handheld, topic, look)
    found = {"the whole page": faults(handheld)}
    assert not any(found.values()), report(found)
