"""Texts as hashed word and character n-grams: what the fast tier of the toxicity detector sees.

A text becomes words, cut into sentences and those into windows of at most `WINDOW` words; a window is a
bag of features: its words and word pairs, and the character 3- to 5-grams of its words with their
borders. A feature is known only by its bucket (a hash), so there is no vocabulary to ship (Weinberger et
al. 2009, "Feature hashing", ICML). `kernel/toxicity.c` does the same in one pass over the bytes;
this is its equal in NumPy, and what training uses.

How a text becomes words, in order (ASCII; other texts are brought near it by `plain` first):
links, HTML entities and handles are replaced; a letter that stands more than twice in a row stands
twice; digits and signs within a word of two letters and more become the letters they look like; single
letters set apart by one sign each ("i d i o t") become one word.

Words that name a group of people are one and the same feature, whichever group it is, with further such
words and words for people behind them ("Black women", "Muslims", "gay people"): which group is named cannot
decide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.detect.kernel import Texts, buffers_of
from duecare.detect.marks import DASHES, DOUBLE, SINGLE, marked_only

BITS = 20
BUCKETS = 1 << BITS
WINDOW = 48
"""Words a window holds at most; a sentence of up to this many words is one window."""

CHUNK_BYTES = 1 << 18
"""Bytes of text worked on at once: small enough to stay in the processor's cache."""

ROOTS = np.sqrt(np.maximum(np.arange(4096.0), 1.0))
"""Root of how many features a window has; a longer word than any language has counts as 4,095."""

_SIZES = (3, 4, 5)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX64 = np.uint64(0xBF58476D1CE4E5B9)
_MIX32 = np.uint32(0x85EBCA6B)
_STEP32 = np.uint32(0x01000193)
_BASIS32 = np.uint32(0x811C9DC5)
_GROUP = np.uint64(0x9D39247E33776D41)
"""Stands for a word that names a group."""

_SPACE, _END = np.uint8(ord(" ")), np.uint8(0)


def _among(members: bytes) -> np.ndarray:
    found = np.zeros(256, dtype=bool)
    found[list(members)] = True
    return found


_LETTERS = bytes(range(ord("a"), ord("z") + 1))
_HIGH = bytes(range(128, 256))
_IS_LETTER = _among(_LETTERS)
_IS_ALNUM = _among(_LETTERS + b"0123456789" + _HIGH)
_IS_WORD = _among(_LETTERS + b"0123456789" + _HIGH + b"'*@$")
_IS_LOOKALIKE = _among(b"01345@$")
_STOPS = _among(b".!?")
_AFTER_STOP = _among(b' \t\n\r\f\v")')
_LOOKALIKE = np.arange(256, dtype=np.uint8)
_LOOKALIKE[list(b"01345@$")] = list(b"oieasas")

_REWRITTEN = re.compile(
    rb"(https?://[^ \t\n\r\f\v]+|www\.[^ \t\n\r\f\v]+)|(&#?[a-z0-9_]{1,6};)|(?<![a-z0-9\x80-\xff])@[a-z0-9_]+"
)
_REPLACED = {1: b" url ", 2: b" ", None: b" @user "}

_LATIN = "аеорсухкмтвніјѕԁӏοαερνικυ"
_NEAR_LATIN = "aeopcyxkmtbhijsdloaepvikv"
_PLAIN = {
    **dict.fromkeys(range(0x300, 0x370)),  # accents, once set apart
    **dict.fromkeys([0xAD, 0x2060, 0xFE0F, 0xFEFF, *range(0x200B, 0x2010)]),  # invisible
    **dict.fromkeys([0x2018, 0x2019, 0x2BC, 0xB4, 0x60], "'"),
    **dict.fromkeys([0x201C, 0x201D, 0x201E, 0xAB, 0xBB], '"'),
    **dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x2013, 0x2014, 0x3000], " "),
    **{ord(sign): letter for sign, letter in zip(_LATIN, _NEAR_LATIN, strict=True)},
}

_MARKS = {**dict.fromkeys(f"{SINGLE}`", "'"), **dict.fromkeys(DOUBLE, '"'), **dict.fromkeys(DASHES, " ")}
"""What `_PLAIN` makes of `marks`, for a whole column."""


@dataclass(frozen=True, slots=True)
class Features:
    """The features of some windows of text.

    `window_text` [W] is the text each window belongs to; `word_bucket`/`char_bucket` are flat lists
    of buckets and `word_window`/`char_window` the window each belongs to. The first `words` of
    `word_bucket` are single words, the rest are pairs. A text without any word has
    no window.
    """

    windows: int
    words: int
    window_text: np.ndarray
    word_bucket: np.ndarray
    word_window: np.ndarray
    char_bucket: np.ndarray
    char_window: np.ndarray

    def blocks(self) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]:
        """(bucket, window, root of how many features that window has) for words and for characters."""
        pairs = ((self.word_bucket, self.word_window), (self.char_bucket, self.char_window))
        return tuple(
            (bucket, window, ROOTS[np.minimum(np.bincount(window, minlength=self.windows), len(ROOTS) - 1)])
            for bucket, window in pairs
        )


def plain(texts: pa.Array) -> pa.Array:
    """`texts` with those that hold more than ASCII brought near it: compatibility forms unified, accents
    and invisible signs taken away, lower case, letters of other scripts that look Latin made so."""
    ascii_only = pc.string_is_ascii(texts)
    if pc.all(ascii_only).as_py() or not len(texts):
        return texts
    import polars as pl  # a study check does without

    other = pc.invert(ascii_only)
    beyond = texts.filter(other)
    slow = pc.invert(marked_only(beyond))
    marks, plainly = list(_MARKS), list(_MARKS.values())  # all in one pass
    brought = pl.Series(pc.ascii_lower(beyond)).str.replace_many(marks, plainly).to_arrow().cast(texts.type)
    spelled = [
        unicodedata.normalize("NFKD", text).lower().translate(_PLAIN)
        for text in beyond.filter(slow).to_pylist()
    ]
    brought = pc.replace_with_mask(brought, slow, pa.array(spelled, type=texts.type))
    return pc.replace_with_mask(texts, other, brought)


def hash_words(words: Iterable[str]) -> np.ndarray:
    """Hashes of words (lower case ASCII letters), uint64, rising."""
    found = set()
    for word in words:
        total, power = 0, 1
        for byte in word.encode("ascii"):
            total, power = (total + byte * power) % (1 << 64), power * int(_INVERSE) % (1 << 64)
        found.add(total)
    return np.array(sorted(found), dtype=np.uint64)


PEOPLE_WORDS = (
    "people", "person", "persons", "folk", "folks", "man", "men", "woman", "women", "guy", "guys", "girl",
    "girls", "boy", "boys", "lady", "ladies",
)  # fmt: skip
PEOPLE = hash_words(PEOPLE_WORDS)
"""Words that after the name of a group say no more than it: "Muslim women", "gay people"."""


def features(
    texts: pa.Array, groups: np.ndarray, *, whole: bool = False
) -> Iterator[tuple[int, int, Features]]:
    """The features of `texts` (no nulls), as (first text, text after the last, Features) per chunk.

    `groups` (from `hash_words`) are words that name a group: all are one and the same feature.
    `whole` makes one window of every text, however many sentences it has (used in training).
    """
    buffers = buffers_of(plain(texts))
    for first, last in _chunks(buffers):
        yield first, last, _chunk(buffers, first, last, groups, whole)


def _chunks(texts: Texts) -> Iterator[tuple[int, int]]:
    """Runs of whole texts of about CHUNK_BYTES each; a longer text is a run of its own."""
    first = 0
    while first < len(texts):
        reached = texts.starts[first] + CHUNK_BYTES
        last = max(int(np.searchsorted(texts.starts, reached, side="right")) - 1, first + 1)
        yield first, last
        first = last


def _chunk(texts: Texts, first: int, last: int, groups: np.ndarray, whole: bool) -> Features:
    data, owner_at = _bytes(texts, first, last)
    begins, ends = _words(data)
    _look_alike(data, begins, ends)
    data, owner_at, begins, ends = _joined(data, owner_at, begins, ends)
    sentence = _breaks(data)[begins]
    data = np.where(_inside(data, begins, ends), data, _SPACE)
    hashed = _hashed(data, begins, ends)
    named = np.isin(hashed, groups)
    kept = ~_following(named, np.isin(hashed, PEOPLE), sentence)
    begins, ends, named = begins[kept], ends[kept], named[kept]
    owner, sentence = owner_at[begins], np.zeros(len(begins), np.int64) if whole else sentence[kept]
    window, window_text = _windows(owner, sentence, whole)
    buckets, pair_of = _word_buckets(np.where(named, _GROUP, hashed[kept]), window)
    spelled = np.flatnonzero(~named)
    data = np.where(_inside(data, begins[spelled], ends[spelled]), data, _SPACE)
    char_bucket, char_word = _char_buckets(data, begins[spelled])
    char_word = spelled[char_word]
    return Features(
        windows=len(window_text),
        words=len(begins),
        window_text=window_text,
        word_bucket=buckets,
        word_window=np.concatenate((window, window[pair_of])),
        char_bucket=char_bucket,
        char_window=window[char_word],
    )


def _bytes(texts: Texts, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of the texts in one buffer, rewritten, with the text that each belongs to.

    A line feed and a zero follow every text: no rewriting reaches across, and the zero finds the border.
    """
    data, starts = texts.data, texts.starts
    raw = [data[starts[i] : starts[i + 1]].tobytes().replace(b"\0", b" ") for i in range(first, last)]
    joined = b"\n\0".join([*raw, b""]).lower()
    flat = np.frombuffer(_REWRITTEN.sub(lambda match: _REPLACED[match.lastindex], joined), np.uint8)
    flat = np.concatenate((np.array([_SPACE]), flat, np.array([_SPACE])))
    owner = np.cumsum(flat == _END) - (flat == _END)
    third = np.zeros(len(flat), dtype=bool)
    third[2:] = (flat[2:] == flat[1:-1]) & (flat[2:] == flat[:-2]) & _IS_LETTER[flat[2:]]
    if third.any():
        flat, owner = flat[~third], owner[~third]
    return flat.copy(), owner


def _inside(data: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether each byte lies in a word."""
    steps = np.zeros(len(data) + 1, dtype=np.int64)
    steps[begins] += 1
    steps[ends] -= 1
    inside: np.ndarray = np.cumsum(steps[:-1]) > 0
    return inside


def _words(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First byte of every word, and the byte after its last. An apostrophe counts only between letters."""
    word = _IS_WORD[data]
    quote = np.flatnonzero(data == ord("'"))
    quote = quote[(quote > 0) & (quote < len(data) - 1)]
    word[quote] = _IS_ALNUM[data[quote - 1]] & _IS_ALNUM[data[quote + 1]]
    begins = np.flatnonzero(word & ~np.concatenate(([False], word[:-1])))
    ends = np.flatnonzero(word & ~np.concatenate((word[1:], [False]))) + 1
    return begins, ends


def _look_alike(data: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> None:
    """Digits and signs within a word of two letters and more become letters, in place: "l0ser"."""
    if not (alike := _IS_LOOKALIKE[data]).any():
        return
    letters = np.concatenate(([0], np.cumsum(_IS_LETTER[data])))
    chosen = letters[ends] - letters[begins] >= 2
    at = alike & _inside(data, begins[chosen], ends[chosen])
    data[at] = _LOOKALIKE[data[at]]


def _joined(
    data: np.ndarray, owner: np.ndarray, begins: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Three and more single letters with one sign between each become one word."""
    single = (ends - begins == 1) & _IS_LETTER[data[begins]]
    tied = single[1:] & single[:-1] & (begins[1:] - ends[:-1] == 1) & (data[ends[:-1]] != ord("\n"))
    run = np.concatenate(([False], tied, [False]))
    # A tie counts where a neighbouring tie makes it at least three letters.
    kept = tied & (run[:-2] | run[2:])
    if not kept.any():
        return data, owner, begins, ends
    keep = np.ones(len(data), dtype=bool)
    keep[ends[:-1][kept]] = False
    gone = np.concatenate(([0], np.cumsum(~keep)))
    starts = np.concatenate(([True], ~kept))
    stops = np.concatenate((~kept, [True]))
    return data[keep], owner[keep], (begins - gone[begins])[starts], (ends - gone[ends])[stops]


def _breaks(data: np.ndarray) -> np.ndarray:
    """How many sentences ended before each byte: at a line feed, and at a full stop or the like before
    white space, a quotation mark or a bracket."""
    ended = data == ord("\n")
    ended[:-1] |= _STOPS[data[:-1]] & _AFTER_STOP[data[1:]]
    counted: np.ndarray = np.cumsum(ended)
    return counted


def _windows(owner: np.ndarray, sentence: np.ndarray, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """Window of every word, and text of every window: a sentence's words in equal parts."""
    if not len(owner):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    fresh = (owner[1:] != owner[:-1]) | (sentence[1:] != sentence[:-1])
    unit = np.concatenate(([0], np.cumsum(fresh)))
    counts = np.bincount(unit)
    pieces = np.ones(len(counts), np.int64) if whole else -(-counts // WINDOW)
    first_window = np.concatenate(([0], np.cumsum(pieces)))
    rank = np.arange(len(owner)) - np.concatenate(([0], np.cumsum(counts)))[unit]
    window = first_window[unit] + rank * pieces[unit] // counts[unit]
    text = np.repeat(owner[np.concatenate(([0], np.cumsum(counts)[:-1]))], pieces)
    return window, text


def _hashed(data: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The hash of every word: the sum of byte * inverse**place.

    It is taken from running sums over the buffer; a product with prime**position makes it the same wherever
    the word stands.
    """
    inverse = np.cumprod(np.full(len(data), _INVERSE, dtype=np.uint64))
    power = np.cumprod(np.full(len(data), _PRIME, dtype=np.uint64))
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(data * inverse, dtype=np.uint64)))
    result: np.ndarray = (sums[ends] - sums[begins]) * power[begins]
    return result


def _following(named: np.ndarray, people: np.ndarray, sentence: np.ndarray) -> np.ndarray:
    """Words that say no more than the name of a group before them: further names, and words for people."""
    member = named | people
    fresh = np.ones(len(named), dtype=bool)
    fresh[1:] = ~member[1:] | ~member[:-1] | (sentence[1:] != sentence[:-1])
    run = np.cumsum(fresh) - 1
    first = np.full(len(named), len(named))
    np.minimum.at(first, run[named], np.flatnonzero(named))
    following: np.ndarray = member & (np.arange(len(named)) > first[run])
    return following


def _word_buckets(hashed: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Buckets of all words, then of all pairs of neighbours in one window; and each pair's first word."""
    pair = np.flatnonzero(window[1:] == window[:-1])
    both = hashed[pair] * _PAIR + hashed[pair + 1] + np.uint64(1)
    every = np.concatenate((hashed, both))
    mixed = (every ^ (every >> np.uint64(29))) * _MIX64
    return (mixed >> np.uint64(64 - BITS)).astype(np.int32), pair


def _char_buckets(data: np.ndarray, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Buckets of the character n-grams inside words (a border counts as one character), and the word
    each belongs to."""
    breaks = np.concatenate(([0], np.cumsum(data == _SPACE)))
    word_number = np.cumsum(np.bincount(begins, minlength=len(data))) - 1
    buckets, words = [], []
    count = max(len(data) - _SIZES[0] + 1, 0)
    at = np.arange(count)
    hashed = np.full(count, _BASIS32, dtype=np.uint32)
    for place in range(_SIZES[0] - 1):
        hashed = (hashed ^ data[at + place]) * _STEP32
    for size in _SIZES:
        room = at + size <= len(data)
        at, hashed = at[room], hashed[room]
        inside = breaks[at + size - 1] == breaks[at + 1]
        at, hashed = at[inside], hashed[inside]
        hashed = (hashed ^ data[at + size - 1]) * _STEP32
        mixed = (hashed ^ (hashed >> np.uint32(15))) * _MIX32
        buckets.append((mixed >> np.uint32(32 - BITS)).astype(np.int32))
        words.append(word_number[at + 1])
    return np.concatenate(buckets), np.concatenate(words)
