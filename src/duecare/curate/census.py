"""One pass over the rows: declared groups, length of answers, mentions, outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from sys import intern

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import DataError
from duecare.core.table import texts
from duecare.curate.mention import Mentions, mentions
from duecare.curate.texts import owners
from duecare.curate.topics import answers_of, topics_of
from duecare.detect.white import words_in


@dataclass(frozen=True, slots=True)
class Census:
    """Columns over all rows: `groups` axis -> label or None, `words` of the answer (of the text, where there
    is nobody who answers: `answered` says whether there is), `outcomes` column -> value or None, `mentions`
    (axis, group) -> number of rows whose texts name it, `topics` what each row is about and `answers` how
    it is answered (`curate.topics`; None where nobody answers)."""

    rows: int
    groups: dict[str, np.ndarray]
    words: np.ndarray
    outcomes: dict[str, np.ndarray]
    mentions: dict[tuple[str, str], int]
    topics: np.ndarray
    answers: np.ndarray
    answered: bool = True


def take_census(
    batches: Iterable[pa.RecordBatch],
    axes: tuple[str, ...],
    outcomes: tuple[str, ...],
    topic: str | None = None,
) -> Census:
    """Count and measure; `axes` of identity are counted as texts name them, `topic` is a kept column that
    says what a row is about (without it, words tell). Memory is a few bytes a row.
    DataError where no row has that column."""
    pieces, results = list[dict[str, list[str | None]]](), list[dict[str, list[str | None]]]()
    words: list[np.ndarray] = []
    named, answered = Mentions(), False
    about, answers = list[str | None](), list[str | None]()
    compared = frozenset((*outcomes, topic or ""))
    for batch in batches:
        pieces.append(_declared(batch, "groups", "axis"))
        results.append(_declared(batch, "fields", "name", compared))
        flat = texts(batch)
        said = flat.column("text")
        counted, answer = words_in(said), is_answer(batch, flat)
        words.append(np.bincount(owners(batch), weights=counted * answer, minlength=len(batch)))
        about += [None] * len(batch) if topic else topics_of(batch, said)
        answers += answers_of(batch, said, answer & ~_is_text(batch), counted)
        answered = answered or pc.any(pc.not_equal(batch.column("kind"), "text")).as_py()
        if axes:
            named += mentions([batch], said=said)
    sizes = [len(each) for each in words]
    if topic:
        about = _declared_topics(results, sizes, topic)
    return Census(
        rows=sum(sizes),
        groups=_columns(pieces, sizes, None),
        words=np.concatenate(words) if words else np.zeros(0),
        outcomes=_columns(results, sizes, outcomes),
        topics=np.array(about, dtype=object),
        answers=np.array(answers, dtype=object),
        mentions={key: count for key, count in sorted(named.items()) if key[0] in axes},
        answered=answered,
    )


def _declared_topics(
    results: list[dict[str, list[str | None]]], sizes: list[int], topic: str
) -> list[str | None]:
    found = _columns(results, sizes, (topic,))[topic].tolist()
    if sum(sizes) and not any(found):
        raise DataError(f"curate.audit: topic = {topic}: expected a kept column that some row has")
    return list(found)


def _is_text(batch: pa.RecordBatch) -> np.ndarray:
    """Which of the texts of a batch nobody answers, bool [texts]."""
    plain: np.ndarray = pc.equal(batch.column("kind"), "text").to_numpy(zero_copy_only=False)
    return np.asarray(plain[owners(batch)])


def is_answer(batch: pa.RecordBatch, flat: pa.RecordBatch) -> np.ndarray:
    """Which of the texts `flat` of a batch are answers (of a text row, the text), bool [texts]."""
    part = flat.column("part")
    whole = pc.or_(pc.equal(part, "text"), pc.equal(part, "chosen"))
    answer: np.ndarray = whole.to_numpy(zero_copy_only=False).copy()
    turn = pc.starts_with(part, "messages.").to_numpy(zero_copy_only=False)
    roles = pc.equal(pc.list_flatten(batch.column("messages")).field("role"), "assistant")
    of_chat = pc.equal(batch.column("kind"), "chat").to_numpy(zero_copy_only=False)
    answer[turn] = roles.to_numpy(zero_copy_only=False) & of_chat[owners(batch)[turn]]
    return answer


def _declared(
    batch: pa.RecordBatch, column: str, name: str, wanted: frozenset[str] | None = None
) -> dict[str, list[str | None]]:
    """Name (of those `wanted`, if given) -> value of each row, None where it declares none."""
    listed = batch.column(column).to_pylist()
    names = sorted({each[name] for row in listed for each in row if wanted is None or each[name] in wanted})
    found: dict[str, list[str | None]] = {one: [None] * len(listed) for one in names}
    for number, row in enumerate(listed):
        for each in row:
            if each[name] in found and each["value"] is not None:
                found[each[name]][number] = intern(each["value"])  # one string, however many rows have it
    return found


def _columns(
    pieces: list[dict[str, list[str | None]]], sizes: list[int], wanted: tuple[str, ...] | None
) -> dict[str, np.ndarray]:
    names = sorted({name for piece in pieces for name in piece} if wanted is None else set(wanted))
    made = {}
    for name in names:
        values: list[str | None] = []
        for piece, size in zip(pieces, sizes, strict=True):
            values += piece.get(name, [None] * size)
        made[name] = np.array(values, dtype=object)
    return made
