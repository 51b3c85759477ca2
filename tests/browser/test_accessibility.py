"""Everybody can use every tab: axe-core, inside the same browser, in both themes and languages."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from demos import TABS
from tests.browser.conftest import PHONE
from tests.browser.steps import open_tab, sections, set_theme, switch_language, unfold
from tests.serving import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# Faults in Gradio's own markup: [{"rule", "selector", "reason"}]. Nothing of ours belongs here.
ALLOWED = json.loads((Path(__file__).parent / "axe_allowed.json").read_text(encoding="utf-8"))
GRAVE = ("serious", "critical")
RUN = """async (allowed) => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const known = (rule, element) => allowed.findIndex(
    (entry) => entry.rule === rule && element && element.matches(entry.selector));
  return violations.flatMap(({ id, impact, help, nodes }) => nodes.map((node) => {
    const element = document.querySelector(node.target.at(-1));
    return { rule: id, impact: node.impact ?? impact, help, target: node.target.join(" "),
             html: node.html.slice(0, 200), why: node.failureSummary, known: known(id, element) };
  }));
}"""
_used: set[int] = set()


@pytest.fixture(scope="module", autouse=True)
def no_stale_exceptions(request: pytest.FixtureRequest) -> Iterator[None]:
    """An exception that nothing needs any more must leave the list (checked after a whole run)."""
    yield
    ran = {item.name for item in request.session.items if request.path == item.path}
    if len(ran) == 2 * len(TABS) and not request.session.testsfailed:
        stale = [entry for i, entry in enumerate(ALLOWED) if i not in _used]
        assert not stale, f"no longer needed in axe_allowed.json: {stale}"


def faults(page: Page) -> list[dict[str, Any]]:
    """Serious and critical faults on the page as it is now, without the known ones of Gradio."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = [fault for fault in page.evaluate(RUN, ALLOWED) if fault["impact"] in GRAVE]
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


def look(page: Page, lang: str, theme: str) -> str:
    switch_language(page, lang)
    set_theme(page, theme)
    return f"{lang}, {theme}"


@pytest.mark.parametrize("topic", TABS)
def test_no_grave_fault_on_a_desktop(page: Page, topic: str) -> None:
    """Every section of the tab in both themes; the phone has the languages the other way round.

    Of the code panel's sources one is enough: they are alike, and thousands of words long.
    """
    panel = open_tab(page, topic)
    unfold(panel)
    found = {}
    for lang, theme in (("en", "light"), ("vi", "dark")):
        where = look(page, lang, theme)
        for section in sections(panel, but=f"#{topic}-code"):
            found[f"{section}, {where}"] = faults(page)
        if not any(name.endswith(where) for name in found):  # a tab all of one piece
            found[where] = faults(page)
    assert not any(found.values()), report(found)


@pytest.mark.parametrize("topic", TABS)
def test_no_grave_fault_on_a_phone(visit: Callable[..., Page], topic: str) -> None:
    page = visit(f"?tab={topic}", **PHONE)
    unfold(open_tab(page, topic))
    found = {}
    for lang, theme in (("vi", "light"), ("en", "dark")):
        where = look(page, lang, theme)
        found[where] = faults(page)
    assert not any(found.values()), report(found)
