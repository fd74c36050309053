"""What a stranger, a colleague or a text may try: all of it is refused, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from visitor import FORM, Visitor
from world import PASSWORD, World, candidates

from duecare.review import desk, people
from duecare.review.app import Settings, application
from duecare.review.pages.guard import POLICY
from duecare.review.pages.visit import MOST_BYTES
from duecare.review.people import Role
from duecare.review.plan import Plan
from duecare.review.question import Question
from duecare.review.rounds import Round, open_round

SCRIPT = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>'{{7*7}}</textarea></main>"
EVENT = re.compile(r"<script>alert|<img src=x|</textarea></main>|>49<")


def before(visitor: Visitor, which: Round) -> str:
    """The address of the form for the item before this person."""
    page = visitor.get(f"/rounds/{which.id}/next").text
    found = re.search(r'action="(/rounds/[^"]*)/answer"', page)
    assert found, page
    return found[1]


def labels(world: World, login: str, which: Round) -> list[desk.Past]:
    return [one for one in desk.history(world.store, world.people[login], which.id) if one.kind == "label"]


def test_script_in_texts_names_and_comments_stays_text(world: World) -> None:
    question = Question(
        name="kind", ask=f"Is it {SCRIPT}?", kind="rate", scale=("no", f"yes {SCRIPT}"), help=SCRIPT
    )
    plan = Plan(name=SCRIPT[:80], point="data", questions=(question,), guideline=SCRIPT, overlap=2)
    which = open_round(world.store, candidates([SCRIPT]), plan)
    invitation = people.invite(world.store, Role.ANNOTATOR, None)
    mallory = people.join(world.store, invitation, "mallory", SCRIPT[:80], PASSWORD)
    visitor = world.visitor("mallory")
    form = before(visitor, which)
    assert visitor.last is not None
    seen = [visitor.last.text]
    visitor.post(f"{form}/draft", {"q.kind": SCRIPT, "comment": SCRIPT})
    seen.append(visitor.get(f"/rounds/{which.id}/next").text)
    assert visitor.post(f"{form}/answer", {"q.kind": SCRIPT, "comment": SCRIPT}).status_code == 422
    assert visitor.last is not None
    seen.append(visitor.last.text)
    visitor.post(f"{form}/flag", {"flag_reason": SCRIPT})
    assert visitor.post(f"{form}/answer", {"q.kind": "2", "comment": SCRIPT}).status_code == 303
    visitor.post("/me/attributes", {"a-gender": SCRIPT[:60]})
    seen += [visitor.get(path).text for path in ("/home", "/me", f"/rounds/{which.id}/history")]
    answer_otherwise(world, which)
    for login, paths in {
        "dara": [f"/settle/{which.id}"],
        "eden": [
            f"/oversight/{which.id}{part}"
            for part in ("", "/raters", "/panel", "/guideline", "/flags", "/exposure", "/recusals")
        ],
        "owen": ["/owner/people", "/owner/rounds", f"/owner/rounds/{which.id}/export"],
    }.items():
        watching = world.visitor(login)
        seen += [watching.get(path).text for path in paths]
        if login == "dara" and (link := re.search(r'href="(/settle/[^"/]+/i-[^"]+)"', seen[-1])):
            seen.append(watching.get(link[1]).text)
            assert "Person A" in seen[-1]
    assert not [EVENT.findall(page) for page in seen if EVENT.search(page)]
    assert sum("&lt;script&gt;" in page for page in seen) > 10, "control: the text was shown"
    assert mallory.name


def answer_otherwise(world: World, which: Round) -> None:
    shown = desk.next_item(world.store, world.people["ben"], which.id)
    assert isinstance(shown, desk.Shown)
    desk.submit(world.store, world.people["ben"], shown.assignment, {"kind": 1}, SCRIPT)


def test_a_role_cannot_be_asked_for(world: World) -> None:
    token = people.invite(world.store, Role.ANNOTATOR, None)
    visitor = world.visitor()
    visitor.get(f"/join/{token}")
    sent = {"login": "eve", "name": "Eve", "password": PASSWORD, "role": "owner", "roles": ["owner"]}
    assert visitor.post(f"/join/{token}", sent).status_code == 303
    assert visitor.get("/owner/people").status_code == 403
    again = world.visitor()
    assert again.get(f"/join/{token}").status_code == 404, "an invitation is good once"
    again.post("/log-in", {"login": "x", "password": "y"})


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "duecare-session", "\u00e9" * 40, "../../etc/passwd"])
def test_a_forged_session_is_none(world: World, cookie: str) -> None:
    visitor = world.visitor()
    headers = {"cookie": f"duecare-session={cookie}".encode()}
    assert visitor.get("/home", headers=headers).headers["location"] == "/log-in"


def test_a_session_ends_when_one_logs_out(world: World) -> None:
    visitor = world.visitor("ann")
    kept = visitor.client.cookies["duecare-session"]
    visitor.post("/log-out")
    assert visitor.get("/home", headers={"cookie": f"duecare-session={kept}"}).status_code == 303


def test_a_form_needs_the_token_of_its_own_session(world: World) -> None:
    ann, ben = world.visitor("ann"), world.visitor("ben")
    form = before(ann, world.ratings)
    for token in ("", "x", ben.token, ann.token[:-1]):
        assert ann.post(f"{form}/answer", {"q.kind": "1", "csrf": token}).status_code == 403, token
    headers = {"content-type": FORM, "origin": ann.base}
    assert ann.request("POST", f"{form}/answer", content=b"q.kind=1", headers=headers).status_code == 403
    assert labels(world, "ann", world.ratings) == []
    ann.get("/me")
    assert ann.post(f"{form}/answer", {"q.kind": "1"}).status_code == 303, "control: the token is good"


def test_a_log_in_form_needs_its_token_too(world: World) -> None:
    """Otherwise somebody could log a person in as somebody else, and read what they answer."""
    visitor = world.visitor()
    visitor.get("/log-in")
    sent = {"login": "ann", "password": PASSWORD}
    assert visitor.post("/log-in", sent | {"csrf": "x"}).status_code == 403
    visitor.get("/log-in")
    assert visitor.post("/log-in", sent).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_from_another_site_is_refused(world: World, headers: dict[str, str]) -> None:
    visitor = world.visitor("ann")
    form = before(visitor, world.ratings)
    assert visitor.post(f"{form}/answer", {"q.kind": "1"}, headers=headers).status_code == 403
    assert labels(world, "ann", world.ratings) == []
    visitor.get("/me")
    own = {"origin": "null", "sec-fetch-site": "same-origin"}
    assert visitor.post(f"{form}/answer", {"q.kind": "1"}, headers=own).status_code == 303, "control"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "", "127.0.0.1@evil", "[::2]:80", "localhost:@evil.example/"],
)
def test_another_host_name_is_refused(world: World, host: str) -> None:
    visitor = world.visitor()
    assert visitor.get("/log-in", headers={"host": host}).status_code == 400
    assert visitor.get("/log-in", headers={"host": "LOCALHOST:9"}).status_code == 200
    assert visitor.get("/log-in", headers={"host": "[::1]:9"}).status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_what_is_no_form_is_refused(world: World, kind: str) -> None:
    visitor = world.visitor("ann")
    form = before(visitor, world.ratings)
    sent = {"q.kind": "1"}
    assert visitor.post(f"{form}/answer", sent, headers={"content-type": kind}).status_code == 400


@pytest.mark.parametrize("declared", [True, False])
def test_a_comment_of_50_mb_is_refused_and_nothing_is_lost(world: World, declared: bool) -> None:
    visitor = world.visitor("ann")
    form = before(visitor, world.ratings)
    visitor.post(f"{form}/draft", {"q.kind": "2", "comment": "half a thought"})
    taken = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        yield urlencode({"csrf": visitor.token, "q.kind": "2"}).encode() + b"&comment="
        for _ in range(800):
            taken += 1
            yield b"a" * 65_536

    headers = {"content-type": FORM, "origin": visitor.base} | (
        {"content-length": "52428800"} if declared else {}
    )
    assert visitor.request("POST", f"{form}/answer", content=chunks(), headers=headers).status_code == 413
    if not declared:
        assert visitor.last is not None
        assert "draft is kept" in visitor.last.text
    assert labels(world, "ann", world.ratings) == []
    assert "half a thought" in visitor.get(f"/rounds/{world.ratings.id}/next").text
    assert visitor.post(f"{form}/answer", {"q.kind": "2"}).status_code == 303


def test_a_comment_that_is_too_long_comes_back_with_what_is_wrong(world: World) -> None:
    visitor = world.visitor("ann")
    form = before(visitor, world.ratings)
    response = visitor.post(f"{form}/answer", {"q.kind": "2", "comment": "long " * 3000})
    assert response.status_code == 422
    assert response.text.count("long long") > 100, "what was typed stands in the form"
    assert 'href="#f-comment"' in response.text
    assert MOST_BYTES > 3 * 3 * 10_000, "the longest comment of any script fits into a form"


def test_guessing_passwords_is_slowed_down_and_tells_nothing(world: World) -> None:
    visitor = world.visitor()
    visitor.get("/log-in")
    told = set()
    for login in ("ann", "nobody"):
        response = visitor.post("/log-in", {"login": login, "password": "wrong password"})
        told.add(re.sub(r'value="[^"]*"', "", response.text))
    assert len(told) == 1, "an unknown name is answered as a known one"
    answers = [visitor.post("/log-in", {"login": "ann", "password": f"guess number {n}"}) for n in range(12)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 60
    visitor.get("/log-in")
    assert visitor.post("/log-in", {"login": "ann", "password": PASSWORD}).status_code == 429
    world.visitor("ben", where="10.0.0.9")  # other people still get in


def test_an_item_before_somebody_else_is_not_mine(world: World) -> None:
    ann, ben = world.visitor("ann"), world.visitor("ben")
    form = before(ann, world.ratings)
    ben.get("/me")
    for action in ("answer", "draft", "skip", "flag"):
        fields = {"q.kind": "1", "skip_reason": "broken", "flag_reason": "x"}
        assert ben.post(f"{form}/{action}", fields).status_code == 404, action
    assert labels(world, "ben", world.ratings) == []


@pytest.mark.parametrize("path", ["/log-in", "/nothing/here", "/join/none", "/home", "/assets/0/style.css"])
def test_every_answer_carries_the_headers(world: World, path: str) -> None:
    visitor = world.visitor()
    for response in (visitor.get(path), visitor.get(path, headers={"host": "evil.example"})):
        assert response.headers["content-security-policy"] == POLICY
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in response.headers
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY


def test_cookies_are_out_of_reach(world: World) -> None:
    visitor = world.visitor()
    visitor.get("/log-in")
    assert visitor.last is not None
    set_here = [visitor.last.headers["set-cookie"]]
    set_here.append(visitor.post("/log-in", {"login": "ann", "password": PASSWORD}).headers["set-cookie"])
    for cookie in set_here:
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie


def test_over_https_cookies_are_bound_to_it(world: World) -> None:
    app = application(world.store, Settings(hosts=("review.example",), secure=True))
    visitor = Visitor(app, base="https://review.example")
    world.visitors.append(visitor)
    response = visitor.get("/log-in")
    assert response.headers["set-cookie"].startswith("__Host-duecare-form=")
    assert "; Secure" in response.headers["set-cookie"]
    assert "strict-transport-security" in response.headers
    visitor.log_in("ann", PASSWORD)
    assert "__Host-duecare-session" in visitor.client.cookies
    http = {"origin": "http://review.example"}
    assert visitor.post("/me/attributes", {}, headers=http).status_code == 403


def test_a_defect_of_ours_shows_nothing_of_the_inside(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    visitor = world.visitor("ann")
    monkeypatch.setattr("duecare.review.desk.next_item", broken)
    response = visitor.get(f"/rounds/{world.ratings.id}/next")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Something went wrong" in response.text
    assert response.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2freview.sqlite",
        "%2e%2e%2freview.sqlite",
        "..",
        "....//review.sqlite",
        "%2fetc%2fpasswd",
        "labels.parquet%00",
        "~",
        ".git",
    ],
)
def test_an_export_leads_nowhere_else(world: World, tmp_path: Path, name: str) -> None:
    visitor = world.visitor("owen")
    base = f"/owner/rounds/{world.ratings.id}/export"
    visitor.get(base)
    assert visitor.post(base).status_code == 303
    assert visitor.get(f"{base}/labels.parquet").content[:4] == b"PAR1", "control: files can be had"
    for path in (
        f"{base}/{name}",
        f"/owner/rounds/{name}/export/labels.parquet",
        f"/owner/rounds/..%2f..%2f/export/{name}",
    ):
        response = visitor.get(path)
        assert response.status_code in (404, 307), (path, response.status_code)
        assert b"SQLite" not in response.content
    visitor.post(f"/owner/rounds/..%2f{name}/export")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["exports"]
    assert [path.name for path in world.exports.iterdir()] == [world.ratings.id]
