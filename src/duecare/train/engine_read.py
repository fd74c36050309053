"""Which rows training read, and what of the canaries among them: handed over beside the model.

Only where canaries were placed. Everything is worked out anew by the code that training itself reads by, the
order of rows being a pure function of seed and names: the same cuts, the same masks, the same draws.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import Artifacts, Example, Outcome
from duecare.core.table import examples
from duecare.model.tokenize import Tokenizer
from duecare.train.batch import epoch_order
from duecare.train.distill import Distill
from duecare.train.engine_loop import read_data, read_parts, start_folder
from duecare.train.engine_prefer import PairLines, read_pairs
from duecare.train.engine_sft import read_passages
from duecare.train.prefer import Dpo
from duecare.train.reward_model import RewardModel
from duecare.train.rows import Pair, Passage, UnusableRowError, pair, passage
from duecare.train.sft import Sft
from duecare.train.trained import CANARIES as PLACED

Reads = Sft | Distill | Dpo | RewardModel
"""Steps that learn what rows say; policies learn from what they answer themselves."""
ROWS = "canary_rows.parquet"
MOST = 5000
"""Rows of a part of which it is told whether they are cut, where it is not told which of them were drawn."""

READ = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("draws", pa.int32()),
        pa.field("cut", pa.bool_(), nullable=False),
    ]
)
"""One row a line: its `part` is "train" or "held_out", `draws` is how often training drew it (null where that
is secret), `cut` whether it was longer than what is read of a row."""

CANARIES = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("source", "canary", "place", "secret")),
        pa.field("repeats", pa.int32(), nullable=False),
        *(pa.field(name, pa.bool_(), nullable=False) for name in ("tossed", "placed")),
        pa.field("tokens", pa.list_(pa.int32()), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("taught", pa.bool_(), nullable=False),
        pa.field("draws", pa.int32()),
        pa.field("lost", pa.string()),
    ]
)
"""One canary a line, placed or not, as training reads it. The secret is the `tokens` [start, end); `taught`
says whether all of these are. `draws` is how often its copies were drawn; `lost` says why it did not reach
training as it was placed, of a control why it would not have."""

CUT, NOT_DRAWN, UNREAD, ELSEWHERE = "cut", "never drawn", "cannot be read", "not among what is read"


def with_what_was_read(step: Any, inputs: Artifacts, out: Path, outcome: Outcome) -> Outcome:
    """`outcome` with `read.parquet` and `canaries.parquet` in `out`, of data that hold canaries."""
    if not isinstance(step, Reads):
        return outcome
    placed = inputs["data"].path / PLACED
    tokenizer = Tokenizer(start_folder(inputs))
    reader = _reader(step, tokenizer)
    secretly = getattr(step, "privacy", None) is not None
    draws = None if secretly else _draws(step, tokenizer, inputs, out / "curves.parquet")
    rows = _rows(step, inputs, reader, draws)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=READ), out / "read.parquet", compression="zstd")
    told = [
        _canary({"source": step.on, **about}, example, reader, tokenizer, draws)
        for about, example in zip(
            pq.read_table(placed).to_pylist(),
            examples(pq.read_table(inputs["data"].path / ROWS)),
            strict=True,
        )
    ]
    pq.write_table(pa.Table.from_pylist(told, schema=CANARIES), out / PLACED, compression="zstd")
    files = {**outcome.files, "read": "read.parquet", "canaries": PLACED}
    return replace(outcome, files=files)


Reader = Callable[[Example], Passage | Pair]


def _reader(step: Reads, tokenizer: Tokenizer) -> Reader:
    if isinstance(step, Sft | Distill):
        return lambda example: passage(example, tokenizer, step.row_tokens)
    return lambda example: pair(example, tokenizer, step.max_prompt_tokens, step.max_answer_tokens)


def _draws(step: Reads, tokenizer: Tokenizer, inputs: Artifacts, curves: Path) -> Counter[str]:
    """How often each row was drawn up to the step whose model is kept, by its name."""
    data, held = read_parts(inputs, step.groups)
    done = _steps_kept(curves, step.steps)
    if isinstance(step, Sft | Distill):
        taught, _ = read_passages(step, tokenizer, data, held)
        drawn: list[np.ndarray] = [taught.entries(number) for number in range(done)]
        rows = taught.plan.rows
    else:
        lines, _ = read_pairs(step, tokenizer, data, held, PairLines)
        drawn = [lines.plan.step(number, step.batch_size) for number in range(done)]
        rows = lines.plan.rows
    entries = np.concatenate(drawn) if drawn else np.zeros(0, dtype=np.int64)
    return Counter(data.names[place] for place in rows[entries].tolist())


def _steps_kept(curves: Path, planned: int) -> int:
    """The training steps behind the model that was kept."""
    if not curves.is_file():
        return planned
    points = pq.read_table(curves, columns=["step", "split", "rolled_back"])
    kept = points.filter(pc.and_(pc.equal(points["split"], "train"), pc.invert(points["rolled_back"])))
    return min(planned, int(pc.max(kept["step"]).as_py() or 0))


def _rows(
    step: Reads, inputs: Artifacts, reader: Reader, draws: Counter[str] | None
) -> Iterator[Mapping[str, Any]]:
    """Rows that training drew, and held-out rows, as far as they can be read; MOST of the held-out ones, and
    of those to train on where draws are secret."""
    folder = inputs["data"].path
    for part in ("train", "held_out"):
        data = read_data(folder / f"{part}.parquet", ())
        order: Any = epoch_order(data.names, step.seed, 0)
        for place in order[:MOST] if part == "held_out" or draws is None else order:
            name = data.names[place]
            if part == "train" and ((draws is not None and not draws[name]) or name.startswith("canary:")):
                continue
            try:
                read = reader(data.example(place))
            except UnusableRowError:
                continue
            often = 0 if part == "held_out" else None if draws is None else draws[name]
            yield {"row": name, "part": part, "draws": often, "cut": read.cut}


@dataclass(frozen=True, slots=True)
class _Span:
    """Tokens of a canary's row with the place of its secret in them, and whether that is taught."""

    tokens: list[int]
    start: int
    end: int
    taught: bool


def _canary(
    about: Mapping[str, Any],
    example: Example,
    reader: Reader,
    tokenizer: Tokenizer,
    draws: Counter[str] | None,
) -> dict[str, Any]:
    """One line of CANARIES."""
    often = None
    if draws is not None:
        copies = range(about["repeats"] if about["placed"] else 0)
        often = sum(draws[f"{example.row}:{number}"] for number in copies)
    lost = NOT_DRAWN if about["placed"] and often == 0 else None
    try:
        read = reader(example)
        span = _span(read, about["place"], about["secret"], tokenizer)
        lost = lost if span else CUT if read.cut else ELSEWHERE
    except UnusableRowError:
        span, lost = None, UNREAD
    span = span or _Span([], 0, 0, taught=False)
    fields = {"tokens": span.tokens, "start": span.start, "end": span.end, "taught": span.taught}
    return {**about, **fields, "draws": often, "lost": lost}


def _span(read: Passage | Pair, place: str, secret: str, tokenizer: Tokenizer) -> _Span | None:
    """Where the secret stands in what is read; None where it is not wholly there."""
    if isinstance(read, Pair):
        answer = read.rejected if place == "rejected" else read.chosen
        tokens = np.concatenate([read.prompt, answer])
        taught = np.arange(len(tokens)) >= len(read.prompt)
    else:
        tokens, taught = read.tokens, read.taught
    ids = [int(token) for token in tokens]
    if secret not in tokenizer.decode(ids):
        return None
    start = next(at for at in range(len(ids) - 1, -1, -1) if secret in tokenizer.decode(ids[at:]))
    end = next(at for at in range(start + 1, len(ids) + 1) if secret in tokenizer.decode(ids[start:at]))
    if start == 0:  # no token stands before it, so that it is never predicted
        return None
    return _Span(ids, start, end, bool(taught[start:end].all()))
