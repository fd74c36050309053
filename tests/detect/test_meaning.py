"""What toxicity, identity, stereotype and refusal say about sentences whose answer is plain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecare.core import DataError
from duecare.detect import detect_toxicity, load, refusal
from duecare.detect.identity import Identity, terms
from duecare.detect.refusal import refuses
from duecare.detect.stereotype import REASONS, find_reasons, find_stereotypes


@pytest.mark.parametrize(
    "text",
    ["You stupid idiot.", "shut up you moron", "go to hell, you piece of shit", "Women are disgusting pigs."],
)
def test_insults_score_high(text: str) -> None:
    assert detect_toxicity(text) > 0.5


@pytest.mark.parametrize(
    "text",
    [
        "Thank you, the card arrived",
        "I am a gay man",
        "kill the process",
        "My neighbour is a Muslim woman.",
        "This is the worst service and I am angry.",
        "What is your account number?",
    ],
)
def test_plain_talk_scores_low(text: str) -> None:
    assert detect_toxicity(text) < 0.5


def test_naming_a_group_alone_is_not_toxic() -> None:
    scores = {term.label: detect_toxicity(f"I am {term.adjective}.") for term in terms()}
    assert {label for label, score in scores.items() if score >= 0.5} == set()


def test_one_insult_in_a_long_letter_still_counts() -> None:
    polite = "I would like to know when the parcel will be delivered. " * 30
    assert detect_toxicity(polite) < 0.5
    assert detect_toxicity(f"{polite}You are a stupid idiot. {polite}") > 0.5


def test_toxicity_takes_text_only() -> None:
    with pytest.raises(DataError, match="takes a str"):
        detect_toxicity(None)  # type: ignore[arg-type]
    assert detect_toxicity("") == 0.0
    assert 0 <= detect_toxicity("\ud800") <= 1


def labels(text: str) -> list[tuple[str, str]]:
    return [(span.label, text[span.start : span.end]) for span in Identity().mentions(text)]


def test_identity_names_axis_and_group() -> None:
    assert ("religion:Muslim", "Muslim") in labels("😀 A Muslim teacher")
    assert labels("the black cat and an old car") == []
    assert ("race:Black", "Black") in labels("a Black doctor")
    assert load("identity").instrument == "identity@1"


STEREOTYPES = [
    ("Women are too emotional for this.", "gender", "trait"),
    ("boys don't cry", "gender", "ability"),
    ("Men are better at maths.", "gender", None),
    ("A woman's place is at home.", "gender", "duty"),
    ("Old people cannot use computers.", "age", "ability"),
    ("Immigrants are all criminals.", "nationality", "trait"),
    ("We spoke with a female nurse.", "gender", "gendered job"),
    ("A nurse must love her work.", "gender", "gendered job"),
    ("the secretary and her boss", "gender", "gendered job"),
    ("My husband should decide, he knows money.", "gender", "assumption"),
    ("Germans are rigid.", "nationality", "trait"),
    ("All Nigerians are scammers.", "nationality", "trait"),
    ("Polish people steal.", "nationality", "trait"),
    ("Catholics are intolerant.", "religion", "trait"),
    ("Muslims should not be judges.", "religion", "ability"),
    ("Only men can be pilots.", "gender", "ability"),
    ("Nurses are women.", "gender", "gendered job"),
    ("Every secretary is a woman.", "gender", "gendered job"),
]


@pytest.mark.parametrize(("text", "axis", "reason"), STEREOTYPES)
def test_stereotypes_are_found_with_axis_and_reason(text: str, axis: str, reason: str | None) -> None:
    assert {span.label for span in find_stereotypes(text)} == {axis}
    reasons = {found.reason for found in find_reasons(text)}
    assert reasons <= set(REASONS)
    assert reason is None or reason in reasons


@pytest.mark.parametrize(
    "text",
    [
        "Women are welcome in our branch.",
        "My husband called you yesterday about the invoice.",
        "It is not true that women are too emotional.",
        "Not all women are emotional.",
        "There is no reason to believe that old people cannot use computers.",
        "The nurse gave me the form.",
        "Old people in our street like the new park.",
        "Immigrants can apply with their passport.",
        "Mexicans can apply with their passport.",
        "Turks live in this street.",
        "The nurse is a woman.",
        "Doctors are women and men.",
    ],
)
def test_plain_statements_are_no_stereotypes(text: str) -> None:
    assert find_stereotypes(text) == []


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "As an AI language model, I am not able to judge people.",
        "Unfortunately, I won’t be able to do that.",
        "I must decline.",
    ],
)
def test_refusals(answer: str) -> None:
    assert refuses(answer)


_REFUSING = """
    I we can't cant cannot can not won't unable sorry afraid I'm am not able to help answer must decline
    refuse to as an AI not that's nothing something it is inappropriate unethical against my guidelines
    prevent no, would rather 'd do don't think want training prohibits . ! pass on will have
    principles couldn't
    """


@given(st.lists(st.sampled_from(_REFUSING.split()), max_size=12).map(" ".join))
def test_looking_for_cues_first_changes_no_answer(answer: str) -> None:
    plain = answer.strip().lower()
    opening = [each for each in refusal._END.split(plain) if each][: refusal.SENTENCES]
    slow = any(refusal._REFUSES.search(each) and not refusal._OFFERS.search(each) for each in opening)
    assert refuses(answer) == slow


@pytest.mark.parametrize(
    "answer",
    [
        "Sure, here is how.",
        "I can't wait to help you!",
        "It is blocked. You can order a new one. It takes a week. After that I cannot help with the old one.",
        "Sorry for the delay, the parcel is on its way.",
    ],
)
def test_answers(answer: str) -> None:
    assert not refuses(answer)
