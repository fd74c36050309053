"""Numbers that registers of people give: the rule of each, and what must name it.

Many hold the date of birth; some check digits were given up for new numbers (Denmark, Korea since 2020), and
what then vouches for one is the date and a word. Nothing here hangs on today's date: the same text has the same
findings in any year. Checks take the number as it stands, with its spaces, dots and dashes.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words or of shapes is read whole, on its line
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import NamedTuple

from duecare.detect import checks
from duecare.detect.context import word_set
from duecare.detect.national import plain

_CURP_VALUE = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_CURP = re.compile(r"[A-Z]{4}\d{6}[HMX](?P<state>[A-Z]{2})[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z]\d")
_STATES = word_set(
    "AS BC BS CC CL CM CS CH DF DG GT GR HG JC MC MN MS NT NL OC PL QT QR SP SL SR TC TS TL VZ YN ZS NE"
)
"""Mexico's states, and NE for those born abroad (Diario Oficial, 18 October 2021)."""
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_NRIC = {"S": (0, "JZIHGFEDCBA"), "T": (4, "JZIHGFEDCBA"), "F": (0, "XWUTRQPNMLK"), "G": (4, "XWUTRQPNMLK"),
         "M": (3, "KLJNPQRTUWX")}  # fmt: skip
"""What a first letter adds to the sum, and the letters that close numbers of that series."""
_LAST_YEAR = 50
"""Of this century, of which nobody is taken to be born: fixed, where others ask today's date."""
_MADE_UP = 5
"""Zeros at the front that no register gives out: ours begin with them."""


def _digits(text: str, *lengths: int) -> list[int] | None:
    """The digits of `text`, where they are as many as one of `lengths` and not all alike."""
    shown = plain(text)
    if len(shown) not in lengths or not (shown.isascii() and shown.isdigit()) or len(set(shown)) == 1:
        return None
    return None if shown.startswith("0" * _MADE_UP) else [int(digit) for digit in shown]


def _two(digits: list[int], at: int) -> int:
    return 10 * digits[at] + digits[at + 1]


def _sum(digits: Iterable[int], weights: Iterable[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _day_of(year: int, month: int, day: int) -> bool:
    """Whether a year of two digits has that day in one century or another."""
    return _day(1900 + year, month, day) or _day(2000 + year, month, day)


def _luhn(digits: list[int]) -> bool:
    return checks.luhn("".join(map(str, digits)))


def pesel(text: str) -> bool:
    """Poland: date with the century in the month, four digits, one by weights 1 3 7 9."""
    digits = _digits(text, 11)
    if digits is None:
        return False
    century, month = divmod(_two(digits, 2), 20)
    born = century < 5 and _day(
        (1900, 2000, 2100, 2200, 1800)[century] + _two(digits, 0), month, _two(digits, 4)
    )
    return born and _sum(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def bsn(text: str) -> bool:
    """Netherlands: nine digits (or eight, the first 0 left out) whose sum by 9 to 2 and -1 is divided by 11."""
    digits = _digits(text, 8, 9)
    if digits is None:
        return False
    padded = [0] * (9 - len(digits)) + digits
    return padded[:2] != [0, 0] and _sum(padded, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def personnummer(text: str) -> bool:
    """Sweden: date (its day by 60 more for those not registered), three digits, one by Luhn, without century."""
    digits = _digits(text, 10, 12)
    if digits is None or (len(digits) == 12 and _two(digits, 0) not in (18, 19, 20)):
        return False
    short = digits[-10:]
    day = _two(short, 4)
    return _day_of(_two(short, 0), _two(short, 2), day - 60 if day > 60 else day) and _luhn(short)


def ahv(text: str) -> bool:
    """Switzerland: 756, nine digits, one by weights 1 and 3 (EAN-13)."""
    digits = _digits(text, 13)
    return digits is not None and digits[:3] == [7, 5, 6] and _sum(digits, (1, 3) * 7) % 10 == 0


def curp(text: str) -> bool:
    """Mexico: letters of the name, date, sex, state, consonants, and a digit by weights 18 to 2."""
    shown = plain(text)
    form = _CURP.fullmatch(shown)
    if form is None or form["state"] not in _STATES:
        return False
    total = _sum(map(_CURP_VALUE.index, shown[:17]), range(18, 1, -1))
    return _day_of(int(shown[4:6]), int(shown[6:8]), int(shown[8:10])) and -total % 10 == int(shown[17])


def rut(text: str) -> bool:
    """Chile: seven or eight digits, and a digit or K by modulus 11 with weights 2 to 7 from the right."""
    shown = plain(text)
    if not re.fullmatch(r"[1-9]\d{6,7}[0-9K]", shown) or len(set(shown)) == 1:
        return False
    total = _sum(map(int, reversed(shown[:-1])), (2, 3, 4, 5, 6, 7, 2, 3))
    return "0123456789K0"[11 - total % 11] == shown[-1]


def nif(text: str) -> bool:
    """Portugal: nine digits, the last by modulus 11 with weights 9 to 2."""
    digits = _digits(text, 9)
    return digits is not None and digits[0] > 0 and -_sum(digits, range(9, 1, -1)) % 11 % 10 == digits[8]


def niss(text: str) -> bool:
    """Belgium: date (its month by 20 or 40 more for those not registered), order, 97 minus the rest."""
    digits = _digits(text, 11)
    if digits is None or _two(digits, 2) > 52:
        return False
    number, check = int(plain(text)[:9]), _two(digits, 9)
    month, day, year = _two(digits, 2) % 20, _two(digits, 4), _two(digits, 0)
    before = 97 - number % 97 == check and _day(1900 + year, month, day)
    since = year < _LAST_YEAR and 97 - (2 * 10**9 + number) % 97 == check and _day(2000 + year, month, day)
    return before or since


def cpr(text: str) -> bool:
    """Denmark: date and four digits; the check digit of old numbers was given up in 2007."""
    digits = _digits(text, 10)
    return digits is not None and _day_of(_two(digits, 4), _two(digits, 2), _two(digits, 0))


def hetu(text: str) -> bool:
    """Finland: date, a sign for the century, three signs, and one by modulus 31."""
    form = re.fullmatch(r"(\d{6})[-+A-FU-Y](\d{3})([0-9A-Y])", text.upper())
    if form is None:
        return False
    day, month, year = (int(form[1][at : at + 2]) for at in (0, 2, 4))
    return _day_of(year, month, day) and int(form[2]) > 1 and _HETU[int(form[1] + form[2]) % 31] == form[3]


def fodselsnummer(text: str) -> bool:
    """Norway: date (its day or month by 40 more for some), three digits, two by modulus 11."""
    digits = _digits(text, 11)
    if digits is None:
        return False
    day, month = _two(digits, 0), _two(digits, 2)
    born = _day_of(_two(digits, 4), month - 40 if month > 40 else month, day - 40 if day > 40 else day)
    first = _sum(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    return born and not first and _sum(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def isikukood(text: str) -> bool:
    """Estonia and Lithuania: sex and century, date, order, and a digit by modulus 11 in two rounds."""
    digits = _digits(text, 11)
    if digits is None or not 1 <= digits[0] <= 8:
        return False
    check = _sum(digits, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    check = check if check < 10 else _sum(digits, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    year = 1800 + (digits[0] - 1) // 2 * 100 + _two(digits, 1)
    return _day(year, _two(digits, 3), _two(digits, 5)) and check == digits[10]


def cnp(text: str) -> bool:
    """Romania: sex and century, date, county, order, and a digit by modulus 11."""
    digits = _digits(text, 13)
    if digits is None or digits[0] == 0:
        return False
    county = _two(digits, 7)
    check = _sum(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    born = _day_of(_two(digits, 1), _two(digits, 3), _two(digits, 5))
    return (
        born
        and (1 <= county <= 48 or county in (51, 52, 70, 80, 81, 82, 83))
        and min(check, check % 10 or 1) == digits[12]
    )


def egn(text: str) -> bool:
    """Bulgaria: date with the century in the month, three digits, one by modulus 11."""
    digits = _digits(text, 10)
    if digits is None:
        return False
    century, month = divmod(_two(digits, 2), 20)
    born = century < 3 and _day((1900, 1800, 2000)[century] + _two(digits, 0), month, _two(digits, 4))
    return born and _sum(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == digits[9]


def rodne_cislo(text: str) -> bool:
    """Czechia and Slovakia: date (50 more in a woman's month, 20 more in some), order; 11 divides all ten."""
    digits = _digits(text, 10)
    if digits is None:
        return False
    month = _two(digits, 2) % 50
    number = int(plain(text))
    divided = number % 11 == 0 or (number // 10 % 11 == 10 and digits[9] == 0)
    return divided and _day_of(_two(digits, 0), month - 20 if month > 20 else month, _two(digits, 4))


def tckn(text: str) -> bool:
    """Turkey: eleven digits, the tenth by sums of odd and even places, the last by the sum of all."""
    digits = _digits(text, 11)
    if digits is None or digits[0] == 0:
        return False
    tenth = (7 * sum(digits[:9:2]) - sum(digits[1:8:2])) % 10
    return tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def rsa_id(text: str) -> bool:
    """South Africa: date, order, citizen or resident, a digit, one by Luhn."""
    digits = _digits(text, 13)
    if digits is None or digits[10] > 2:
        return False
    return _day_of(_two(digits, 0), _two(digits, 2), _two(digits, 4)) and _luhn(digits)


def resident_id(text: str) -> bool:
    """China: region, date, order, and a digit or X by ISO 7064 mod 11-2 (GB 11643)."""
    shown = plain(text)
    if not re.fullmatch(r"[1-9]\d{16}[0-9X]", shown):
        return False
    total = _sum(map(int, shown[:17]), (pow(2, 17 - place, 11) for place in range(17)))
    year = int(shown[6:10])
    born = 1900 <= year <= 2100 and _day(year, int(shown[10:12]), int(shown[12:14]))
    return born and "10X98765432"[total % 11] == shown[17]


def rrn(text: str) -> bool:
    """Korea: date, sex and century, and six digits; the check digit was given up in 2020."""
    digits = _digits(text, 13)
    if digits is None:
        return False
    century = {9: 1800, 0: 1800, 3: 2000, 4: 2000, 7: 2000, 8: 2000}.get(digits[6], 1900)
    year = century + _two(digits, 0)
    check = (11 - _sum(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return _day(year, _two(digits, 2), _two(digits, 4)) and (year >= 2020 or check == digits[12])


def nric(text: str) -> bool:
    """Singapore: a letter for the series, seven digits, a letter by modulus 11."""
    shown = plain(text)
    if not re.fullmatch(r"[STFGM]\d{7}[A-Z]", shown) or len(set(shown[1:8])) == 1:
        return False
    more, letters = _NRIC[shown[0]]
    return letters[(_sum(map(int, shown[1:8]), (2, 7, 6, 5, 4, 3, 2)) + more) % 11] == shown[8]


def svnr(text: str) -> bool:
    """Austria: three digits, one by modulus 11, and a date, whose month is above 12 where days ran out."""
    digits = _digits(text, 10)
    if digits is None or digits[0] == 0:
        return False
    month = _two(digits, 6)
    born = month in (13, 14, 15) or _day_of(_two(digits, 8), month, _two(digits, 4))
    return born and _sum(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == digits[3]


def amka(text: str) -> bool:
    """Greece: date, four digits, one by Luhn."""
    digits = _digits(text, 11)
    return digits is not None and _day_of(_two(digits, 4), _two(digits, 2), _two(digits, 0)) and _luhn(digits)


def cuil(text: str) -> bool:
    """Argentina: a prefix for people, the number of the identity card, and a digit by modulus 11."""
    digits = _digits(text, 11)
    if digits is None or _two(digits, 0) not in (20, 23, 24, 27):
        return False
    return int("01234567899"[-_sum(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11]) == digits[10]


def snils(text: str) -> bool:
    """Russia: nine digits and two by modulus 101, for numbers above 001-001-998."""
    digits = _digits(text, 11)
    if digits is None or int(plain(text)[:9]) <= 1_001_998:
        return False
    return _sum(digits, range(9, 0, -1)) % 101 % 100 == _two(digits, 9)


def oib(text: str) -> bool:
    """Croatia: eleven digits, the last by ISO 7064 mod 11,10."""
    digits = _digits(text, 11)
    if digits is None:
        return False
    product = 10
    for digit in digits[:10]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == digits[10]


class Register(NamedTuple):
    """A kind of number: its check, the shapes that only count behind one of `words`, and those that need none."""

    check: Callable[[str], bool]
    words: frozenset[str]
    named: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()


_SHOWS = word_set("identity national citizen resident")
"""Words of English for the number of a person, where a date or two check digits stand behind it."""

REGISTERS: dict[str, Register] = {
    "PESEL": Register(pesel, word_set("pesel polish") | _SHOWS, ("99999999999",)),
    "PERSONNUMMER": Register(personnummer, word_set("personnummer personnr samordningsnummer swedish") | _SHOWS,
                             ("999999-9999", "9999999999", "99999999-9999", "999999999999")),
    "CPR": Register(cpr, word_set("cpr cprnummer personnummer danish"), ("999999-9999", "9999999999", "999999 9999")),
    "HETU": Register(hetu, word_set("hetu henkilötunnus finnish"), ("999999-9999",)),
    "FODSELSNUMMER": Register(fodselsnummer, word_set("fødselsnummer fodselsnummer fnr personnummer norwegian") | _SHOWS,
                              ("99999999999", "999999 99999", "999999-99999")),
    "NISS": Register(niss, word_set("niss insz rijksregisternummer rijksregister registre belgian") | _SHOWS,
                     ("99999999999", "999999 999 99", "999999-999-99"), ("99.99.99-999.99", "99.99.99-999-99")),
    "BSN": Register(bsn, word_set("bsn burgerservicenummer sofinummer sofi dutch"),
                    ("999999999", "9999 99 999", "9999.99.999", "999 999 999", "999.999.999", "999-999-999")),
    "AHV": Register(ahv, word_set("ahv avs avsn ahvn oasi navs versichertennummer sozialversicherungsnummer swiss"),
                    ("9999999999999", "999 9999 9999 99"), ("999.9999.9999.99",)),
    "SVNR": Register(svnr, word_set("svnr sozialversicherungsnummer versicherungsnummer austrian"),
                     ("9999999999", "9999 999999", "9999-999999")),
    "NIF": Register(nif, word_set("nif contribuinte portuguese"), ("999999999", "999 999 999", "999.999.999")),
    "AMKA": Register(amka, word_set("amka αμκα greek") | _SHOWS, ("99999999999",)),
    "ISIKUKOOD": Register(isikukood, word_set("isikukood asmens estonian lithuanian") | _SHOWS, ("99999999999",)),
    "RODNE_CISLO": Register(rodne_cislo, word_set("rodné rodne rc rč czech slovak") | _SHOWS, ("999999/9999", "9999999999")),
    "CNP": Register(cnp, word_set("cnp numeric romanian") | _SHOWS, ("9999999999999",)),
    "EGN": Register(egn, word_set("egn егн bulgarian") | _SHOWS, ("9999999999",)),
    "OIB": Register(oib, word_set("oib croatian"), ("99999999999",)),
    "SNILS": Register(snils, word_set("snils снилс russian"), ("99999999999",), ("999-999-999 99",)),
    "TCKN": Register(tckn, word_set("tckn kimlik tc turkish") | _SHOWS, ("99999999999",)),
    "RSA_ID": Register(rsa_id, word_set("african rsa") | _SHOWS, ("9999999999999", "999999 9999 999", "999999 9999 99 9")),
    "RESIDENT_ID": Register(resident_id, frozenset(), (), ("9" * 18,)),
    "RRN": Register(rrn, word_set("rrn korean 주민등록번호 주민등록번호는 jumin") | _SHOWS, ("999999-9999999", "9999999999999")),
    "NRIC": Register(nric, frozenset()),
    "CURP": Register(curp, frozenset()),
    "RUT": Register(rut, word_set("rut chilean chile cédula cedula"), ("99.999.999-9", "9.999.999-9", "99999999-9", "9999999-9")),
    "CUIL": Register(cuil, word_set("cuil cuit argentine argentina"), ("99-99999999-9", "99999999999")),
}  # fmt: skip
"""Every kind, by its label; where a text fits several, the first goes."""
