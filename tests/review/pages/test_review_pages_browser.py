"""The pages in a real browser: readable by all, light, at home on a telephone, silent on the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from served import served
from world import GATE, LOGINS, PASSWORD, QUESTIONS, World, candidates

from duecare.ledger.digest import value_digest
from duecare.review import desk, oversight, people
from duecare.review.app import Settings
from duecare.review.people import Role
from duecare.review.plan import Plan
from duecare.review.rounds import open_round

pytestmark = pytest.mark.browser
MOST_BYTES = 60_000


@pytest.fixture
def lived(world: World) -> World:
    """The world after some work: labels that differ, a flag, a draft, a recusal, a waiver that waits."""
    store, who = world.store, world.people
    for login, answer, choice in (("ann", 1, "left"), ("ben", 3, "right")):
        for which, answers in (
            (world.ratings, {"kind": answer, "why": "the last words"}),
            (world.pairs, {"better": choice}),
        ):
            for _ in range(2):
                shown = desk.next_item(store, who[login], which.id)
                assert isinstance(shown, desk.Shown)
                desk.submit(store, who[login], shown.assignment, answers, "It is what it is.", 12.0)
        people.state_attributes(store, who[login], {"gender": "woman", "age": "30 to 39"})
    shown = desk.next_item(store, who["ann"], world.ratings.id)
    assert isinstance(shown, desk.Shown)
    desk.flag(store, who["ann"], shown.assignment, "This names a person whom I know.")
    oversight.recuse(
        store, who["eden"], who["ann"].id, world.ratings.id, "They know each other.", item=shown.item
    )
    oversight.ask_waiver(
        store, who["owen"], GATE.name, value_digest(GATE), "Few answers, measured again next week.", 30
    )
    return world


@pytest.fixture
def site(lived: World) -> Iterator[str]:
    with served(lived.store, Settings(exports=lived.exports, failed=lambda: (GATE,))) as address:
        yield address


def settled(page: Any, text: str) -> None:
    """Wait for a page that says so, and for its script."""
    page.get_by_text(text).wait_for()
    page.locator("html.scripted").wait_for(state="attached")


def log_in(page: Any, site: str, login: str) -> None:
    page.goto(f"{site}/log-in")
    page.get_by_label("Log-in name").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/home")


def pages_of(world: World, login: str) -> list[str]:
    ratings, pairs = world.ratings.id, world.pairs.id
    disputed = desk.history(world.store, world.people["ann"], pairs)[0].item
    return {
        "cai": [
            "/home",
            "/me",
            "/break",
            f"/rounds/{ratings}/next",
            f"/rounds/{pairs}/next",
            f"/rounds/{ratings}/history",
        ],
        "ann": [f"/rounds/{ratings}/history"],
        "dara": ["/home", "/settle", f"/settle/{pairs}", f"/settle/{pairs}/{disputed}"],
        "eden": ["/home", "/oversight", "/waivers"]
        + [
            f"/oversight/{ratings}{part}"
            for part in ("", "/raters", "/panel", "/guideline", "/flags", "/exposure", "/recusals")
        ],
        "owen": ["/home", "/owner/rounds", "/owner/people", "/waivers", f"/owner/rounds/{ratings}/export"],
    }[login]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("login", ["cai", "ann", "dara", "eden", "owen"])
def test_axe_finds_nothing_serious(browser: Any, site: str, lived: World, login: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(10_000)
    axe, found = Axe(), {}
    if login == "cai":
        token = people.invite(lived.store, Role.ANNOTATOR, None)
        for path in ("/log-in", f"/join/{token}", "/nothing"):
            page.goto(site + path)
            found[path] = serious(axe.run(page))
    log_in(page, site, login)
    for path in pages_of(lived, login):
        page.goto(site + path)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        found[path] = serious(axe.run(page))
        assert page.locator("h1").count() == 1, path
    assert {path: what for path, what in found.items() if what} == {}
    context.close()


def serious(results: Any) -> list[str]:
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in results.response["violations"]
        if one["impact"] in ("serious", "critical", "moderate")
    ]


def test_axe_can_find_something(browser: Any) -> None:
    """Control."""
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page()
    page.set_content("<html><body><img src='x'><input></body></html>")
    assert serious(Axe().run(page))
    page.close()


@pytest.mark.parametrize("login", ["cai", "dara", "eden", "owen"])
def test_pages_are_light_fit_a_telephone_and_ask_nobody_else(
    browser: Any, site: str, lived: World, login: str
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.set_default_timeout(10_000)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    log_in(page, site, login)
    for path in pages_of(lived, login):
        asked.clear()
        page.goto(site + path)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        sizes = [len(context.request.get(url).body()) for url in {site + path, *asked}]
        assert sum(sizes) < MOST_BYTES, (path, sum(sizes))
        assert all(url.startswith(f"{site}/") for url in asked), asked
    assert said == []
    context.close()


@pytest.fixture
def judging(browser: Any, site: str, lived: World) -> Iterator[Any]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(10_000)
    log_in(page, site, "cai")
    page.goto(f"{site}/rounds/{lived.ratings.id}/next")
    yield page
    context.close()


def test_a_disturbing_text_is_veiled_until_asked_for(judging: Any) -> None:
    text = judging.locator(".said")
    assert not text.is_visible()
    assert "said" not in str(judging.locator("details.veil").aria_snapshot()), "nor is it read out"
    judging.locator("details.veil > summary").click()
    assert text.is_visible()
    judging.keyboard.press("v")
    assert not text.is_visible()


def test_an_item_is_judged_by_keys_alone(judging: Any, lived: World) -> None:
    cai = lived.people["cai"]
    judging.keyboard.press("?")
    assert judging.get_by_role("dialog").is_visible()
    judging.keyboard.press("Escape")
    judging.keyboard.press("2")
    assert judging.locator("input[value='2']").is_checked()
    judging.keyboard.press("Enter")
    settled(judging, "Saved.")
    (past,) = desk.history(lived.store, cai, lived.ratings.id)
    assert past.answers["kind"] == 2
    judging.keyboard.press("u")
    settled(judging, "You took this one back")
    judging.keyboard.press("s")
    assert judging.locator("#f-skip_reason").is_visible()
    judging.get_by_role("button", name="Skip").click()
    settled(judging, "Skipped.")
    judging.keyboard.press("f")
    judging.keyboard.type("f 1 ?")
    assert judging.locator("#f-flag_reason").input_value() == "f 1 ?", "keys are letters where one writes"


def test_a_draft_saves_itself_and_says_so(judging: Any, lived: World) -> None:
    judging.get_by_label("What decided it?").fill("half a tho")
    judging.get_by_text(re.compile("Draft saved at")).wait_for()
    assert judging.locator("#saved").get_attribute("aria-live") == "polite"
    shown = desk.next_item(lived.store, lived.people["cai"], lived.ratings.id)
    assert isinstance(shown, desk.Shown)
    assert shown.draft["why"] == "half a tho"
    judging.reload()
    assert judging.get_by_label("What decided it?").input_value() == "half a tho"


MARK = """() => {
  const text = document.querySelector('[data-part]').firstChild;
  const range = document.createRange();
  range.setStart(text, 0); range.setEnd(text, 6);
  const selection = window.getSelection(); selection.removeAllRanges(); selection.addRange(range);
}"""


def test_places_are_marked_by_selection(judging: Any, lived: World) -> None:
    judging.locator("details.veil > summary").click()
    words = judging.locator(".said").inner_text()[:6]
    judging.evaluate(MARK)
    judging.get_by_role("button", name="threat").click()
    assert judging.locator(".said mark").inner_text() == words
    assert judging.locator(".marked li").count() == 1
    judging.get_by_text(re.compile("Draft saved at")).wait_for()
    judging.reload()
    assert judging.locator(".marked li q").inner_text().strip() == words.strip()
    judging.locator("input[value='1']").check()
    judging.get_by_role("button", name="Save and go on").click()
    settled(judging, "Saved.")
    (past,) = desk.history(lived.store, lived.people["cai"], lived.ratings.id)
    assert past.answers["places"] == [{"part": "text", "start": 0, "end": 6, "label": "threat"}]


TRICKY = "one\r\ntwo\rthree\0 <b>four</b> &amp; 👩‍🔬 e\u0301nd last"
MARK_LAST = MARK.replace("setStart(text, 0)", "setStart(text, text.data.indexOf('last'))").replace(
    "setEnd(text, 6)", "setEnd(text, text.data.length)"
)


def test_offsets_in_the_browser_are_offsets_in_the_store(browser: Any, lived: World) -> None:
    """Line ends, markup, emoji and combining marks: the browser counts the code points that the store has."""
    plan = Plan(name="Tricky", point="data", questions=QUESTIONS, guideline="G", overlap=1)
    which = open_round(lived.store, candidates([TRICKY]), plan)
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(10_000)
    with served(lived.store, Settings()) as site:
        log_in(page, site, "cai")
        page.goto(f"{site}/rounds/{which.id}/next")
        page.evaluate(MARK_LAST)
        page.get_by_role("button", name="insult").click()
        page.locator("input[value='1']").check()
        page.get_by_role("button", name="Save and go on").click()
        page.get_by_text("All done").wait_for()
        context.close()
    (past,) = desk.history(lived.store, lived.people["cai"], which.id)
    (span,) = past.answers["places"]
    assert (span["start"], span["end"]) == (TRICKY.index("last"), len(TRICKY))


def test_all_of_it_works_without_scripts(browser: Any, site: str, lived: World) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(10_000)
    log_in(page, site, "cai")
    page.goto(f"{site}/rounds/{lived.ratings.id}/next")
    page.locator("details.veil > summary").click()
    text = page.locator(".said").inner_text()
    page.get_by_label("Words 1").fill(text[:8])
    page.get_by_label("What they are").first.select_option("insult")
    page.get_by_role("button", name="Save as draft, and add another row").click()
    assert page.get_by_label("Words 1").input_value() == text[:8].strip()
    page.get_by_label("Words 2").fill("not in it")
    page.get_by_label("Fairly").check()
    page.get_by_role("button", name="Save and go on").click()
    assert page.get_by_role("alert").is_visible(), "and what was entered is still there"
    assert page.get_by_label("Fairly").is_checked()
    page.get_by_label("Words 2").fill("")
    page.get_by_role("button", name="Save and go on").click()
    assert page.get_by_text("Saved.").is_visible()
    page.locator("#skip > summary").click()
    page.get_by_role("button", name="Skip").click()
    assert page.get_by_text("Skipped.").is_visible()
    page.get_by_role("button", name="Undo my last answer").click()
    assert page.get_by_text("You took this one back").is_visible()
    (past,) = [
        one for one in desk.history(lived.store, lived.people["cai"], lived.ratings.id) if one.kind == "label"
    ]
    (span,) = past.answers["places"]
    assert text[span["start"] : span["end"]] == text[:8].strip()
    assert LOGINS
    context.close()
