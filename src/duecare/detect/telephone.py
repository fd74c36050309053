"""Telephone numbers: by an international prefix, by the form of a country's numbers, or by words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from duecare.detect.context import last_of, word_set

_CALL = word_set(
    "phone telephone tel cell cellphone mobile call calls called calling text texted reach fax landline "
    "whatsapp ring dial"
)
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
    r"(?:19|20)\d\d[-. /]\d{1,2}[-. /]\d{1,2}|\d{1,2}[-. /]\d{1,2}[-. /](?:(?:19|20)\d\d|\d\d)"
)
_NOT_A_DIGIT = re.compile(r"\D")


def telephone(shown: str, words: Sequence[str], *, strict: bool) -> bool:
    """Whether `shown`, with the `words` before it, is a telephone number.

    `strict` asks for a form of its own: an international prefix or one that a country uses. Otherwise a
    word that speaks of calling is enough.
    """
    digits = _NOT_A_DIGIT.sub("", shown)
    if not 7 <= len(digits) <= 15:
        return False
    if list(words[-3:-1]) == ["my", "number"] or list(words[-2:]) == ["my", "number"]:
        return True
    named, otherwise = last_of(words, _CALL), last_of(words, _NO_PHONE)
    if len(set(digits)) == 1 or otherwise > named or _DATE.fullmatch(shown):
        return False
    if shown.startswith(("+", "(+")) or (digits.startswith("00") and digits[2:3] not in ("", "0")):
        return len(digits) >= (10 if digits.startswith("00") else 8)
    least = 10 if digits.startswith("0") else 9
    formed = len(digits) >= least and _FORMS.fullmatch(shown) is not None
    return formed or (not strict and named >= 0)
