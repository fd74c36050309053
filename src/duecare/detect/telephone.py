"""Telephone numbers: by an international prefix, by the form of a country's numbers, or by words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from duecare.detect.context import last_of, word_set

_CALL = word_set(
    "phone telephone tel cell cellphone mobile call calls called calling text texted reach fax landline "
    "whatsapp ring dial contact answering answers hotline helpline voicemail sms"
)
_BEHIND = word_set("office fax mobile cell home work tel phone telephone landline direct")
_EXTENSION = re.compile(r" ?(?:x|ext\.?|extension) ?\d{1,6}(?![\w])", re.IGNORECASE)
_NO_PHONE = word_set(
    "order orders invoice ticket tracking reference ref case serial model item sku version price total "
    "confirmation isbn transaction account card code booking claim policy member customer id part"
)
_FORMS = re.compile(
    r"""(?:1[-. ])?\(?[2-9]\d{2}\)?[-. ]{0,2}[2-9]\d{2}[-. ]\d{4}       # North America
    | \(?0\d{2,4}\)?[-. ]\d{3,4}[-. ]?\d{3,6}                           # United Kingdom
    | 0[1-9](?:[-. ]\d\d){4}                                            # France
    | 0[1-9]\d{1,3}\ ?/\ ?\d{5,8}                                       # Germany
    | [6789]\d\d[ ]\d{3}[ ]\d{3}                                        # Spain
    | 0[2-478][ ]\d{4}[ ]\d{4} | 04\d\d[ ]\d{3}[ ]\d{3}                 # Australia
    | [6-9]\d{4}[ -]\d{5}                                               # India
    | \(?[1-9]\d\)?[ ]9?\d{4}-\d{4}                                     # Brazil
    | 0\d{1,2}-\d{4}-\d{4}                                              # Japan
    """,
    re.VERBOSE,
)
_DATE = re.compile(
    r"(?:18|19|20)\d\d[-. /]\d{1,2}[-. /]\d{1,2}|\d{1,2}[-. /]\d{1,2}[-. /](?:(?:18|19|20)\d\d|\d\d)"
)


def spoken_of(words: Sequence[str], behind: Sequence[str]) -> bool | None:
    """Whether the words before digits speak of calling, or the first one behind says which telephone it is.

    None where the words before name something else that is no telephone number, as an order.
    """
    if behind and says_which(behind[0]):
        return True
    if words[-3:-1] == ["my", "number"] or words[-2:] == ["my", "number"]:
        return True
    named = last_of(words, _CALL)
    return None if last_of(words, _NO_PHONE) > named else named >= 0


def says_which(word: str) -> bool:
    """Whether a word behind digits says which telephone they belong to ("fax", "office")."""
    return word in _BEHIND


def extended(text: str, end: int) -> int:
    """Where a telephone number ends that has digits up to `end`, with its extension ("x123", "ext. 12")."""
    extension = _EXTENSION.match(text, end)
    return end if extension is None else extension.end()


def formed(shown: str, digits: int) -> bool:
    """Whether `shown`, which holds so many digits, has the form of a telephone number: an international
    prefix, or one that a country uses."""
    if _DATE.fullmatch(shown) is not None:
        return False
    if shown.startswith(("+", "(+")):
        return digits >= 8
    if shown.startswith("00"):
        return digits >= 10 and shown[2:3] != "0"
    return (
        digits >= (10 if shown[0] == "0" or shown[:2] == "(0" else 9) and _FORMS.fullmatch(shown) is not None
    )


def possible(shown: str) -> bool:
    """Whether `shown` can be one where words speak of one: no date, not one digit throughout."""
    return _DATE.fullmatch(shown) is None and len({sign for sign in shown if sign.isdigit()}) > 1
