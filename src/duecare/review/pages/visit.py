"""One request, as a page sees it: who asks, what was sent, and nothing of the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from duecare.review.errors import ReviewError
from duecare.review.pages.settings import Settings
from duecare.review.people import Person
from duecare.review.store import Store

MOST_BYTES = 256 * 1024
"""The largest form accepted: a comment of 10,000 characters of any script, percent-encoded, and answers."""
MOST_FIELDS = 3000


class FormError(ReviewError):
    """What was sent is no form that any page of ours sends."""


class Form:
    """The fields of a form in the order sent; a field may come more than once."""

    def __init__(self, fields: Sequence[tuple[str, str]] = ()) -> None:
        self._fields = tuple(fields)

    @classmethod
    def read(cls, body: bytes) -> Form:
        """From a body of type application/x-www-form-urlencoded; FormError where it is none."""
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(body),
                errors="strict",
                max_num_fields=MOST_FIELDS,
            )
        except ValueError:
            raise FormError("This form could not be read. Go back, and send it again.") from None
        return cls(pairs)

    def all(self, name: str) -> list[str]:
        """Every value of a field, line ends as plain newlines."""
        return [value.replace("\r\n", "\n") for key, value in self._fields if key == name]

    def get(self, name: str, otherwise: str = "") -> str:
        """The first value of a field, without white space around it."""
        values = self.all(name)
        return values[0].strip() if values else otherwise

    def raw(self, name: str) -> str:
        """The first value of a field as it was sent (passwords)."""
        return next((value for key, value in self._fields if key == name), "")

    def text(self, name: str, what: str, most: int) -> str:
        """A field that must be filled in, at most `most` characters long."""
        value = self.get(name)
        if not value:
            raise ReviewError(f"Please fill in: {what}.", field=name)
        if len(value) > most:
            raise ReviewError(
                f"Too long: {what} may have {most:,} characters, here are {len(value):,}.", field=name
            )
        return value


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that was let in.

    `who` is None on pages that are open to anybody; `token` goes into every form of the answer; `where`
    is the address of the visitor's machine; `here` the path asked for; `origin` how this site is called by
    whoever asks ("https://review.example").
    """

    store: Store
    settings: Settings
    who: Person | None
    token: str
    here: str
    where: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Form
    session: str = ""
    origin: str = ""

    @property
    def person(self) -> Person:
        """The person who is logged in; only pages with a rule for roles may ask."""
        if self.who is None:
            raise ReviewError("Please log in.")
        return self.who
