"""What an annotator's HTML never holds: scores, models, groups, purposes, and other people's answers."""

from __future__ import annotations

import re

from visitor import Visitor
from world import HIDDEN, World, candidates

from duecare.review import desk
from duecare.review.plan import Check, Plan, Quality
from duecare.review.question import Question
from duecare.review.rounds import Round, open_round

SECRETS = (
    *HIDDEN.values(),
    "0.7345",
    "chats:",
    "pairs:",
    "attention",
    "qualification",
    "probability",
    "stratum",
    "expected",
    "pair_id",
    "twin",
)
KIND = Question(name="kind", ask="How is it?", kind="rate", scale=("bad", "fair", "good"))


def everything_seen(visitor: Visitor, which: Round) -> str:
    """All HTML of the round's pages for this person, who answers whatever comes."""
    seen = [visitor.get("/home").text, visitor.get("/me").text]
    for _ in range(30):
        page = visitor.get(f"/rounds/{which.id}/next").text
        seen.append(page)
        if not (form := re.search(r'action="(/rounds/[^"]*/answer)"', page)):
            break
        sent = {"q.kind": "3", "q.better": "left"}
        given = {f"q.places.{name}": "" for name in ("words", "start", "end")} | {
            "q.places.label": "insult",
            "q.places.part": "text",
        }
        used = {name: value for name, value in (sent | given).items() if f'name="{name}"' in page}
        assert visitor.post(form[1], used).status_code == 303
    seen.append(visitor.get(f"/rounds/{which.id}/history").text)
    return "".join(seen)


def test_no_hidden_field_and_no_answer_of_others_is_sent(world: World) -> None:
    ben = world.people["ben"]
    for which in (world.ratings, world.pairs):
        shown = desk.next_item(world.store, ben, which.id)
        assert isinstance(shown, desk.Shown)
        answers = {"better": "left"} if which is world.pairs else {"kind": 1}
        desk.submit(world.store, ben, shown.assignment, answers, "what ben remarked")
    visitor = world.visitor("ann")
    seen = everything_seen(visitor, world.ratings) + everything_seen(visitor, world.pairs)
    for secret in (*SECRETS, "what ben remarked", ben.id, ben.name, "chosen", "rejected", "ben"):
        assert secret not in seen, secret
    assert "Ann Example" in seen, "control: what is sent is searched"
    assert "Buy a new one." in seen, "control: items were judged"


def test_checks_and_items_look_alike(world: World) -> None:
    """An attention check differs from an item in nothing but its text."""
    checks = (Check(text="Choose “bad” here.", expected={"kind": (1,)}, purpose="attention"),)
    plan = Plan(
        name="Checked",
        point="data",
        questions=(KIND,),
        guideline="G",
        overlap=1,
        checks=checks,
        quality=Quality(attention_every=1, consistency=0.0),
    )
    which = open_round(world.store, candidates(["One text.", "Two texts."]), plan)
    visitor = world.visitor("cai")
    pages = []
    for _ in range(3):
        page = visitor.get(f"/rounds/{which.id}/next").text
        form = re.search(r'action="(/rounds/[^"]*/answer)"', page)
        assert form
        pages.append(_alike(page))
        visitor.post(form[1], {"q.kind": "1"})
    assert any("bad” here" in page for page in pages), "control: the check was given"
    assert len({re.sub(r'<div class="said".*?</div>', "", page) for page in pages}) == 1
    assert not [secret for secret in SECRETS if any(secret in page for page in pages)]


def _alike(page: str) -> str:
    """Without what differs from item to item for everybody: ids, tokens, times, the count."""
    page = re.sub(r'value="[A-Za-z0-9_-]{20,}"|"opened" value="\d+"|[air]-[0-9a-f]{16}', "", page)
    return re.sub(
        r'Item \d|\d of \d judged|value="\d" max="\d"|<div class="notice pass".*?</div>|\s+', " ", page
    )


def test_a_group_that_is_shown_on_purpose_is_shown(world: World) -> None:
    """Control: the page can show a group, where the round is not blind to it."""
    plan = Plan(name="Open", point="data", questions=(KIND,), guideline="G", blind=False)
    which = open_round(world.store, candidates(["One text."]), plan)
    visitor = world.visitor("cai")
    assert HIDDEN["group"] in visitor.get(f"/rounds/{which.id}/next").text
