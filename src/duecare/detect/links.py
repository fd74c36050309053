"""Links that let their holder in, and links that are somebody's page.

A link lets in by a name and password before its host, by a parameter that is called a token, or by a long random
part of its path behind a word such as "reset" or "invite".
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Iterator

from duecare.detect.context import word_set
from duecare.detect.credentials import random_looking
from duecare.detect.spans import Span

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,19}$")
_WEB = frozenset({"http", "https", "ws", "wss", "ftp", "ftps", "sftp"})
_URL = re.compile(r"[^\s<>\"']{1,2000}")
_BARE = re.compile(r"(?<![\w/.@-])www\.[^\s<>\"']{1,2000}", re.IGNORECASE)
_TELLING = re.compile(
    r"""(?:[\w-]{0,40}(?:token|secret|passw(?:or)?d|pwd|session|sess|auth|signature|otp)|session_?id|sid|sig|code|api[_-]?key
    |access[_-]?key|key|jwt|invite|uid|user_?id|magic|reset)=[^&]{4}""",
    re.IGNORECASE | re.VERBOSE,
)
_PARTS = re.compile(r"[?&#/;]")
_LETS_IN = word_set(
    "reset verify verification confirm confirmation activate activation invite invitation joinchat join magic unsubscribe token webhook "
    "webhooks services auth login recover recovery password share"
)
_LEAST = 16
"""Signs of a part of a path that is a token."""
_JOINTS = re.compile(r"[-_.]")
_PAGE = re.compile(
    r"""(?<![\w.@-])(?:https?://)?(?:(?:www|m|old|mobile|[a-z]{2})\.)?(?:
    (?:linkedin\.com/in|reddit\.com/u(?:ser)?|snapchat\.com/add|facebook\.com/profile\.php\?id=|youtube\.com/(?:c|user))/?
    |(?:tiktok|youtube|medium|threads)\.(?:com|net)/(?=@)
    |(?:twitter|x|instagram|facebook|github|gitlab|pinterest|twitch)\.(?:com|tv)/|t\.me/
    )(?P<it>@?[\w%.-]{2,60}(?<![.-]))(?=/?(?![\w/]))""",
    re.IGNORECASE | re.VERBOSE,
)
_REDDIT = re.compile(r"(?<![\w/.])/?u/(?P<it>[A-Za-z0-9_-]{3,20})(?![\w/])")
_NO_PAGE = word_set(
    "home about help login signup explore search settings features pricing groups watch pages events marketplace reel reels "
    "stories hashtag intent share sharer joinchat jobs company contact terms privacy policy legal support blog notifications "
    "messages trending topics collections sponsors enterprise p i"
)
SIGN = r"://|(?i:www\.|\.com/|\.net/|\.tv/|\bt\.me/|\bu/)"
"""What every text with such a link holds, for either engine of regular expressions."""


def find_links(text: str) -> Iterator[Span]:
    """Links that carry a password or a token that lets its holder in."""
    at = text.find("://")
    while at >= 0:
        scheme = _SCHEME.search(text[max(0, at - 20) : at])
        rest = _URL.match(text, at + 3)
        if scheme is not None and rest is not None:
            start = at - len(scheme.group())
            end = _telling(text, at + 3, rest.end(), web=scheme.group().lower() in _WEB)
            if end is not None:
                yield Span(start, end, "URL_TOKEN")
        at = text.find("://", rest.end() if rest is not None else at + 3)
    for match in _BARE.finditer(text):
        end = _telling(text, *match.span(), web=True)
        if end is not None:
            yield Span(match.start(), end, "URL_TOKEN")


def find_pages(text: str) -> Iterator[Span]:
    """User names in links to somebody's page, and those of Reddit."""
    for pattern in (_PAGE, _REDDIT):
        for match in pattern.finditer(text):
            if match.group("it").lower() not in _NO_PAGE:
                yield Span(*match.span("it"), "USER_NAME", 0.9)


def _telling(text: str, start: int, end: int, *, web: bool) -> int | None:
    """The end of the link whose host begins at `start`, without the stops behind it; None for one that tells
    nothing."""
    while end > start and text[end - 1] in ".,;:!?)]":
        end -= 1
    host, *parts = _PARTS.split(text[start:end])
    user, at, _ = host.rpartition("@")
    if at and ":" in user:
        return end
    if not web:
        return None
    return end if any(_TELLING.match(part) for part in parts) or _lets_in(parts) else None


def _lets_in(parts: list[str]) -> bool:
    """Whether a random part stands behind a word that says what it is for."""
    for place, part in enumerate(parts):
        if part.lower() in _LETS_IN:
            rest = (each for each in parts[place + 1 :] if len(each) >= _LEAST)
            return any(random_looking(each) and not _title(each) for each in rest)
    return False


def _title(part: str) -> bool:
    """Whether a part of a path is words and numbers, such as "2024-annual-report": no token."""
    pieces = _JOINTS.split(part)
    return len(pieces) > 2 and all(piece.isalpha() or piece.isdigit() for piece in pieces)
