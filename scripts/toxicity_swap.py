"""Counterfactual twins of labelled texts: the same sentence about another group, with the same label.

Taught both, a detector learns that the name is not what decides (Dixon et al. 2018, "Measuring and
mitigating unintended bias in text classification", AIES).
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import hashlib
import re
from collections.abc import Iterator, Sequence

_OTHER_PLURALS = {
    "race:Black": ("blacks", "black folks"), "race:white": ("whites", "white folks"), "race:Asian": ("asians",),
    "religion:Jewish": ("jews", "jewish people"), "religion:Muslim": ("muslims", "muslim people"),
    "orientation:gay": ("gays", "homosexuals"), "orientation:lesbian": ("lesbians",), "race:Latino": ("latinos",),
    "nationality:Mexican": ("mexicans",), "nationality:Chinese": ("chinese people",), "gender:women": ("females", "girls"),
    "gender:men": ("males", "guys"), "disability:disabled": ("the disabled", "handicapped people"),
    "disability:mental illness": ("mentally ill people",), "race:Indigenous": ("native americans", "natives"),
    "race:Middle Eastern": ("arabs", "middle easterners"), "nationality:any": ("immigrants", "refugees", "foreigners"),
}  # fmt: skip
"""Plural forms that sources use beside those of the table."""


_WORD = re.compile(r"[a-z]+")


class Swapper:
    """Replaces every mention of one group in a text by another group in the same form."""

    def __init__(self, terms: Sequence[dict[str, str]]) -> None:
        self._targets = list(terms)
        self._forms: dict[str, tuple[str, str]] = {}
        for term in terms:
            label = f"{term['axis']}:{term['group']}"
            for slot in ("adjective", "people"):
                self._forms.setdefault(term[slot].lower(), (label, slot))
        for label, forms in _OTHER_PLURALS.items():
            self._forms.update((form, (label, "people")) for form in forms)
        self._beginnings = {_WORD.findall(form)[0] for form in self._forms}
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile(r"\b(" + "|".join(map(re.escape, longest_first)) + r")\b", re.IGNORECASE)

    def twin(self, text: str, salt: str) -> str | None:
        """`text` about another group, chosen by `salt`; None where it names none or more than one."""
        return next(iter(self.twins(text, [salt])), None)

    def twins(self, text: str, salts: Sequence[str]) -> Iterator[str]:
        """The twins of `text` for `salts`, as `twin` gives them."""
        if self._beginnings.isdisjoint(_WORD.findall(text.lower())):
            return  # most texts name no group: they need not be searched for all of them
        named = {self._forms[match.lower()][0] for match in self._pattern.findall(text)}
        found = (self._put(text, named, salt) for salt in salts if len(named) == 1)
        yield from (twin for twin in found if twin is not None)

    def _put(self, text: str, named: set[str], salt: str) -> str | None:
        digest = hashlib.blake2b(f"{salt}|{text}".encode(), digest_size=8).digest()
        target = self._targets[int.from_bytes(digest, "big") % len(self._targets)]
        if f"{target['axis']}:{target['group']}" in named:
            return None
        return self._pattern.sub(lambda match: target[self._forms[match[0].lower()][1]], text)
