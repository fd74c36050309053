"""What the forms of each role do, and what they say where they are filled in wrongly."""

from __future__ import annotations

import re

import pytest
from test_review_pages_attacks import before, labels
from world import GATE, PASSWORD, World

from duecare.ledger.digest import value_digest
from duecare.review import desk, oversight, people
from duecare.review.app import PAGES, Settings, application
from duecare.review.people import Role
from duecare.review.recused import recusals
from duecare.review.rounds import round_of


def test_the_same_answer_sent_twice_counts_once(world: World) -> None:
    visitor = world.visitor("ann")
    form = before(visitor, world.ratings)
    for _ in range(2):
        assert visitor.post(f"{form}/answer", {"q.kind": "2"}).status_code == 303
    assert len(labels(world, "ann", world.ratings)) == 1
    assert visitor.post(f"{form}/answer", {"q.kind": "3"}).status_code == 404, "it was answered otherwise"
    home = visitor.get("/home").text
    assert "1 judged by you of 6" in home
    assert "Disturbing texts you saw today: 1 of at most 100" in home


def test_a_required_answer_is_asked_for_by_name(world: World) -> None:
    visitor = world.visitor("ann")
    form = before(visitor, world.ratings)
    response = visitor.post(f"{form}/answer", {"q.kind": "", "q.why": "kept"})
    assert response.status_code == 422
    assert 'href="#f-q.kind"' in response.text
    assert ">\nkept</textarea>" in response.text
    assert visitor.post(f"{form}/skip", {"skip_reason": "made up"}).status_code == 400
    assert visitor.post(f"{form}/flag", {"flag_reason": "  "}).status_code == 400


def test_rests_are_explained(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = world.visitor("ann")
    for reason in ("break", "limit", "qualification", "waiting"):
        rest = desk.Rest(reason=reason, until="2026-01-02T03:04:05.000000Z")
        monkeypatch.setattr(desk, "next_item", lambda *_, rest=rest: rest)
        page = visitor.get(f"/rounds/{world.ratings.id}/next")
        assert page.status_code == 200
        assert "2026-01-02 03:04 UTC" in page.text


def test_attributes_are_voluntary_and_deletable(world: World) -> None:
    visitor = world.visitor("ann")
    assert "This is up to you." in visitor.get("/me").text
    visitor.post("/me/attributes", {"a-gender": " woman ", "a-age": "", "a-made-up": "x"})
    assert people.attributes_of(world.store, world.people["ann"]) == {"gender": "woman"}
    assert 'value="woman"' in visitor.get("/me").text
    visitor.post("/me/attributes/delete")
    assert people.attributes_of(world.store, world.people["ann"]) == {}
    visitor.get("/me")
    assert visitor.post("/me/attributes", {"a-gender": "x" * 200}).status_code == 422


def test_a_new_password_ends_other_sessions(world: World) -> None:
    here, there = world.visitor("ann"), world.visitor("ann")
    assert here.post("/me/password", {"old": "wrong", "new": "another long password"}).status_code == 422
    assert here.post("/me/password", {"old": PASSWORD, "new": "short"}).status_code == 422
    assert here.post("/me/password", {"old": PASSWORD, "new": "another long password"}).status_code == 303
    assert here.get("/home").status_code == 200
    assert there.get("/home").status_code == 303


def test_invitations_are_made_and_refused(world: World) -> None:
    owner = world.visitor("owen")
    owner.get("/owner/people")
    for wrong in (
        {"role": "king", "days": "7"},
        {"role": "annotator", "days": "0"},
        {"role": "owner", "days": "x"},
    ):
        assert owner.post("/owner/people/invite", wrong).status_code == 422, wrong
    page = owner.post("/owner/people/invite", {"role": "ethics", "days": "3"})
    link = re.search(r"http://localhost:8000(/join/[\w-]+)", page.text)
    assert link
    assert people.invitation(world.store, link[1].removeprefix("/join/")) is Role.ETHICS
    assert link[1] not in owner.get("/owner/people").text, "shown once"


def test_roles_are_set_by_an_owner_and_never_ones_own(world: World) -> None:
    owner, ann = world.visitor("owen"), world.people["ann"]
    owner.get("/owner/people")
    base = f"/owner/people/{ann.id}"
    assert owner.post(f"{base}/roles", {"role": ["annotator", "adjudicator"]}).status_code == 303
    (now,) = [one for one in people.everybody(world.store) if one.id == ann.id]
    assert now.roles == {Role.ANNOTATOR, Role.ADJUDICATOR}
    for wrong in ({}, {"role": "king"}):
        assert owner.post(f"{base}/roles", wrong).status_code == 400
    own = f"/owner/people/{world.people['owen'].id}"
    owner.get("/owner/people")
    assert owner.post(f"{own}/roles", {"role": "annotator"}).status_code == 403
    assert owner.post(f"{base}/leave").status_code == 303
    assert ann.id not in {one.id for one in people.everybody(world.store)}


def test_a_waiver_needs_two_people_one_of_them_ethical(world: World) -> None:
    owner, eden = world.visitor("owen"), world.visitor("eden")
    asked = {"finding": value_digest(GATE), "reason": "Measured again with more answers.", "days": "10"}
    for wrong in ({"finding": "0" * 64}, {"days": "x"}, {"days": "999"}, {"reason": "so"}):
        assert owner.post("/waivers", asked | wrong).status_code == 422, wrong
    assert oversight.waivers(world.store) == []
    assert "duecare waive" in owner.get("/waivers").text  # what counts instead where people have keys
    assert owner.post("/waivers", asked).status_code == 303
    (waiver,) = oversight.waivers(world.store)
    owner.get("/waivers")
    assert owner.post(f"/waivers/{waiver.id}/second").status_code == 403
    assert world.told == []
    assert eden.post(f"/waivers/{waiver.id}/second").status_code == 303
    (note,) = world.told
    assert (note.topic, note.data["finding"]) == ("waiver", value_digest(GATE))
    assert "seconded by Eden Example" in owner.get("/waivers").text


def test_a_gate_that_did_not_fail_cannot_be_waived(world: World) -> None:
    app = application(world.store, Settings())
    world.app = app
    owner = world.visitor("owen")
    assert "No gate of this run has failed." in owner.get("/waivers").text
    asked = {"finding": value_digest(GATE), "reason": "Measured again with more answers.", "days": "10"}
    assert owner.post("/waivers", asked).status_code == 422
    base = f"/owner/rounds/{world.ratings.id}/export"
    assert "Nothing can be exported from here" in owner.get(base).text
    assert owner.post(base).status_code == 400


def test_the_guideline_is_revised_with_a_reason(world: World) -> None:
    eden = world.visitor("eden")
    path = f"/oversight/{world.ratings.id}/guideline"
    assert eden.post(path, {"text": "New.", "why": ""}).status_code == 422
    assert eden.post(path, {"text": "New.\r\nLine.", "why": "It was unclear."}).status_code == 303
    page = eden.get(path).text
    assert "Version 2" in page
    assert "New.\nLine." in page
    ann = world.visitor("ann")
    assert "Guideline, version 2" in ann.get(f"/rounds/{world.ratings.id}/next").text


def test_recusal_names_an_item_or_a_stratum(world: World) -> None:
    eden, ann = world.visitor("eden"), world.people["ann"]
    path = f"/oversight/{world.ratings.id}/recusals"
    sent = {"person": ann.id, "scope": "item", "item": "", "reason": "They are neighbours."}
    for wrong in (sent, sent | {"item": "i-nothing"}, sent | {"scope": "s nowhere"}):
        assert eden.post(path, wrong).status_code == 422, wrong
    scope = re.search(r'value="(s [^"]+)"', eden.get(path).text)
    assert scope
    assert eden.post(path, sent | {"scope": scope[1]}).status_code == 303
    (kept,) = recusals(world.store, world.ratings.id)
    assert (kept.person, kept.item, kept.stratum) == (ann.id, None, scope[1][2:])


def test_a_dispute_of_another_round_is_not_here(world: World) -> None:
    for login in ("ann", "ben"):
        shown = desk.next_item(world.store, world.people[login], world.pairs.id)
        assert isinstance(shown, desk.Shown)
        chosen = "left" if shown.texts["left"] in ("Lock it in the app first.", "Call us.") else "right"
        answer = chosen if login == "ann" else "tie"
        desk.submit(world.store, world.people[login], shown.assignment, {"better": answer})
    dara = world.visitor("dara")
    page = dara.get(f"/settle/{world.pairs.id}").text
    item = re.search(r"/settle/[^/]+/(i-[^\"]+)", page)
    assert item
    assert dara.get(f"/settle/{world.ratings.id}/{item[1]}").status_code == 404
    path = f"/settle/{world.pairs.id}/{item[1]}"
    assert dara.get(path).status_code == 200
    more = dara.post(path, {"q.better": "left", "reason": "Half a reason", "more": "x"})
    assert more.status_code == 200, "another row is no decision"
    assert "Half a reason" in more.text
    assert "It is settled already" not in dara.get(path).text
    assert dara.post(path, {"q.better": "left", "reason": ""}).status_code == 422
    assert dara.post(path, {"q.better": "best", "reason": "Because."}).status_code == 422
    assert dara.post(path, {"q.better": "left", "reason": "It says what to do."}).status_code == 303
    assert "It is settled already" in dara.get(path).text


def test_a_closed_round_takes_no_answer(world: World) -> None:
    ann, owner = world.visitor("ann"), world.visitor("owen")
    form = before(ann, world.ratings)
    owner.post(f"/owner/rounds/{world.ratings.id}/close")
    assert round_of(world.store, world.ratings.id).state == "closed"
    ann.get("/me")
    assert ann.post(f"{form}/answer", {"q.kind": "1"}).status_code == 404
    assert "Begin<span" in ann.get("/home").text, "the other round is open"


def test_two_pages_at_one_address_are_refused(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setattr("duecare.review.app.PAGES", (*PAGES, PAGES[0]))
    with pytest.raises(ValueError, match="two pages"):
        application(world.store, Settings())
