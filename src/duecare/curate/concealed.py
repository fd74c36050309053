"""Instructions hidden in data: words a reader does not see, or that speak to a model and not to a person.

What is looked for: characters without a shape (zero width, tags, direction marks), chat markup inside a turn,
comments and unseen elements of HTML and Markdown, text written in Base64 or the like, and sentences that tell
a model to drop its instructions (`orders`). Each is a reason to look, none is a proof; a text about prompt injection quotes it (Greshake
et al. 2023 describe the attack; Goodside 2024 the one by tag characters).
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern is read whole, on its line
import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import pyarrow as pa
import pyarrow.compute as pc

from duecare.curate import orders


class Concealed(NamedTuple):
    """A place in a text, code points [start, end), and what is hidden there."""

    what: str
    start: int
    end: int


_TAGS = re.compile("[\U000e0001\U000e0020-\U000e007f]+")
_TURNED = re.compile("[\u202d\u202e\u2066-\u2069]")
_UNSEEN = re.compile("[\u200b\u2060-\u2064\u00ad\ufeff\u180e]+|[\u200c\u200d]{2,}")
_FLAG = "\U0001f3f4"
"""The black flag, after which tags spell a region: the one use of tags that is no hiding."""
_MANY_UNSEEN = 3
"""Unseen characters in a text from which on they are no accident of copying; soft hyphens come alone."""

_MARKUP = re.compile(
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|eot_id)\|?>?"
    r"|^\#{2,3} ?system ?:|\[/?INST\]|<</?SYS>>|</?start_of_turn>|<start_of_turn>|<end_of_turn>",
    re.IGNORECASE | re.MULTILINE,
)
_HTML = re.compile(
    r"<!--(?P<said>(?:(?!<!--)[^>]){12,}?)-->"
    r"|<[a-z]++[^<>]{0,200}?(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0[;\"' ]"
    r"|(?:left|top|text-indent)\s*:\s*-\d{3,5}px|(?<!-)color\s*:\s*(?:white|\#fff(?:fff)?)\b(?![^<>]{0,200}background))"
    r"[^<>]{0,200}>"
    r"|^\[(?://|comment|_)\]:\s*(?:\#|<>)\s*[(\"'](?P<noted>[^\n]{12,})[)\"']",
    re.IGNORECASE | re.MULTILINE,
)
_WORDS = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2,}")
_ENCODED = re.compile(r"(?<![\w+/=-])(?:[A-Za-z0-9+/]{40,}|[A-Za-z0-9_-]{40,})={0,2}(?![\w+/=-])")
_LONGEST_ENCODED = 1 << 16

CANDIDATE = (
    r"[\x{e0001}\x{e0020}-\x{e007f}\x{202d}\x{202e}\x{2066}-\x{2069}\x{200b}-\x{200d}\x{2060}-\x{2064}\x{00ad}\x{feff}"
    r"\x{180e}]|<|\[/?INST|[A-Za-z0-9+/_-]{40}|(?:%[2-7][0-9A-Fa-f]){12}|\]:|###"
)
"""RE2: what any text must hold for something but an order to be found."""


def concealed(text: str) -> Iterator[Concealed]:
    """Every place in `text` that hides something, kind by kind."""
    for find in _FINDERS:
        yield from find(text)


def candidates(texts: pa.Array) -> pa.BooleanArray:
    """Which of `texts` are worth the slow look; all others hold nothing that `concealed` finds."""
    return pc.or_(pc.match_substring_regex(texts, CANDIDATE), orders.may_hold_orders(texts))


def _characters(text: str) -> Iterator[Concealed]:
    if text.isascii():
        return
    for match in _TAGS.finditer(text):
        if not text[: match.start()].endswith(_FLAG):
            yield Concealed("tag characters", *match.span())
    for match in _TURNED.finditer(text):
        yield Concealed("turned direction", *match.span())
    unseen = list(_UNSEEN.finditer(text[1:] if text.startswith("\ufeff") else text))
    shift = int(text.startswith("\ufeff"))
    hidden = [each for each in unseen if each.group() != "\u00ad" * len(each.group())]
    if sum(len(each.group()) for each in hidden) >= _MANY_UNSEEN:
        for match in hidden:
            yield Concealed("unseen characters", match.start() + shift, match.end() + shift)


def _markup(text: str) -> Iterator[Concealed]:
    yield from (Concealed("chat markup", *match.span()) for match in _MARKUP.finditer(text))


def _html(text: str) -> Iterator[Concealed]:
    for match in _HTML.finditer(text):
        said = match["said"] or match["noted"]
        if said is None or _WORDS.search(said):
            yield Concealed("unseen HTML", *match.span())


def _encoded(text: str) -> Iterator[Concealed]:
    """Base64, bytes to the base of sixteen and percent signs that decode to words; keys and hashes do not."""
    for pattern, decode in _CODES:
        for match in pattern.finditer(text):
            try:
                said = decode(match.group()[:_LONGEST_ENCODED]).decode("ascii")
            except (binascii.Error, ValueError):
                continue
            if said.isprintable() and _WORDS.search(said):
                yield Concealed("encoded words", *match.span())


def _of_base64(shown: str) -> bytes:
    shown = shown.rstrip("=")
    return base64.b64decode(shown + "=" * (-len(shown) % 4), altchars=b"-_" if {*shown} & {*"-_"} else None)


_CODES: tuple[tuple[re.Pattern[str], Callable[[str], bytes]], ...] = (
    (_ENCODED, _of_base64),
    (re.compile(r"(?<![\w%])(?:[0-9A-Fa-f]{2}){20,}(?![\w%])"), bytes.fromhex),
    (re.compile(r"(?:%(?:[4-7][0-9A-Fa-f]|20)){12,}"), unquote_to_bytes),
)


def _orders(text: str) -> Iterator[Concealed]:
    yield from (Concealed("orders to a model", *place) for place in orders.orders(text))


_FINDERS: tuple[Callable[[str], Iterator[Concealed]], ...] = (_characters, _markup, _html, _encoded, _orders)
