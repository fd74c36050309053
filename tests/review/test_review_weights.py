"""Weights that must not be lost, and tables from and for elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from review_rounds import candidates, plan

from duecare.review import bringing, desk, schema
from duecare.review.desk import Shown
from duecare.review.person import Person
from duecare.review.rounds import open_round
from duecare.review.store import Store

Join = Callable[..., Person]


def stratum_of(store: Store, item: str) -> str:
    with store.read() as connection:
        query = sa.select(schema.items.c.stratum).where(schema.items.c.id == item)
        return str(connection.execute(query).scalar_one())


@pytest.mark.parametrize("value", ["inf", "x" * 200_000, "nan"])
def test_a_table_that_holds_no_labels_is_refused(tmp_path: Path, value: str) -> None:
    from review_rounds import RATE

    from duecare.core.errors import DataError

    path = tmp_path / "labels.csv"
    path.write_text(f"item,person,question,value\ni-1,p,harm,{value}\n")
    with pytest.raises(DataError):
        bringing.read_labels(path, (RATE,))


def test_rows_in_which_nothing_was_marked_keep_their_weight(store: Store, join: Join, tmp_path: Path) -> None:
    """A round that only asks for places has labels of none of these rows; their weight is in `judged`."""
    import pyarrow as pa
    from review_rounds import PLACES

    from duecare.core.table import CHANGES, TEXTS
    from duecare.review import export
    from duecare.review.misses import Asked, remaining_rates
    from duecare.review.plan import Draw
    from duecare.review.returned import read

    rows = [
        replace(each, scores={"toxicity@1": 0.5 if i < 4 else 0.0}) for i, each in enumerate(candidates(44))
    ]
    draw = Draw(items=8, uncertain=0.5, disagreeing=0.0, margin=0.1)
    opened = open_round(store, rows, plan(questions=(PLACES,), overlap=1, draw=draw))
    person, marked = join(), set()
    while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
        sure = stratum_of(store, shown.item) == "uncertain"  # all four of them: chance 1
        place = {"part": "text", "start": 0, "end": 4, "label": "name"}
        desk.submit(store, person, shown.assignment, {"places": [place] if sure else []})
        marked |= {shown.texts["text"]} if sure else set()
    export.write(store, opened.id, tmp_path)
    found = read(tmp_path)
    assert sorted(found.judged.column("weight").to_pylist()) == [1.0] * 4 + [10.0] * 4
    texts = pa.Table.from_pylist(
        [{"row": each.row, "key": each.key, "part": "text", "text": each.shown["text"]} for each in rows],
        schema=TEXTS,
    )
    replaced = [
        dict.fromkeys(CHANGES.names)
        | {"row": each.row, "key": each.key, "part": "text", "start": 5, "end": 9, "label": "name"}
        for each in rows
    ]
    made = pa.Table.from_pylist(replaced, schema=pa.schema([f.with_nullable(True) for f in CHANGES]))
    whole = remaining_rates(found, made, texts, Asked())[0]
    # 4 missed of weight 1; found: 4 of weight 1 and 4 of weight 10
    assert whole.value == pytest.approx(4 / 48)


def test_a_row_that_is_a_twin_as_well_keeps_its_weight(store: Store, join: Join, tmp_path: Path) -> None:
    from review_rounds import PLACES, RATE

    from duecare.review import export, misses
    from duecare.review.plan import Draw
    from duecare.review.returned import read

    rows = [
        replace(each, pair_id="pair", groups={"gender": "women" if number else "men"}, scores={})
        for number, each in enumerate(candidates(2))
    ]
    draw = Draw(items=1, least=1)
    questions = (RATE, PLACES)
    opened = open_round(store, rows, plan(questions=questions, overlap=1, twins=1, draw=draw))
    person = join()
    while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
        desk.submit(store, person, shown.assignment, {"harm": 1, "places": []})
    export.write(store, opened.id, tmp_path)
    assert list(misses._judged(read(tmp_path), "places").values()) == [2.0]


def test_tables_for_a_spreadsheet_leave_the_others_where_they_are(store: Store, tmp_path: Path) -> None:
    from duecare.review.interchange import write_as

    opened = open_round(store, candidates(2), plan())
    write_as(store, opened.id, tmp_path, "parquet")
    before = {path.name for path in tmp_path.iterdir()}
    made = write_as(store, opened.id, tmp_path, "csv")
    assert before <= {path.name for path in tmp_path.iterdir()}
    assert "judged.csv" in {path.name for path in made}
