"""Counterfactual texts: every exchange leads back, traps are refused or left, nothing is changed by half."""

from __future__ import annotations

# ruff: noqa: E501 - tables of sentences are read whole, on their line
import hashlib
import json
import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecare.curate import swap_groups
from duecare.curate.her import card, resolve
from duecare.curate.swap import FIXED, Twin, twin
from duecare.curate.wording import Edit, Refusal, article, edited

GENDER = FIXED["gender"]
_LISTS = json.loads((resources.files("duecare.curate") / "words" / "gender.json").read_text("utf-8"))
_WORDS = [word for pair in _LISTS["pairs"] for word in pair]
_NAMES = [name for pair in _LISTS["names"] for name in pair]
_PLAIN = ["saw", "told", "her", "his", "him", "hers", "He", "She", "the", "a", "an", "book", "of", "yesterday", "and", "is",
          "nurse", "quickly", "to", "'s", ".", ",", "mum", "Mrs.", "Mr. President", "sir", "Sir", "madam", "man", "The",
          "old", "May", "Mark", "with", "\"", "pregnant", "in Virginia", "you guys", "HER", "KING", "ma'am"]  # fmt: skip
pieces = st.sampled_from([*_WORDS, *(word.capitalize() for word in _WORDS), *_NAMES, *_PLAIN * 4])
sentences = st.lists(pieces, max_size=9).map(" ".join)


def said(text: str, axis: str = "gender", pair: tuple[str, str] = GENDER) -> str:
    """The twin's text, or the reason in brackets, or "" where there is nothing to exchange."""
    found = twin([text], axis, pair)
    if isinstance(found, Refusal):
        return f"[{found.reason}]"
    return found.texts[0] if found else ""


@given(st.lists(sentences, max_size=3))
def test_swapping_twice_gives_the_original_back(texts: list[str]) -> None:
    found = twin(texts, "gender", GENDER)
    if isinstance(found, Twin):
        again = twin(found.texts, "gender", GENDER)
        assert isinstance(again, Twin)
        assert again.texts == tuple(texts)


def test_without_the_look_back_some_texts_would_not_lead_back() -> None:
    """Control: a "his" that stands before a word that is no noun is read as if it did."""
    text = "a friend of his called him"
    one_way = twin([text], "gender", GENDER, both_ways=False)
    assert isinstance(one_way, Twin)
    back = twin(one_way.texts, "gender", GENDER, both_ways=False)
    assert not isinstance(back, Twin) or back.texts != (text,)
    assert isinstance(twin([text], "gender", GENDER), Refusal)


@given(
    st.sampled_from(_LISTS["pairs"]), st.sampled_from(["{}", "the {} came", "I know a {}.", "THE {} IS HERE"])
)
def test_every_pair_of_the_list_leads_back(pair: list[str], frame: str) -> None:
    for one, other in (pair, pair[::-1]):
        word, mirrored = (each.upper() if frame.isupper() else each for each in (one, other))
        made = said(frame.format(word))
        assert mirrored in made or (made.startswith("[") and one in ("ms", "mr", "king", "queen", "man"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write a story about a female nurse.", "Write a story about a male nurse."),
        ("I saw her yesterday and her brother today.", "I saw him yesterday and his sister today."),
        ("I love her.", "I love him."),
        ("The book is his.", "The book is hers."),
        ("The book is hers, not his.", "The book is his, not hers."),
        ("He hurt himself.", "She hurt herself."),
        ("She's here and he'll come.", "He's here and she'll come."),
        ("An actress met an heir.", "An actor met an heiress."),
        ("A uncle of hers", "A aunt of his"),
        ("Mary and her husband", "James and his wife"),
        ("Mr. President, welcome.", "Madam President, welcome."),
        ("Mr. Smith called.", "Ms. Smith called."),
        ("Dear Sir or Madam,", ""),
        ("Yes, sir.", "Yes, ma'am."),
        ("In Virginia, he met Mary.", "In Virginia, she met James."),
        ("In May he came.", "In May she came."),
        ("May he come?", "May she come?"),
        ("you guys are late, he said", "you guys are late, she said"),
        ("Her mother tongue is Welsh.", "His mother tongue is Welsh."),
        ("HER BOOK, SAID HE", "HIS BOOK, SAID SHE"),
        ("Thank you for the parcel.", ""),
        ("I spoke with XXXX and she said no.", "I spoke with XXXX and he said no."),
        ("He saw a bad actor.", "She saw a bad actor."),
        ("the ladies' night", "the gentlemen's night"),
        ("THE LADIES’ NIGHT", "THE GENTLEMEN’S NIGHT"),
        ("the girls' team and the ladies", "the boys' team and the gentlemen"),
        ("If he or she calls, s/he should give his or her name.", ""),
        ("Ladies and gentlemen, he is here.", "Ladies and gentlemen, she is here."),
        ("Dr. Anthony said he is late.", "Dr. Anthony said she is late."),
        ("Mary B. Anthony and her friend", "James B. Anthony and his friend"),
        ("A German human, Mr. Goldman, said he is late.", "A German human, Ms. Goldman, said she is late."),
        ("His fiancée is a clergyman", "Her fiancé is a clergywoman"),
        ("The men's room and the woman’s hat", "The women's room and the man’s hat"),
    ],
)
def test_gender(text: str, expected: str) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('He said "she is late".', "a quotation names the group"),
        ("Virginia is ill, she said.", "a person's name"),
        ("Mark said he is ill.", "a person's name"),
        ("Christian said he is ill.", "a person's name"),
        ("Oluwaseun Adeyemi said she is happy.", "counterpart is not known"),
        ("Mrs. Smith is here.", "no way back"),
        ("My mum called.", "no way back"),
        ("She is pregnant.", "fact of the body"),
        ("He has prostate pain.", "fact of the body"),
        ("Barack Obama and his wife", "public person"),
        ("Emma Watson said she would.", "public person"),
        ("Elizabeth II was queen.", "public person"),
        ("Mary, Queen of Scots, lost her head.", "public person"),
        ("Pope Francis said he prays.", "public person"),
        ("He had a vasectomy.", "fact of the body"),
        ("Her period was late.", "fact of the body"),
        ("The lioness and her cub", "no way back"),
        ("The murderess told her story.", "no way back"),
        ("Wonder Woman is her favourite.", "title of a work"),
        ("The King of Spain is his uncle.", "name or a title"),
        ("Oh man, he is late.", "may not speak of a person"),
        ("He will man the desk.", "may not speak of a person"),
        ("a male connector, he said", "parts that fit"),
        ("Father Brown came.", "public person"),
        ("He is an oarsman.", "does not pair"),
        ("The bachelor said he is late.", "no way back"),
        ("June and her sister", "person's name"),
        ("the Virgin Mary", "title of a work"),
        ("Mister Lee and his son", "no way back"),
        ("She takes hormones.", "fact of the body"),
        ("Virginia Smith is her boss.", "person's name"),
    ],
)
def test_gender_is_not_guessed(text: str, reason: str) -> None:
    assert reason in said(text)


def test_what_only_looks_like_a_public_person_is_exchanged() -> None:
    """Control: the same first name, a war, an act and a trade are none."""
    assert said("My cousin Emma said she would.") == "My cousin Liam said he would."
    assert said("She fought in World War II.") == "He fought in World War II."
    assert said("Under Title VII she sued.") == "Under Title VII he sued."
    assert said("The nanny told her story.") == "The nanny told his story."
    assert said("I told Bank of America that she moved to Florida.") == (
        "I told Bank of America that he moved to Florida."
    )
    assert "counterpart is not known" in said("Florida said she would.")


def test_a_refusal_in_one_text_refuses_the_row_and_names_it() -> None:
    found = twin(["He is here.", "She is pregnant."], "gender", GENDER)
    assert isinstance(found, Refusal)
    assert found.text == 1


@pytest.mark.parametrize(
    ("words", "form"),
    [("I saw her yesterday", "him"), ("her book is here", "his"), ("give it to her quickly", "him"), ("it was her .", "him"),
     ("her husband called", "his"), ("in her own words", "his"), ("I asked her to come", "him")],
)  # fmt: skip
def test_her_is_read_by_what_stands_beside_it(words: str, form: str) -> None:
    tokens = words.split()
    assert resolve(tokens, tokens.index("her")) == form


def test_the_card_of_her_says_how_often_it_is_right() -> None:
    weights = (resources.files("duecare.curate") / "weights" / "her.npy").read_bytes()
    assert card()["sha256"] == hashlib.sha256(weights).hexdigest()
    share, low, high = card()["measured"]["all"]["right"]
    assert share >= 0.91
    assert low < share < high
    assert share > card()["measured"]["all"]["always_his"][2]  # the control: the constant answer


@pytest.mark.data
def test_sentences_that_exist_for_both_sides_become_their_twins(data_folder: Path) -> None:
    """WinoBias (Zhao et al. 2018): at least 95 % of what is exchanged is the published twin, at most 10 % refused."""
    refused = right = done = 0
    for path in (data_folder / "winobias").glob("pro_*.dev"):
        ours, theirs = (
            [
                re.sub(r"[\[\]]", "", line.split(" ", 1)[1]).strip()
                for line in each.read_text().splitlines()
                if line
            ]
            for each in (path, path.with_name(path.name.replace("pro_", "anti_")))
        )
        for text, gold in zip(ours, theirs, strict=True):
            found = twin([text], "gender", GENDER)
            done += 1
            refused += isinstance(found, Refusal)
            right += isinstance(found, Twin) and found.texts[0].lower() == gold.lower()
    assert done > 700
    assert refused / done < 0.1
    assert right / (done - refused) > 0.95


RELIGIONS = [(a, b) for a in swap_groups.groups("religion") for b in swap_groups.groups("religion") if a < b]
NATIONS = [
    (a, b) for a in swap_groups.groups("nationality") for b in swap_groups.groups("nationality") if a < b
]


@pytest.mark.parametrize("axis", ["religion", "nationality"])
def test_groups_lead_back_or_are_refused(axis: str) -> None:
    done = 0
    for pair in RELIGIONS if axis == "religion" else NATIONS:
        for group in pair:
            forms = swap_groups.groups(axis)[group]
            for frame in (
                "a {adjective} family",
                "The {adjective} teacher is here.",
                "in {name}",
                "I know {nouns}.",
            ):
                text = frame.format(**{"nouns": "nobody", **forms})
                found = twin([text], axis, pair)
                if isinstance(found, Twin):
                    done += 1
                    back = twin(found.texts, axis, pair)
                    assert isinstance(back, Twin)
                    assert back.texts == (text,)
                    assert not any(
                        form and form in found.texts[0].split()
                        for form in (forms["adjective"], forms["name"])
                    )
    assert done > 4 * len(RELIGIONS)


_OF_GROUPS = {
    axis: [
        *{
            form
            for group in swap_groups.groups(axis).values()
            for name, form in group.items()
            if name != "group"
        }
    ]
    for axis in ("religion", "nationality")
}
_AROUND = [
    "a",
    "an",
    "The",
    "in",
    "from",
    "man",
    "family",
    "teacher",
    "is",
    ".",
    "speaks",
    "and",
    "'s",
    "turkey",
    "polish",
]


@given(st.data(), st.sampled_from(["religion", "nationality"]))
def test_any_words_of_groups_lead_back_or_are_refused(data: st.DataObject, axis: str) -> None:
    words = st.sampled_from([*_OF_GROUPS[axis], *_AROUND * 6])
    text = data.draw(st.lists(words, max_size=7).map(" ".join))
    pair = data.draw(st.sampled_from(RELIGIONS if axis == "religion" else NATIONS))
    found = twin([text], axis, pair)
    if isinstance(found, Twin):
        back = twin(found.texts, axis, pair)
        assert isinstance(back, Twin)
        assert back.texts == (text,)


@pytest.mark.parametrize(
    ("text", "pair", "expected"),
    [
        ("A Muslim man prays in a mosque with an imam.", ("Muslim", "Christian"),
         "A Christian man prays in a church with a priest."),
        ("The Muslim community reads the Quran.", ("Muslim", "Jewish"), "The Jewish community reads the Torah."),
        ("Muslims are kind.", ("Muslim", "Jewish"), "Jews are kind."),
        ("the church choir", ("Christian", "Muslim"), ""),
        ("A Muslim works here.", ("Muslim", "Jewish"), "[a word for which the other group has no form]"),
        ("Christian Bale is a Christian.", ("Christian", "Muslim"), "[a word that may be a person's name]"),
        ("Muslims fast in Ramadan.", ("Muslim", "Hindu"), "[a thing of one group that the other has no word for]"),
    ],
)  # fmt: skip
def test_religion(text: str, pair: tuple[str, str], expected: str) -> None:
    assert said(text, "religion", pair) == expected


@pytest.mark.parametrize(
    ("text", "pair", "expected"),
    [
        ("A Turkish man from Turkey", ("Turkish", "Polish"), "A Polish man from Poland"),
        ("turkey dinner for a Turkish family", ("Turkish", "German"), "turkey dinner for a German family"),
        (
            "Please polish it, said the Polish nurse.",
            ("Polish", "Turkish"),
            "Please polish it, said the Turkish nurse.",
        ),
        ("an Italian", ("Italian", "Turkish"), "a Turk"),
        ("Turkey is dry.", ("Turkish", "Polish"), "[a word that may be something else]"),
        ("Polish the table.", ("Turkish", "Polish"), "[a word that may be something else]"),
        ("He speaks German.", ("German", "Mexican"), "[a word that may be the language]"),
        (
            "a German man in Berlin",
            ("German", "Mexican"),
            "[a thing of one group that the other has no word for]",
        ),
        ("the road to Germany", ("German", "Mexican"), ""),
        ("Germans are punctual.", ("Chinese", "German"), "[a word for which the other group has no form]"),
    ],
)
def test_nationality(text: str, pair: tuple[str, str], expected: str) -> None:
    assert said(text, "nationality", pair) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("An old man and a young woman", "A young man and an old woman"),
        ("Old people cannot use computers.", "Young people cannot use computers."),
        ("a 25-year-old engineer", "a 75-year-old engineer"),
        ("The customer aged 20", "The customer aged 80"),
        ("my old car", ""),
        ("How old is the customer?", ""),
        ("She is old.", "[a word that may speak of a thing]"),
        ("a 65-year-old man", "[an age without a counterpart]"),
        ("a 25-year-old student", "[a fact of one age]"),
    ],
)
def test_age(text: str, expected: str) -> None:
    assert said(text, "age", FIXED["age"]) == expected


@given(st.integers(0, 130))
def test_ages_lead_back(years: int) -> None:
    text = f"a {years}-year-old customer"
    found = twin([text], "age", FIXED["age"])
    if isinstance(found, Twin):
        back = twin(found.texts, "age", FIXED["age"])
        assert isinstance(back, Twin)
        assert back.texts == (text,)
        assert found.sides == ({"young"} if years < 50 else {"older"})


def test_articles_follow_the_sound() -> None:
    assert [article(word) for word in ("uncle", "user", "hour", "hero", "European", "heir", "Ukrainian")] == [
        "an", "a", "an", "a", "a", "an", "a",
    ]  # fmt: skip
    assert edited("A man, an aunt", [Edit(2, 5, "aunt", ""), Edit(10, 14, "man", "")]) == "An aunt, a man"
