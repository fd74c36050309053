"""Signs without which nothing of a kind can stand in a text: tested over a whole column before any search.

One expression serves both engines: Rust's regex over a column (hundreds of megabytes a second), Python's
over a single text. A sign may be seen where nothing is; it must never be missing where something is. So the
compiled kernel looks for all of them in one pass (`hinted`), and sees some where the expressions see none.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
import re
from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa

from duecare.detect import links, spelled
from duecare.detect.folded import folded, folded_column
from duecare.detect.hints import BETWEEN, CASED, DIGITS, FOLDED, NAMING, STREET, UNSURE, hinted
from duecare.detect.kernel import library

CANDIDATES = (
    r"[0-9@]",
    links.SIGN,
    r"eyJ|-----BEGIN|glpat-|github_pat_|ghp_|hf_",
    spelled.CANDIDATE,
    r"(?i:user ?name|user ?id|login|screen name|handle|gamer ?tag|passw|passphrase|passcode|pwd|pass[\s\x1c-\x1f]?[:=])",
)
"""Of which any text must hold one for one of the forms to fit; all other signs are asked of such texts only. Rust
finds each at a gigabyte a second, and all of them as one expression at a hundredth of that."""

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
    "naming": rf"(?i:\b(?:{NAMING})(?:[\s\x1c-\x1f.:=#'’]+(?:{BETWEEN}))*)[\s\x1c-\x1f.:=#'’]+[A-Za-z]*[0-9]",
    "house": rf"[0-9][A-Za-z]?(?:-[0-9]{{1,4}})? (?i:(?:north|south|east|west|[nsew]\.?) )?(?:[A-Z0-9À-ÖØ-Þ][^ ]* ){{1,4}}(?i:(?:{STREET})\b)",
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


_ALL = (1 << len(_SIGNS)) - 1
_OTHER_CASE = re.compile("[\u0130\u0131\u017f\u212a]")
"""Letters that are i, s or k in another case, as one engine has it or both: with one in it a text holds every sign."""


def signs_of(text: str) -> int:
    """The signs that a text holds, as bits."""
    if _OTHER_CASE.search(text) is not None:
        return int(_with_numbers(_ALL))
    return int(_with_numbers(sum(_BIT[name] for name, pattern in _COMPILED.items() if pattern.search(text))))


def signed(texts: pa.Array) -> tuple[list[int], list[str], list[int]]:
    """The positions of texts that hold any sign, those texts `folded`, and their signs."""
    if library() is None:
        texts = folded_column(texts)
        places, bits = signs_in(texts)
        return places.tolist(), texts.take(pa.array(places)).to_pylist(), bits.tolist()
    bits, plain = hinted(texts), dict[int, str]()
    if len(strange := np.flatnonzero(bits & FOLDED)):
        said = [folded(text) for text in texts.take(pa.array(strange)).to_pylist()]
        plain = dict(zip(strange.tolist(), said, strict=True))
        bits[strange] = hinted(pa.array(said, pa.string()))
    sure = (bits & (DIGITS | AT)) != 0
    unsure = np.flatnonzero(~sure & ((bits & UNSURE) != 0))
    if len(unsure):
        said = _plain(texts, unsure, plain)
        sure[unsure] = may_hold(pl.Series("text", said, pl.String))
    bits = np.asarray(_with_numbers(np.where(bits & CASED, _ALL, bits & _ALL)))
    places = np.flatnonzero(sure & (bits != 0))
    return places.tolist(), _plain(texts, places, plain), bits[places].tolist()


def _plain(texts: pa.Array, places: np.ndarray, plain: Mapping[int, str]) -> list[str]:
    """The texts at `places`, those that have a plain form in that."""
    said: list[str] = texts.take(pa.array(places)).to_pylist()
    return (
        [plain.get(place, text) for place, text in zip(places.tolist(), said, strict=True)] if plain else said
    )


def may_hold(column: pl.Series) -> np.ndarray:
    """Which texts may hold one of the forms, bool [texts]."""
    held = pl.any_horizontal(pl.col("text").str.contains(each) for each in CANDIDATES)
    return pl.DataFrame(column.alias("text")).select(held).to_series().to_numpy()


def signs_in(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The positions of texts that hold any sign, int64 [some], and their signs, int64 [some]."""
    column = pl.Series("text", texts)
    places = np.flatnonzero(may_hold(column))
    chosen = column.gather(places)
    cased = chosen.str.contains(_OTHER_CASE.pattern).to_numpy()
    bits = np.asarray(_with_numbers(np.where(cased, _ALL, _marked(chosen))))
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
