"""Every route, every role: what is open to whom is written here once more, and asked for in earnest."""

from __future__ import annotations

import pytest
from starlette.routing import Route
from world import LOGINS, PASSWORD, World

from duecare.review import people
from duecare.review.app import PAGES
from duecare.review.pages.access import ANYBODY, Page
from duecare.review.people import Role

A, J, E, W = Role.ANNOTATOR, Role.ADJUDICATOR, Role.ETHICS, Role.OWNER
EVERY = frozenset(Role)
RULES: dict[tuple[str, str], frozenset[Role] | str] = {
    ("GET", "/"): ANYBODY,
    ("GET", "/log-in"): ANYBODY,
    ("POST", "/log-in"): ANYBODY,
    ("GET", "/join/{token}"): ANYBODY,
    ("POST", "/join/{token}"): ANYBODY,
    ("GET", "/assets/{digest}/{name}"): ANYBODY,
    ("POST", "/log-out"): EVERY,
    ("GET", "/home"): EVERY,
    ("GET", "/me"): EVERY,
    ("POST", "/me/attributes"): EVERY,
    ("POST", "/me/attributes/delete"): EVERY,
    ("POST", "/me/password"): EVERY,
    ("GET", "/break"): EVERY,
    ("GET", "/rounds/{round}/next"): {A},
    ("POST", "/rounds/{round}/items/{assignment}/answer"): {A},
    ("POST", "/rounds/{round}/items/{assignment}/draft"): {A},
    ("POST", "/rounds/{round}/items/{assignment}/skip"): {A},
    ("POST", "/rounds/{round}/items/{assignment}/flag"): {A},
    ("POST", "/rounds/{round}/undo"): {A},
    ("GET", "/rounds/{round}/history"): {A},
    ("GET", "/settle"): {J},
    ("GET", "/settle/{round}"): {J},
    ("GET", "/settle/{round}/{item}"): {J},
    ("POST", "/settle/{round}/{item}"): {J},
    ("GET", "/oversight"): {E},
    ("GET", "/oversight/{round}"): {E},
    ("GET", "/oversight/{round}/raters"): {E},
    ("GET", "/oversight/{round}/panel"): {E},
    ("GET", "/oversight/{round}/guideline"): {E},
    ("POST", "/oversight/{round}/guideline"): {E},
    ("GET", "/oversight/{round}/flags"): {E},
    ("GET", "/oversight/{round}/exposure"): {E},
    ("GET", "/oversight/{round}/recusals"): {E},
    ("POST", "/oversight/{round}/recusals"): {E},
    ("GET", "/waivers"): {E, W},
    ("POST", "/waivers"): {E, W},
    ("POST", "/waivers/{waiver}/second"): {E, W},
    ("GET", "/owner/rounds"): {W},
    ("POST", "/owner/rounds/{round}/close"): {W},
    ("GET", "/owner/rounds/{round}/export"): {W},
    ("POST", "/owner/rounds/{round}/export"): {W},
    ("GET", "/owner/rounds/{round}/export/{name}"): {W},
    ("GET", "/owner/people"): {W},
    ("POST", "/owner/people/invite"): {W},
    ("POST", "/owner/people/{person}/roles"): {W},
    ("POST", "/owner/people/{person}/leave"): {W},
}
NOT_LET_IN = 403
ENDING = ("/log-out", "/log-in", "/owner/people/{person}/leave")
"""These end a session, or somebody's part: asked for by themselves elsewhere."""


def pages_of(world: World) -> dict[tuple[str, str], Page]:
    """Address and page of everything that the application answers to, read off the application itself."""
    found = {}
    for route in world.app.routes:
        assert isinstance(route, Route), f"{route}: not one of our pages"
        page = getattr(route.endpoint, "page", None)
        assert isinstance(page, Page), f"{route.path}: a route without a rule"
        assert (route.methods or set()) - {"HEAD"} == {page.method}
        assert route.path == page.path
        found[page.method, page.path] = page
    return found


def test_each_route_has_the_rule_that_stands_here(world: World) -> None:
    found = {address: page.access for address, page in pages_of(world).items()}
    assert found == {address: rule if rule == ANYBODY else frozenset(rule) for address, rule in RULES.items()}


def test_a_page_without_a_rule_cannot_be_written() -> None:
    with pytest.raises(TypeError):
        Page(path="/x", method="GET", answer=PAGES[0].answer)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="nobody"):
        Page(path="/x", method="GET", access=frozenset(), answer=PAGES[0].answer)


def address(world: World, path: str) -> str:
    """A path with things that are there."""
    names = {"round": world.ratings.id, "assignment": "a-1", "item": "i-1", "token": "t", "waiver": "w-1"}
    names |= {"person": world.people["cai"].id, "name": "labels.parquet", "digest": "0"}
    return path.format(**names)


@pytest.mark.parametrize("login", LOGINS)
def test_every_route_asked_by(world: World, login: str) -> None:
    """A role sees its own pages; the others are refused by the rule, with or without a valid form."""
    role = LOGINS[login][1]
    visitor = world.visitor(login)
    for (method, path), rule in RULES.items():
        allowed = rule == ANYBODY or role in rule
        if allowed and path in ENDING:
            continue
        visitor.get("/me")  # a fresh token
        response = (
            visitor.get(address(world, path)) if method == "GET" else visitor.post(address(world, path))
        )
        assert (response.status_code == NOT_LET_IN) != allowed, (method, path, response.status_code)
        assert response.status_code < 500, (method, path, response.text)
        if not allowed:
            assert "Your role does not include this page" in response.text


def test_nobody_is_let_in_without_a_session(world: World) -> None:
    visitor = world.visitor()
    for (method, path), rule in RULES.items():
        if rule == ANYBODY:
            continue
        visitor.get("/log-in")
        if method == "GET":
            response = visitor.get(address(world, path))
            assert (response.status_code, response.headers["location"]) == (303, "/log-in"), path
        else:
            assert visitor.post(address(world, path)).status_code == 401, path


def test_two_roles_see_both_and_a_lost_role_is_lost_at_once(world: World) -> None:
    owner, ann = world.people["owen"], world.people["ann"]
    visitor = world.visitor("ann")
    assert visitor.get("/settle").status_code == NOT_LET_IN
    people.give_roles(world.store, owner, ann.id, frozenset({A, J}))
    assert visitor.get("/settle").status_code == 200
    assert visitor.get(f"/rounds/{world.ratings.id}/next").status_code == 200
    people.give_roles(world.store, owner, ann.id, frozenset({J}))
    assert visitor.get(f"/rounds/{world.ratings.id}/next").status_code == NOT_LET_IN
    people.deactivate(world.store, owner, ann.id)
    assert visitor.get("/settle").headers["location"] == "/log-in"


def test_the_menu_shows_nothing_that_is_not_open(world: World) -> None:
    for login in LOGINS:
        visitor = world.visitor(login)
        shown = visitor.get("/home").text
        for (method, path), rule in RULES.items():
            if method == "GET" and rule != ANYBODY and LOGINS[login][1] not in rule and "{" not in path:
                assert f'href="{path}"' not in shown, (login, path)
    assert PASSWORD
