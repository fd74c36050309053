"""IPv4 addresses among the numbers of a text, with a port or a mask behind them or in a line of a log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from duecare.detect import checks
from duecare.detect.context import word_set, words_before

_IPV4 = re.compile(r"(?<![\w.-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.[0-9]|-[A-Za-z])")
_VERSION = word_set(
    "version versions v release build firmware section driver app update upgrade openssl "
    "chapter clause paragraph"
)
_ADDRESS = word_set("ip ips address addr host hostname server ping dns client peer gateway router")
_LEAST = 7
"""Digits of an address that needs no word before it: with fewer it looks like the number of a section."""


def ipv4_in(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where IPv4 addresses that can single out a connection stand in text[start:end], a run of numbers."""
    for match in _IPV4.finditer(text, start):
        if match.start() >= end:
            return
        begin, stop = match.span()
        words = words_before(text, begin)
        if _VERSION & set(words[-2:]) or not checks.ip_address(match.group()):
            continue
        if stop - begin - 3 >= _LEAST or _ADDRESS & set(words[-4:]):
            yield begin, stop
