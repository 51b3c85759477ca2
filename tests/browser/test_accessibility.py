"""Everybody can use every tab: axe-core, inside the same browser, in both themes and languages."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from demos import TABS
from tests.browser.conftest import PHONE
from tests.browser.steps import open_tab, set_theme, switch_language, unfold
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
    lines = []
    for where, faulty in found.items():
        for fault in faulty:
            lines.append(f"{where}: {fault['rule']} ({fault['impact']}) {fault['target']}")
            lines.append(f"    {fault['html']}\n    {fault['why']}")
    return "\n".join(lines)


def check(page: Page, topic: str) -> None:
    unfold(open_tab(page, topic))
    found = {}
    for lang in ("en", "vi"):
        switch_language(page, lang)
        for theme in ("light", "dark"):
            set_theme(page, theme)
            found[f"{topic}, {lang}, {theme}"] = faults(page)
    text = report(found)
    assert not text, text


@pytest.mark.parametrize("topic", TABS)
def test_no_grave_fault_on_a_desktop(page: Page, topic: str) -> None:
    check(page, topic)


@pytest.mark.parametrize("topic", TABS)
def test_no_grave_fault_on_a_phone(visit: Callable[..., Page], topic: str) -> None:
    check(visit(f"?tab={topic}", **PHONE), topic)
