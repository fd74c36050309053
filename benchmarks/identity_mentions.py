"""Mentions of groups in texts, a column at a time against word by word: MB/s of one core, and their ratio.

    python benchmarks/identity_mentions.py [texts]

The texts are made here: sentences of plain talk, of which a third name a group (far more than usual talk).
Both ways give the same mentions, which is checked. The bar: 10 MB/s a core by processor time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from duecare.detect.identity import Identity, terms
from duecare.detect.identity_scan import mentions_of
from duecare.detect.mentions import labels, mentions_in
from duecare.detect.spans import Span

BATCH = 2048
PLAIN = (
    "When does the parcel get here? ", "There is something wrong with many of these cards. ",
    "Thank you for the help, the transfer came through. ", "The manager mentioned that the songs are gone. ",
    "The old black car was sold, he said – who knows. ",
    "What do I have to do to close it, and what does it cost? ",
    "Nobody at the counter could tell me anything about that. ",
    "The street is closed until the end of May. ",
    "Please send me the form again, the first one got lost in the post. ",
)  # fmt: skip


def talk(count: int, rng: np.random.Generator) -> list[str]:
    """Texts of six sentences each."""
    names = [phrase for term in terms() for phrase in (*term.mentions, *term.guarded)]
    texts = []
    for _ in range(count):
        pieces = [PLAIN[place] for place in rng.integers(0, len(PLAIN), 5)]
        naming = f"We spoke with {names[rng.integers(len(names))]} people there. "
        texts.append("".join([*pieces, naming if rng.random() < 1 / 3 else PLAIN[0]]))
    return texts


def seconds(act: Callable[[], object]) -> tuple[float, object]:
    """Processor time of one call, and what it gave."""
    start = time.process_time()
    made = act()
    return time.process_time() - start, made


def main(count: int) -> None:
    """Print both speeds and their ratio."""
    texts = talk(count, np.random.default_rng(0))
    columns = [pa.array(texts[place : place + BATCH], pa.string()) for place in range(0, count, BATCH)]
    size = sum(len(text.encode()) for text in texts) / 1e6
    finder, names = Identity(), labels()
    mentions_in(columns[0])
    words, one = seconds(lambda: [finder.mentions(text) for text in texts])
    column, other = seconds(lambda: [mentions_in(each) for each in columns])
    plain, _ = seconds(lambda: [mentions_of(each) for each in columns])
    spans: list[list[Span]] = [[] for _ in texts]
    for number, found in enumerate(other):
        for text, start, end, label in zip(found.text, found.start, found.end, found.label, strict=True):
            spans[number * BATCH + text].append(Span(int(start), int(end), names[label]))
    assert spans == one
    print(f"{size:.1f} MB: word by word {size / words:.1f} MB/s, by column {size / column:.1f} MB/s,")
    print(f"{words / column:.1f} times as fast (bar: 10 MB/s); without the kernel {size / plain:.1f} MB/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000)
