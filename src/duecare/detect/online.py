"""Addresses of the internet and of devices: e-mail, links that carry a secret, IPv6, MAC, user names.

Every search starts at a sign that must be there ("@", "://", ":") and looks a bounded way around it.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Iterator

from duecare.detect import checks
from duecare.detect.context import word_set, words_before
from duecare.detect.spans import Span

_LOCAL = 64
"""Signs before the @ of an address at most (RFC 5321, 4.5.3.1.1)."""
_NAME = re.compile(rf"[\w+%'-][\w+%'.-]{{0,{_LOCAL - 1}}}$")
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{1,8}}")
_SPELLED = re.compile(
    r"\b[\w.+-]{1,64}\ ?(?:\[at\]|\(at\)|\ at\ )\ ?[\w-]{1,63}\ ?(?:\[dot\]|\(dot\)|\ dot\ )\ ?"
    r"(?:com|org|net|edu|gov|io|co|info|uk|de|fr|us|ca|example)\b",
    re.IGNORECASE | re.VERBOSE,
)
_URL = re.compile(r"[^\s<>\"']{1,2000}")
_TELLING = re.compile(
    r"""(?:[\w-]{0,40}(?:token|secret|passw(?:or)?d|session|sess|auth|signature|otp)|sid|sig|code|api[_-]?key
    |access[_-]?key|key|jwt|invite|uid|user_?id|magic|reset)=[^&]{4}""",
    re.IGNORECASE | re.VERBOSE,
)
_PARTS = re.compile(r"[?&#/;]")
_COLONED = re.compile(r"(?<![\w:.-])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?![\w:])")
_MAC = re.compile(r"(?<![\w:.-])[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])")
_HANDLE = re.compile(r"[A-Za-z_][\w.]{1,30}(?<!\.)")
_HANDLE_WORDS = word_set(
    "handle twitter instagram insta tiktok telegram discord snapchat snap reddit github skype facebook username "
    "user follow dm message tag mastodon threads"
)
_USER = re.compile(
    r"""\b(?:user\ ?name|user\ ?id|login(?:\ name)?|screen\ name|handle|gamer\ ?tag)
    (?:\ (?:is|was)|\s?[:=])\ ?["'“]?@?(?P<it>[A-Za-z0-9][\w.-]{2,40}(?<![.-]))""",
    re.IGNORECASE | re.VERBOSE,
)
_NO_USER = word_set(
    "not no the a an my your his her their wrong incorrect invalid correct required locked blocked disabled expired "
    "still already also being empty missing taken unknown same on in to for of and or name password page email "
    "correctly working case sensitive too very screen button failed failing"
)  # fmt: skip


def find_emails(text: str) -> Iterator[Span]:
    """Addresses with an @: at most 64 signs before it, a domain of labels behind it."""
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        if domain is not None:
            name = _NAME.search(text[max(0, at - _LOCAL) : at])
            start = at - len(name.group()) if name is not None else at
            while start < at and text[start] in "'%.-+":
                start += 1
            if name is not None and start < at and text[at - 1] != "." and ".." not in text[start:at]:
                yield Span(start, domain.end(), "EMAIL")
        elif (handle := _handle(text, at)) is not None:
            yield handle
        at = text.find("@", at + 1)


def _handle(text: str, at: int) -> Span | None:
    """A user name that the @ at `at` begins, where one of the six words before speaks of such names."""
    handle = _HANDLE.match(text, at + 1)
    if handle is None or text[at - 1 : at].isalnum() or _HANDLE_WORDS.isdisjoint(words_before(text, at)[-6:]):
        return None
    return Span(at, handle.end(), "USER_NAME", 0.8)


def find_spelled_emails(text: str) -> Iterator[Span]:
    """Addresses written out: "jo at example dot com"."""
    return (Span(*match.span(), "EMAIL") for match in _SPELLED.finditer(text))


def find_links(text: str) -> Iterator[Span]:
    """Links that carry a password or a parameter that lets its holder in."""
    at = text.find("://")
    while at >= 0:
        start = at - 5 if text[at - 5 : at].lower() == "https" else at - 4
        rest = _URL.match(text, at + 3)
        web = start >= 0 and rest is not None and text[start:at].lower() in ("http", "https")
        end = _telling(text, at + 3, rest.end()) if web and rest is not None else None
        if end is not None:
            yield Span(start, end, "URL_TOKEN")
        at = text.find("://", rest.end() if rest is not None else at + 3)


def _telling(text: str, start: int, end: int) -> int | None:
    """The end of the link whose host begins at `start`, without the stops behind it; None for one that tells
    nothing."""
    while end > start and text[end - 1] in ".,;:!?)]":
        end -= 1
    host, *parts = _PARTS.split(text[start:end])
    user, at, _ = host.rpartition("@")
    if (at and ":" in user) or any(_TELLING.match(part) for part in parts):
        return end
    return None


def find_hexadecimal(text: str) -> Iterator[Span]:
    """IPv6 addresses that single out a connection, and MAC addresses of devices (with colons or dashes)."""
    for match in _COLONED.finditer(text):
        shown = match.group()
        if shown.count(":") > 2 and checks.ip_address(shown):
            yield Span(*match.span(), "IP")
    for match in _MAC.finditer(text):
        if checks.mac_address(match.group()):
            yield Span(*match.span(), "MAC")


def find_user_names(text: str) -> Iterator[Span]:
    """What a text calls somebody's user name."""
    for match in _USER.finditer(text):
        if match.group("it").lower() not in _NO_USER:
            yield Span(*match.span("it"), "USER_NAME", 0.8)
