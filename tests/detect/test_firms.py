"""Firms, laws and places are nobody where a person could stand; people of the same word are somebody."""

from __future__ import annotations

import pytest

from duecare.detect import names
from duecare.detect.firms import begins_firm, names_no_person
from duecare.detect.names import find_names
from duecare.detect.tokens import shipped_lists

NOBODY = [
    "I called Santander about the car.",
    "Ocwen told me to send it again.",
    "HSBC refused, and Barclay did too.",
    "I spoke with Shellpoint on Monday.",
    "Citi closed the card.",
    "They sent it to Michigan.",
    "Moneylion took the money.",
    "I had a loan with Avant.",
    "Volvo gave me a loan.",
]
BEGUN = [
    ("Selene finance took over.", "Selene"),
    ("Franklin Collections wrote to me.", "Franklin"),
    ("Fay Servicing called.", "Fay"),
    ("Carrington Home Loans lied.", "Carrington"),
]
SOMEBODY = [
    ("I met Rafael Santander yesterday.", "Rafael Santander"),
    ("My sister Georgia lives in Texas.", "Georgia"),
    ("I spoke with Ally Jones today.", "Ally Jones"),
    ("My name is Virginia Michigan.", "Virginia Michigan"),
    ("Please ask Selene about it.", "Selene"),
    ("Fay's finance app broke, she says.", "Fay"),
    ("My brother Franklin collects stamps.", "Franklin"),
    ("I met Jane Barclay Insurance people.", "Jane Barclay"),
]


@pytest.mark.parametrize("text", NOBODY)
def test_a_firm_or_a_place_alone_is_nobody(text: str) -> None:
    assert find_names(text, ("PERSON",)) == []


@pytest.mark.parametrize(("text", "word"), BEGUN)
def test_a_word_that_begins_a_firm_is_nobody(text: str, word: str) -> None:
    assert find_names(text, ("PERSON",)) == []
    start = text.index(word)
    assert begins_firm(text, start, start + len(word))


@pytest.mark.parametrize(("text", "name"), SOMEBODY)
def test_people_who_share_a_word_with_a_firm_are_found(text: str, name: str) -> None:
    assert name in [text[span.start : span.end] for span in find_names(text, ("PERSON",))]


def test_without_the_lists_firms_are_taken_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the model alone takes most of them for people."""
    monkeypatch.setattr(names, "names_no_person", lambda word: False)
    names.trimmed.cache_clear()
    taken = sum(bool(find_names(text, ("PERSON",))) for text in NOBODY)
    names.trimmed.cache_clear()
    assert taken >= len(NOBODY) / 2


def test_no_word_of_the_lists_is_on_a_list_of_names() -> None:
    lists = shipped_lists()
    everybody = lists.words("F") | lists.words("L")
    assert not any(names_no_person(name) for name in everybody)
    assert names_no_person("pennsylvania")
    assert not names_no_person("chase")
