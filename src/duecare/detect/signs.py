"""Signs without which nothing of a kind can stand in a text: tested over a whole column before any search.

One expression serves both engines: Rust's regex over a column (hundreds of megabytes a second), Python's
over a single text. A sign may be seen where nothing is; it must never be missing where something is.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
import re

import numpy as np
import polars as pl
import pyarrow as pa

from duecare.detect import links, spelled

CANDIDATES = (
    r"[0-9@]",
    links.SIGN,
    r"eyJ|-----BEGIN|glpat-|github_pat_|ghp_|hf_",
    spelled.CANDIDATE,
    r"(?i:user ?name|user ?id|login|screen name|handle|gamer ?tag|passw|passphrase|passcode|pwd|pass[\s\x1c-\x1f]?[:=])",
)
"""Of which any text must hold one for one of the forms to fit; all other signs are asked of such texts only. Rust
finds each at a gigabyte a second, and all of them as one expression at a hundredth of that."""

_NAMING = (
    "passport|driver|drivers|driving|licen[cs]e|dl|plate|vehicle|car|vin|chassis|national|nino|tax|taxpayer|vat|mrn|medical|"
    "patient|health|insurance|user|userid|username|login|account|acct|a/c|sort|iban|routing|member|membership|customer|"
    "client|policy|loyalty|flyer|employee|student"
)
_BETWEEN = (
    "account|number|no|nr|num|id|identifier|card|code|is|was|reads|ending|in|there|here|question|name|licen[cs]e|plate|reg|"
    "registration|identification|insurance|record"
)
"""Words that name a number, and those that may stand between one of them and the number (see `named`)."""
_STREET = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|terrace|way|close|crescent|square|sq|"
    "parkway|pkwy|highway|hwy|circle|cir|trail|row|grove|gardens|mews|hill|plaza|alley|loop"
)

_SIGNS: dict[str, str] = {
    "at": r"@",
    "link": links.SIGN,
    "spelled": spelled.SIGN,
    "born": r"(?i:\bborn\b|\bbirth|\bd\.?o\.?b\b|\bgeboren|geburts(?:d|tag)|\bn[ée]e? le|\bnacid|\bnat[oa] il|naissance|nacimiento|nasci[dmt])",
    "hexadecimal": r"[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:|::[0-9A-Fa-f]{0,4}:|[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
    "vendor": r"sk-|[sr]k_|whsec_|gh[pousr]_|github_pat|glpat-|A(?:KIA|SIA|ROA|IDA)|xox|xapp-|AIza|ya29|hf_|npm_|pypi-|SG\.|shp|do[opr]_v1|dapi|SK[a-f0-9]|EAA|eyJ|-----BEGIN",
    "secret": r"(?i:key|token|secret|credential|bearer|basic)[^\n]{0,24}[A-Za-z0-9_~+/.=-]{16}",
    "password": r"(?i:passw|passphrase|passcode|pwd|pass[\s\x1c-\x1f]?[:=])",
    "pin": r"(?i:\b(?:pin|cvv2?|cvc|security code|one[- ]time (?:code|password)|otp|verification code|pin code)(?: (?:is|was|number)){0,2}\s?[:=#]?\s?)[0-9]{3}",
    "user": r"(?i:user ?name|user ?id|login|screen name|handle|gamer ?tag)",
    "long": r"[0-9](?:[-. /()]{0,3}[0-9]){6}|[A-Z][0-9]|[0-9][A-Z]|[A-Za-z0-9]{26}|[A-Z]{2} [0-9]{2}|[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
    "naming": rf"(?i:\b(?:{_NAMING})(?:[\s\x1c-\x1f.:=#'’]+(?:{_BETWEEN}))*)[\s\x1c-\x1f.:=#'’]+[A-Za-z]*[0-9]",
    "house": rf"[0-9][A-Za-z]?(?:-[0-9]{{1,4}})? (?i:(?:north|south|east|west|[nsew]\.?) )?(?:[A-Z0-9À-ÖØ-Þ][^ ]* ){{1,4}}(?i:(?:{_STREET})\b)",
    "box": r"(?i:box [0-9])|(?:straße|strasse|str\.|weg|platz|allee|gasse) [0-9]",
}
_BORDER = r"\b"


def _of_engine(pattern: str, border: str) -> str:
    """`pattern` with borders of words as ASCII has them: where a word of ASCII begins or ends there always is one.

    The two engines do not agree on all others, and Rust is slow to find them. The long s and the sign for Kelvin,
    which count as s and k, have none; they are let through.
    """
    return f"{pattern.replace(_BORDER, border)}|[\u017f\u212a]" if _BORDER in pattern else pattern


_COMPILED = {name: re.compile(_of_engine(pattern, r"(?a:\b)")) for name, pattern in _SIGNS.items()}
_BIT = {name: 1 << place for place, name in enumerate(_SIGNS)}

AT, LINK, SPELLED, BORN, HEXADECIMAL, VENDOR, SECRET, PASSWORD, PIN, USER = (
    _BIT[name]
    for name in (
        "at", "link", "spelled", "born", "hexadecimal", "vendor", "secret", "password", "pin", "user"
    )
)  # fmt: skip
NUMBER = 1 << len(_SIGNS)
"""Some number that may be personal: a long one, one beside a word that names such, one before a street."""
HOUSED, NAMED = NUMBER << 1, _BIT["naming"]
"""A number of those that may be that of a house or of a post box; a word that names numbers."""


def signs_of(text: str) -> int:
    """The signs that a text holds, as bits."""
    return int(_with_numbers(sum(_BIT[name] for name, pattern in _COMPILED.items() if pattern.search(text))))


def may_hold(column: pl.Series) -> np.ndarray:
    """Which texts may hold one of the forms, bool [texts]."""
    held = pl.any_horizontal(pl.col("text").str.contains(each) for each in CANDIDATES)
    return pl.DataFrame(column.alias("text")).select(held).to_series().to_numpy()


def signs_in(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The positions of texts that hold any sign, int64 [some], and their signs, int64 [some]."""
    column = pl.Series("text", texts)
    places = np.flatnonzero(may_hold(column))
    bits = np.asarray(_with_numbers(_marked(column.gather(places))))
    telling = bits != 0
    return places[telling], bits[telling]


_SOONER: dict[str, tuple[str, ...]] = {
    "spelled": (
        r"(?i:[ _\[({<-]dot[ \])}>_-])",
        r"(?i: at [a-z]{3,10}\.)",
        r"[\[({<] ?(?i:at|@|\.) ?[\])}>]",
        r"%40|@ ",
        r" @",
        r"@[A-Za-z]{3,10},",
    ),
    "hexadecimal": (r":[0-9A-Fa-f]{0,4}:|-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-|\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",),
    "vendor": (
        r"whsec_|github_pat|glpat-|xapp-|npm_|pypi-|do[opr]_v1|-----BEGIN",
        r"[sr]k_|sk-|gh[pousr]_|hf_",
        r"AKIA|ASIA|AROA|AIDA|AIza|ya29|xox|shp|dapi|SK|SG|EAA|eyJ",
    ),
}
"""Patterns of which one stands wherever the sign does, and which are found many times sooner: few words each, or
a rare letter first."""


def _marked(texts: pl.Series) -> np.ndarray:
    """Which signs texts hold, as bits, int64 [texts]."""
    bits, text = np.zeros(len(texts), np.int64), pl.col("text")
    sieved = pl.DataFrame(texts).select(
        pl.any_horizontal(text.str.contains(sieve) for sieve in _SOONER.get(name, (_RUST[name],))).alias(name)
        for name in _SIGNS
    )
    for name in _SIGNS:
        held = sieved[name].to_numpy().copy()
        if name in _SOONER and len(unsure := np.flatnonzero(held)):
            held[unsure] = texts.gather(unsure).str.contains(_RUST[name]).to_numpy()
        bits |= held.astype(np.int64) * _BIT[name]
    return bits


_RUST = {name: _of_engine(pattern, r"(?-u:\b)") for name, pattern in _SIGNS.items()}
_HOUSED = _BIT["house"] | _BIT["box"]
_NUMBERED = _HOUSED | _BIT["long"] | _BIT["naming"]


def _with_numbers(bits: int | np.ndarray) -> int | np.ndarray:
    """`bits` with NUMBER and HOUSED where the signs of numbers say so."""
    return bits | ((bits & _NUMBERED) != 0) * NUMBER | ((bits & _HOUSED) != 0) * HOUSED
