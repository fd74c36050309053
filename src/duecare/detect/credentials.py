"""Keys, tokens and passwords: by the prefix a vendor gives them, by their form, or by what names them."""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import math
import re
from collections import Counter
from collections.abc import Iterator

from duecare.detect.context import word_set
from duecare.detect.spans import Span

_LEAST_BITS = 3.0
"""Shannon entropy of a sign, in bits, from which a named string of 16 signs or more passes for a key: a
sixteen-letter English word has about 3.2 and no digit, a random hexadecimal string 3.2 to 3.8."""

VENDORS = (
    r"sk-(?:proj-|ant-)?[A-Za-z0-9_-]{16,200}",  # OpenAI, Anthropic
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,99}",  # Stripe
    r"whsec_[A-Za-z0-9+/=]{24,99}",  # Stripe
    r"gh[pousr]_[A-Za-z0-9]{20,255}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{22,255}",  # GitHub
    r"glpat-[A-Za-z0-9_-]{20,99}",  # GitLab
    r"A(?:KIA|SIA|ROA|IDA)[A-Z0-9]{12,32}",  # Amazon
    r"xox[abeoprs]-[\w-]{10,250}",  # Slack
    r"xapp-[\w-]{10,250}",  # Slack
    r"AIza[A-Za-z0-9_-]{35}",  # Google
    r"ya29\.[A-Za-z0-9_-]{20,250}",  # Google
    r"hf_[A-Za-z0-9]{20,60}",  # Hugging Face
    r"npm_[A-Za-z0-9]{36}",  # npm
    r"pypi-[A-Za-z0-9_-]{32,250}",  # PyPI
    r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}",  # SendGrid
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",  # Shopify
    r"do[opr]_v1_[a-f0-9]{64}",  # DigitalOcean
    r"dapi[a-f0-9]{32}",  # Databricks
    r"SK[a-f0-9]{32}",  # Twilio
    r"EAA[A-Za-z0-9]{40,250}",  # Meta
    r"eyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{4,1000}",  # JSON web token
)
"""Regular expressions of keys whose prefix says what they are."""

_VENDOR = re.compile(rf"(?<![\w-])(?:{'|'.join(VENDORS)})(?![\w])")
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:.{0,8000}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?",
    re.DOTALL,
)
_BEARER = re.compile(r"\b(?:bearer|basic) (?P<it>[A-Za-z0-9_\-.~+/]{16,400}={0,2})", re.IGNORECASE)
_KEYED = re.compile(
    r"""(?<![A-Za-z0-9])(?:api|access|secret|private|client|auth(?:entication|orization)?|encryption|licen[cs]e|account
    |refresh|bearer|session|consumer|shared|signing|webhook|bot)?[ _-]?(?:key|token|secret|credential)s?(?:[ _-](?:id|key|value))?
    (?:\ (?:is|was|reads|below))?\ ?[:=]?\ ?["'`]?(?P<it>[A-Za-z0-9_\-+/.=]{16,400})(?<![.])""",
    re.IGNORECASE | re.VERBOSE,
)
_PASSWORD = re.compile(
    r"""(?<![A-Za-z0-9])(?:(?:password|passwd|passphrase|passcode|pwd|passwort)["']?(?:\ (?:is|was|to|as)\b|\s?[:=]){1,2}
    |pass\s?[:=])\s?["'“`]?(?P<it>[^\s"'”`,;]{4,80})""",
    re.IGNORECASE | re.VERBOSE,
)
_QUOTED = re.compile(
    r"""(?<![A-Za-z0-9])(?:password|passwd|passphrase|passcode|pwd|passwort)["']?(?:\ (?:is|was)|\s?[:=])?\s?
    (?:"(?P<double>[^"\n]{4,80})"|'(?P<single>[^'\n]{4,80})'|“(?P<curly>[^”\n]{4,80})”)""",
    re.IGNORECASE | re.VERBOSE,
)
"""A password in quotes, which may be several words."""
_PIN = re.compile(
    r"\b(?:pin|cvv|cvc|cvv2|security code|one[- ]time (?:code|password)|otp|verification code|pin code)"
    r"(?: (?:is|was|number)){0,2}\s?[:=#]?\s?(?P<it>\d{3,8})(?![\w-]|[.,:]\d)",
    re.IGNORECASE,
)
_NO_PASSWORD = word_set(
    "not reset wrong incorrect invalid correct required expired change changed still already also being empty missing "
    "unknown same something somewhere anything nothing working protected too very weak strong secure blocked locked "
    "none null true false string text password"
)  # fmt: skip
_OF_RULES = word_set(
    "must characters character digit digits letter letters number numbers symbols minimum contain contains code"
)
"""Words that ask for a password: "at least 8 characters"."""


def find_vendor_keys(text: str) -> Iterator[Span]:
    """Keys with a vendor's prefix, JSON web tokens, private keys in PEM."""
    for pattern in (_VENDOR, _PEM):
        for match in pattern.finditer(text):
            yield Span(*match.span(), "SECRET")


def find_named_keys(text: str) -> Iterator[Span]:
    """What a text calls a key, a token or a secret, and what looks like one."""
    for pattern in (_KEYED, _BEARER):
        for match in pattern.finditer(text):
            if random_looking(match.group("it")):
                yield Span(*match.span("it"), "SECRET", 0.9)


def find_passwords(text: str) -> Iterator[Span]:
    """What a text calls a password, where it is no common word."""
    for match in _PASSWORD.finditer(text):
        shown = match.group("it").rstrip(".!?)")
        if _password(shown):
            yield Span(match.start("it"), match.start("it") + len(shown), "SECRET", 0.8)

    for match in _QUOTED.finditer(text):
        shown = match.group(match.lastgroup or 0)
        if not _OF_RULES.isdisjoint(shown.lower().split()):
            continue
        named = match.group()[: -len(shown) - 2].rstrip()[-1:] in ("=", ":")
        if any(map(str.isdigit, shown)) or (named and shown.lower() not in _NO_PASSWORD and shown.isalnum()):
            yield Span(match.end() - 1 - len(shown), match.end() - 1, "SECRET", 0.8)


def find_pins(text: str) -> Iterator[Span]:
    """Digits that a text calls a PIN, a card's security code or a one-time code."""
    return (Span(*match.span("it"), "SECRET", 0.8) for match in _PIN.finditer(text))


def random_looking(shown: str) -> bool:
    """Letters and digits together, and a Shannon entropy of at least 3 bits a sign."""
    if not any(sign.isdigit() for sign in shown) or not any(sign.isalpha() for sign in shown):
        return False
    total = len(shown)
    bits = -sum(count / total * math.log2(count / total) for count in Counter(shown).values())
    return bits >= _LEAST_BITS


def _password(shown: str) -> bool:
    """A word of its own kind: at least two of small letters, capitals, digits and signs, and no common word."""
    if len(shown) < 4 or shown.lower() in _NO_PASSWORD:
        return False
    kinds = (str.islower, str.isupper, str.isdigit, lambda sign: not sign.isalnum())
    return sum(any(kind(sign) for sign in shown) for kind in kinds) >= 2 and not shown.istitle()
