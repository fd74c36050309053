"""What stands behind an @: names of people where words speak of such, and words of programs where they do not."""

from __future__ import annotations

# ruff: noqa: E501 - a table is read whole, on its line
import pytest

from duecare.detect.patterns import find_forms

CODE = [
    "put the tag @pytest.mark.slow on the test", "the user tag @media in your style sheet", "tag it with @Override",
    "the message says @Override is missing", "a user asked what @media print does", "follow @import with a url",
    "the user class has @Entity above it", "tag @param in the comment", "use the @returns tag", "the user @property decorator",
    "message: @deprecated since 2.0", "tag @app.route(\"/users\") here", "user: why does @staticmethod fail?",
    "follow the rule @font-face { src: x }", "tag @functools.wraps(f)", "user story: @click.command()",
    "install for the user @angular/core first", "message from npm: @types/node is missing", "dm tag @keyframes spin { }",
    "the handle @supports (display: grid)", "add the tag @given(st.text()) to it", "user tests\n@unittest.skip\ndef test_a(): ...",
    "tag\n@mydecorator\nasync def handler(): ...", "the user service\n@Transactional\npublic void save() {}",
    "message bus\n@subscriber\nclass Inbox:", "in github the tag @dataclass\nclass User:", "tag @Component(selector) there",
    "user field @Column(name = \"x\")", "the message body is @RequestBody", "tag this @todo", "reddit user wrote @layer base { a: b }",
    "on github @babel/core broke", "select the user where id = @user_id", "the tag {@link Foo}", "user guide: @jax.jit speeds it up",
]  # fmt: skip
HANDLES = [
    ("follow @night_owl please", "@night_owl"), ("my handle is @night.owl", "@night.owl"), ("tag @media_maven in it", "@media_maven"),
    ("message @pytest_fan now", "@pytest_fan"), ("user @override99 wrote", "@override99"), ("dm @author.jane about it", "@author.jane"),
    ("twitter: @TheRealAda!", "@TheRealAda"), ("follow @ada, @bob_b", "@ada"), ("user @jo_k (my brother) said", "@jo_k"),
    ("tag @importer.co there", "@importer.co"), ("on instagram @page_turner", "@page_turner"), ("message @ada.\nThen wait", "@ada"),
    ("follow @kate\nI classify birds", "@kate"), ("tag @sam\nLetters came", "@sam"), ("see @zoe_w on twitter", "@zoe_w"),
    ("user @apple.pie99", "@apple.pie99"), ("tag @testing_tom", "@testing_tom"), ("username @see_more_of_me", "@see_more_of_me"),
    ("discord @Value4Money", "@Value4Money"), ("follow @Service_Dog_Max", "@Service_Dog_Max"), ("RT to follow @mark/@jane", "@mark"),
]  # fmt: skip


def handles(text: str) -> list[str]:
    return [text[span.start : span.end] for span in find_forms(text) if span.label == "USER_NAME"]


@pytest.mark.parametrize("text", CODE)
def test_words_of_programs_are_nobodys_names(text: str) -> None:
    assert handles(text) == []


@pytest.mark.parametrize(("text", "name"), HANDLES)
def test_names_of_people_are_found_beside_them(text: str, name: str) -> None:
    assert name in handles(text)


@pytest.mark.parametrize("state", ["removed", "hacked", "suspended", "reset"])
def test_what_was_done_to_a_login_is_no_name(state: str) -> None:
    assert handles(f"my account login was {state}.") == []
    assert handles(f"my account login was {state}_99.") == [f"{state}_99"]
