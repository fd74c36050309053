"""Surrogates: one for one value, never real, never found again, fitting into the sentence they stand in."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecare.curate.cast import Cast, Mention, in_case, reading_of, script_of, title_before
from duecare.curate.surrogate import StandIn
from duecare.detect import checks, national, registers
from duecare.detect.invented import ENDINGS, NAME, SCRIPTS, STEMS, stands_for_nobody
from duecare.detect.patterns import LABELS, find_forms

KEY = StandIn(b"k" * 32)
EXAMPLES = {
    "EMAIL": "jo.smith@acme.test", "PHONE": "+1 (555) 867-5309", "SSN": "219-09-9998", "ITIN": "912-70-1234",
    "EIN": "12-3456789", "NINO": "AB 12 34 56 C", "NHS": "943 476 5919", "SIN": "046 454 286",
    "STEUER_ID": "86 095 742 719", "INSEE": "2 55 08 14 168 025 38", "DNI": "12345678Z",
    "CODICE_FISCALE": "RSSMRA85T10A562S", "AADHAAR": "2345 6789 0124", "PAN": "ABCPE1234F",
    "CPF": "529.982.247-25", "TFN": "123 456 782", "ABN": "51 824 753 556", "MEDICARE": "2123 45670 1",
    "TAX_ID": "4711081590", "HEALTH_ID": "00284719", "PASSPORT": "X1234567", "LICENCE": "D1234567",
    "PLATE": "AB12 CDE", "VIN": "1M8GDM9AXKP042788", "CARD": "4111 1111 1111 1111",
    "IBAN": "DE89 3704 0044 0532 0130 00", "ACCOUNT": "5081134670", "IP": "81.2.69.142",
    "MAC": "3c:22:fb:1a:0e:9d", "IMEI": "490154203237518", "USER_NAME": "night.owl",
    "DATE_OF_BIRTH": "3 May 1981", "ADDRESS": "12 Elm Street, Springfield",
    "PESEL": "44051401359",
    "BSN": "111222333",
    "PERSONNUMMER": "811218-9876",
    "AHV": "756.9217.0769.85",
    "CURP": "BOXW310820HNERXN09",
    "RUT": "12.345.678-5",
    "NIF": "123456789",
    "NISS": "85.07.30-033.28",
    "CPR": "211062-5629",
    "HETU": "131052-308T",
    "FODSELSNUMMER": "15108695088",
    "ISIKUKOOD": "37605030299",
    "CNP": "1630615123457",
    "EGN": "7523169263",
    "RODNE_CISLO": "710319/2745",
    "TCKN": "17291716060",
    "RSA_ID": "7503305044089",
    "RESIDENT_ID": "11010519491231002X",
    "RRN": "971013-9019902",
    "NRIC": "S1234567D",
    "SVNR": "1237 010180",
    "AMKA": "01013099997",
    "CUIL": "20-05536168-2",
    "SNILS": "112-233-445 95",
    "OIB": "33392005961",
}  # fmt: skip
TAGGED = {"WALLET", "URL_TOKEN", "SECRET"}
NAMING = {
    "PHONE": "call me on {}", "SSN": "my SSN is {}", "ITIN": "my ITIN is {}", "EIN": "our EIN is {}",
    "NHS": "NHS number {}", "SIN": "my SIN is {}", "STEUER_ID": "Steuer-ID {}", "AADHAAR": "Aadhaar {}",
    "CPF": "CPF {}", "TFN": "my TFN is {}", "ABN": "ABN {}", "MEDICARE": "Medicare {}",
    "TAX_ID": "tax number {}",
    "HEALTH_ID": "MRN: {}", "PASSPORT": "passport number {}", "LICENCE": "driver's license {}",
    "PLATE": "licence plate {}", "VIN": "VIN {}", "CARD": "credit card {}", "IBAN": "account number {}",
    "ACCOUNT": "account number {}", "IMEI": "IMEI {}", "USER_NAME": "my username is {}",
    "DATE_OF_BIRTH": "born on {}", "NINO": "national insurance number {}",
    "PESEL": "mój PESEL to {}",
    "BSN": "BSN {} please",
    "PERSONNUMMER": "personnummer {} is mine",
    "AHV": "Nummer {} habe ich",
    "CURP": "la CURP {} es",
    "RUT": "mi RUT es {}",
    "NIF": "NIF: {} is it",
    "NISS": "nummer {} is van mij",
    "CPR": "CPR-nr. {} here",
    "HETU": "tunnus {} on",
    "FODSELSNUMMER": "fødselsnummer {} er",
    "ISIKUKOOD": "isikukood {} on",
    "CNP": "CNP {} este",
    "EGN": "ЕГН {} е",
    "RODNE_CISLO": "rodné číslo {} je",
    "TCKN": "TC kimlik no {} dir",
    "RSA_ID": "my South African ID {} is",
    "RESIDENT_ID": "the card {} is mine",
    "RRN": "Korean RRN {} it is",
    "NRIC": "mine is {} now",
    "SVNR": "SVNR {} ist",
    "AMKA": "AMKA {} is",
    "CUIL": "mi CUIL {} es",
    "SNILS": "there {} it is",
    "OIB": "OIB {} je",
}  # fmt: skip


def test_every_kind_has_an_example_or_becomes_a_tag() -> None:
    assert EXAMPLES.keys() | TAGGED == set(LABELS)
    assert all(KEY(label, "x") == f"[{label}]" for label in TAGGED)


@pytest.mark.parametrize("label", sorted(EXAMPLES))
@given(st.integers(0, 2**64))
@settings(max_examples=25)
def test_a_surrogate_is_never_found_again_whatever_names_it(label: str, number: int) -> None:
    shown = StandIn(number.to_bytes(32, "big"))(label, EXAMPLES[label])
    assert shown != EXAMPLES[label]
    assert stands_for_nobody(label, shown), shown
    for carrier in ("so {} it is", NAMING.get(label, "{}"), "my number is {}", "{}"):
        assert list(find_forms(carrier.format(shown))) == [], carrier.format(shown)


@pytest.mark.parametrize("label", sorted(EXAMPLES))
def test_the_real_value_would_be_found_in_the_same_sentence(label: str) -> None:
    text = NAMING.get(label, "so {} it is").format(EXAMPLES[label])
    assert list(find_forms(text)), "else the test above could not fail"


CHECKS = {
    "CARD": checks.card_number, "NHS": national.nhs, "SIN": national.sin, "CPF": national.cpf,
    "TFN": national.tfn, "IMEI": national.imei, "SSN": checks.social_security, "INSEE": national.insee,
    "STEUER_ID": national.steuer_id,
    "DNI": national.dni, "CODICE_FISCALE": national.codice_fiscale, "AADHAAR": national.aadhaar,
    "PAN": national.pan, "ABN": national.abn, "MEDICARE": national.medicare, "VIN": national.vin,
    "NINO": national.nino, "ITIN": national.itin, "EIN": national.ein, "IBAN": checks.iban,
    "PESEL": registers.pesel,
    "BSN": registers.bsn,
    "PERSONNUMMER": registers.personnummer,
    "AHV": registers.ahv,
    "CURP": registers.curp,
    "RUT": registers.rut,
    "NIF": registers.nif,
    "NISS": registers.niss,
    "CPR": registers.cpr,
    "HETU": registers.hetu,
    "FODSELSNUMMER": registers.fodselsnummer,
    "ISIKUKOOD": registers.isikukood,
    "CNP": registers.cnp,
    "EGN": registers.egn,
    "RODNE_CISLO": registers.rodne_cislo,
    "TCKN": registers.tckn,
    "RSA_ID": registers.rsa_id,
    "RESIDENT_ID": registers.resident_id,
    "RRN": registers.rrn,
    "NRIC": registers.nric,
    "SVNR": registers.svnr,
    "AMKA": registers.amka,
    "CUIL": registers.cuil,
    "SNILS": registers.snils,
    "OIB": registers.oib,
}  # fmt: skip


@pytest.mark.parametrize("label", sorted(CHECKS))
def test_a_surrogate_fails_the_check_that_the_real_value_passes(label: str) -> None:
    assert CHECKS[label](EXAMPLES[label])
    for number in range(300):
        shown = StandIn(bytes([number % 256, number // 256]) * 16)(label, EXAMPLES[label])
        assert not CHECKS[label](shown), shown


def test_the_same_value_has_one_surrogate_and_other_values_others() -> None:
    numbers = [f"5081{number:06d}" for number in range(2000)]
    shown = [KEY("ACCOUNT", number) for number in numbers]
    assert shown == [KEY("ACCOUNT", number) for number in numbers]
    assert len(set(shown)) > 1990
    assert shown != [StandIn(b"o" * 32)("ACCOUNT", number) for number in numbers]
    assert KEY("CARD", "4111-1111-1111-1111")[4] == "-"


def test_nobody_is_called_like_our_invented_people() -> None:
    for listed in (
        reading_of(name) for stem in STEMS for ends in ENDINGS.values() for name in [(stem + ends[0]).lower()]
    ):
        assert listed == "neutral"
    assert reading_of("mary") == "feminine"
    assert reading_of("john") == "masculine"
    assert reading_of("taylor") == "neutral"


def cast(*mentions: tuple[str, str] | str, by_title: bool = False, key: StandIn = KEY) -> Cast:
    listed = [Mention(each) if isinstance(each, str) else Mention(*each) for each in mentions]
    return Cast(key, listed, by_title=by_title)


def test_later_mentions_follow_the_full_name_wherever_it_stands() -> None:
    people = cast("John", ("Smith", "mr"), "John Smith", "Mary Jones", "john.smith@acme.test")
    given, family = people.name(Mention("John Smith")).split()
    assert people.name(Mention("John")) == given
    assert people.name(Mention("Smith", "mr")) == family
    assert people.name(Mention("John A. Smith")) == f"{given} {family}"
    assert people.name(Mention("Smith, John")) == f"{family}, {given}"
    assert people.name(Mention("John's")) == f"{given}'s"
    assert people.name(Mention("JOHN SMITH")) == f"{given} {family}".upper()
    assert people.name(Mention("Mary Jones")) != f"{given} {family}"


def test_mail_and_user_names_made_of_a_name_follow_it() -> None:
    people = cast("John Smith", "Ngozi Okafor")
    given, family = (name.lower() for name in people.name(Mention("John Smith")).split())
    mail = {
        "john.smith@acme.test": f"{given}.{family}",
        "JSmith84@acme.test": f"{given[0]}{family}",
        "smith@acme.test": family,
        "john@acme.test": given,
    }
    for value, local in mail.items():
        assert re.fullmatch(rf"{re.escape(local)}\d{{4}}@example\.com", people.login("EMAIL", value)), value
    assert people.login("USER_NAME", "@john_smith").startswith(f"@{given}_{family}")
    stranger = people.login("EMAIL", "night.owl@acme.test")
    assert given not in stranger
    assert family not in stranger
    assert people.login("EMAIL", "john.smith@acme.test") != people.login("EMAIL", "john.smith@work.test")
    for value in (*mail, "@john_smith", "night.owl@acme.test"):
        label = "USER_NAME" if value.startswith("@") else "EMAIL"
        assert stands_for_nobody(label, people.login(label, value))


def test_mail_follows_the_one_of_a_surname_whose_given_name_it_holds() -> None:
    people = cast("John Smith", "Mary Smith", "Peter Jones")
    john, mary, peter = (
        [name.lower() for name in people.name(Mention(full)).split()]
        for full in ("John Smith", "Mary Smith", "Peter Jones")
    )
    wanted = {
        "mary.smith@acme.test": f"{mary[0]}.{mary[1]}",
        "smith.mary@acme.test": f"{mary[0]}.{mary[1]}",
        "john_smith84@acme.test": f"{john[0]}_{john[1]}",
        "msmith@acme.test": f"{mary[0][0]}{mary[1]}",
        "m.smith@acme.test": f"{mary[0][0]}.{mary[1]}",
        "smithm@acme.test": f"{mary[0][0]}{mary[1]}",
        "jsmith@acme.test": f"{john[0][0]}{john[1]}",
        "jdsmith@acme.test": f"{john[0][0]}{john[1]}",
        "mary.s@acme.test": mary[0],
        "mary@acme.test": mary[0],
        "mr.jones@acme.test": peter[1],
    }
    for value, local in wanted.items():
        assert re.fullmatch(rf"{re.escape(local)}\d{{4}}@example\.com", people.login("EMAIL", value)), value
    assert people.login("USER_NAME", "@mary_smith").startswith(f"@{mary[0]}_{mary[1]}")


@pytest.mark.parametrize(
    "value",
    [
        "smith@acme.test",
        "alice.smith@acme.test",
        "johnson@acme.test",
        "mary.okafor@acme.test",
        "rosemary@acme.test",
    ],
)
def test_mail_that_may_be_anothers_is_built_from_nobodys_name(value: str) -> None:
    """Of two Smiths, or of somebody who shares one word with a person named: a new name."""
    people = cast("John Smith", "Mary Smith")
    names = {
        word.lower() for full in ("John Smith", "Mary Smith") for word in people.name(Mention(full)).split()
    }
    shown = people.login("EMAIL", value)
    assert stands_for_nobody("EMAIL", shown)
    assert not any(name in shown for name in names)


def test_initials_that_two_share_say_nothing() -> None:
    people = cast("John Smith", "Jane Smith")
    shown = people.login("EMAIL", "jsmith@acme.test")
    assert not any(
        people.name(Mention(full)).split()[1].lower() in shown for full in ("John Smith", "Jane Smith")
    )
    alone = cast("Jane Smith")
    assert alone.name(Mention("Jane Smith")).split()[1].lower() in alone.login("EMAIL", "jsmith@acme.test")


def ending(people: Cast, mention: Mention) -> str:
    given = people.name(mention).split()[0]
    return next(kind for kind, ends in ENDINGS.items() if given.endswith(ends))


def test_a_name_reads_as_a_womans_or_a_mans_only_where_that_is_known() -> None:
    people = cast("Mary Jones", "John Smith", "Ngozi Okafor", ("Kim Doe", "mrs"))
    assert ending(people, Mention("Mary Jones")) == "feminine"
    assert ending(people, Mention("John Smith")) == "masculine"
    assert ending(people, Mention("Ngozi Okafor")) == "neutral"
    assert ending(people, Mention("Kim Doe", "mrs")) == "neutral", (
        "over many conversations titles may be absent"
    )
    assert ending(cast(("Kim Doe", "mrs"), by_title=True), Mention("Kim Doe")) == "feminine"


def test_a_conversation_of_its_own_has_surrogates_of_its_own() -> None:
    names = {cast("John Smith", key=KEY.within(f"chats:{n}")).name(Mention("John Smith")) for n in range(40)}
    assert len(names) > 35


@pytest.mark.parametrize(
    ("value", "script"),
    [("Иван Петров", "Cyrillic"), ("Μαρία Παπά", "Greek"), ("משה כהן", "Hebrew"), ("محمد علي", "Arabic"),
     ("राम शर्मा", "Devanagari"), ("さくら たなか", "Kana"), ("김 민수", "Hangul"), ("王 伟", "Han")],
)  # fmt: skip
def test_a_name_stays_in_its_script(value: str, script: str) -> None:
    shown = cast(value).name(Mention(value))
    assert script_of(value) == script
    assert {script_of(word) for word in shown.split()} == {script}
    assert stands_for_nobody("PERSON", shown)
    assert shown == cast(shown).name(Mention(shown))


def test_titles_are_seen_right_before_a_name_only() -> None:
    assert title_before("Dear Mrs. Jones", 10) == "mrs"
    assert title_before("Mr and Jones", 7) == ""
    assert title_before("Jones", 0) == ""


@given(st.text(min_size=1, max_size=20))
def test_any_text_taken_for_a_name_gets_a_surrogate_that_stays(value: str) -> None:
    shown = cast(value).name(Mention(value))
    assert NAME.search(shown)
    assert cast(shown).name(Mention(shown)) == shown


def test_case_follows_and_every_script_has_names() -> None:
    assert [in_case("Abribrin", like) for like in ("ADA", "ada", "Ada", "A")] == [
        "ABRIBRIN",
        "abribrin",
        "Abribrin",
        "Abribrin",
    ]
    for given_names, surnames in SCRIPTS.values():
        assert len(given_names) >= 4
        assert len({unicodedata.normalize("NFC", name) for name in surnames}) == len(surnames)
