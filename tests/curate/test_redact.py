"""Redaction as a step: a second time changes nothing, rows lie sealed before it, the map leads back."""

from __future__ import annotations

# ruff: noqa: E501 - pieces of text are read whole, on their line
import dataclasses
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rows import chat

from duecare.core import Artifact, DuecareError, Example, StudyError
from duecare.core.table import EXAMPLES, SPANS, examples, table
from duecare.curate.overlap import Duplicates
from duecare.curate.redact import Redact, Redacting
from duecare.curate.represent import Audit
from duecare.curate.rewriting import Place, rewritten
from duecare.curate.screen import Screen
from duecare.curate.source import Read
from duecare.curate.split import Split
from duecare.curate.surrogate import StandIn
from duecare.detect import load
from duecare.detect.identity import protected_words
from duecare.vault import destroy, home, opened, read_map, stored

KEY = StandIn(b"k" * 32)
SAID = (
    "My name is John Smith, mail john.smith@acme.test or call 555-867-5309.",
    "Thank you, John. Is your card still 4111 1111 1111 1111, Mr Smith?",
    "Yes. I was born on 3 May 1981 and live at 12 Elm Street, Springfield. My username is jsmith84.",
)


def batch(*rows: Example) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(table(rows).to_pylist(), schema=EXAMPLES)


def said(rows: pa.RecordBatch) -> list[str]:
    return [content for row in examples(rows) for _, content in row.parts()]


def test_one_person_keeps_one_name_through_a_conversation() -> None:
    made = Redact(replace="surrogate").operate(batch(chat(0, *SAID)), load("personal"), KEY)
    first, second, third = said(made.kept)
    given, family = first.split("My name is ")[1].split(",")[0].split()
    assert f"{given}.{family}".lower() in first
    assert f"Thank you, {given}." in second
    assert f"Mr {family}?" in second
    assert f"{given[0]}{family}".lower() in third
    for real in ("John", "Smith", "smith", "4111", "867", "1981", "Elm", "acme"):
        assert real not in first + second + third


@pytest.mark.parametrize("scope", ["study", "conversation"])
def test_the_scope_says_how_far_a_surrogate_goes(scope: str) -> None:
    rows = [chat(number, SAID[0]) for number in range(2)]
    one, other = said(
        Redact(replace="surrogate", scope=scope).operate(batch(*rows), load("personal"), KEY).kept
    )  # type: ignore[arg-type]
    assert (one == other) == (scope == "study")


PIECES = st.sampled_from(
    [*SAID, "Best regards, Ngozi Okafor", "from 81.2.69.142", "SSN 219-09-9998.", "😀", "שלום", "e\u0301", "my number is",
     "IBAN DE89 3704 0044 0532 0130 00", "passport number X1234567", "call", "card", "CPF 529.982.247-25", "\n", "Dear",
     "my password is Tr0ub4dor&3", "https://a.test/?token=abcd1234", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
     "Gay Muslim women", "born on", "account number", "3c:22:fb:1a:0e:9d", "+44 7911 123456", "@night_owl on twitter"]
)  # fmt: skip


BESIDE = "passport number X1234567 3c:22:fb:1a:0e:9d"
"""Found as one at first, "X1234567 3", which the address overlaps: the number is found once that is gone."""


@given(st.lists(st.lists(PIECES, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=4))
@example(["3c:22:fb:1a:0e:9d \n שלום"])
@example([BESIDE])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("replace", ["tag", "mask", "surrogate"])
def test_redacting_twice_changes_nothing(replace: str, turns: list[str]) -> None:
    step = Redact(replace=replace)  # type: ignore[arg-type]
    redact = Redacting(step, KEY if replace == "surrogate" else None).load()
    once = redact(batch(chat(0, *turns)))
    assert said(redact(once["kept"])["kept"]) == said(once["kept"])
    for change in once["changes"].to_pylist():
        text = turns[int(change["part"].partition(".")[2])]
        assert 0 <= change["start"] < change["end"] <= len(text)


@pytest.mark.parametrize("replace", ["tag", "mask", "surrogate"])
def test_a_value_that_is_found_late_is_replaced_whatever_was_written_beside_it(replace: str) -> None:
    step = Redact(replace=replace)  # type: ignore[arg-type]
    redact = Redacting(step, KEY if replace == "surrogate" else None).load()
    (text,) = said(redact(batch(chat(0, BESIDE)))["kept"])
    assert "1234567" not in text
    assert "3c:22" not in text


class Shouted:
    """Takes a capitalised word for a name only where no name stands before it: it finds one a round."""

    instrument = "shouted@1"

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        found = []
        for row in texts.to_pylist():
            at = next((place for place, sign in enumerate(row["text"]) if sign in "ABC"), None)
            if at is not None:
                its = {name: row[name] for name in ("row", "key", "part")}
                found.append(
                    {**its, "instrument": "shouted@1", "start": at, "end": at + 1, "label": "X", "value": 1.0}
                )
        return pa.RecordBatch.from_pylist(found, schema=SPANS)


def test_what_a_replacement_brings_to_light_is_replaced_too() -> None:
    made = Redact(replace="mask").operate(batch(chat(0, "a A b B c C")), Shouted(), None)
    assert said(made.kept) == ["a x b x c x"]
    assert [(change["start"], change["end"]) for change in made.changes.to_pylist()] == [
        (2, 3),
        (6, 7),
        (10, 11),
    ]


@given(st.text(max_size=40), st.data())
def test_the_way_back_leads_to_the_same_signs(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    places = [Place(a, b, "X", "x@1", 1.0) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    done = rewritten(text, places, lambda place, value: "<" * (place.end % 5))
    every = [Place(at, at + 1, "Y", "x@1", 1.0) for at in range(len(done.text))]
    back = done.moved_back(every)
    assert [text[place.start] for place in back] == list(_kept(text, places))


def _kept(text: str, places: list[Place]) -> str:
    return "".join(sign for at, sign in enumerate(text) if not any(p.start <= at < p.end for p in places))


def test_words_that_name_a_group_stay_whatever_a_detector_says() -> None:
    class Names:
        instrument = "names@1"

        def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
            found = [
                {**{name: row[name] for name in ("row", "key", "part")}, "instrument": "names@1", "start": 0,
                 "end": len(row["text"]), "label": "PERSON", "value": 1.0}
                for row in texts.to_pylist()
            ]  # fmt: skip
            return pa.RecordBatch.from_pylist(found, schema=SPANS)

    word = sorted(protected_words())[0]
    made = Redact().operate(batch(chat(0, word.title(), "Ada Brown")), Names(), None)
    assert said(made.kept) == [word.title(), "[PERSON]"]


def curated(tmp_path: Path, *, sealed: bool = True) -> dict[str, Artifact]:
    """Reading, audit, screening, doubles and redaction, as a study has them."""
    source = tmp_path / "in.jsonl"
    lines = [
        f'{{"text": "{turn} you worthless idiot"}}' if n == 1 else f'{{"text": "{turn}"}}'
        for n, turn in enumerate(SAID)
    ]
    source.write_text("\n".join([*lines, lines[0]]), "utf-8")
    made: dict[str, Artifact] = {}
    steps = {
        "read": Read(source=str(source), study="s", name="a", sealed=sealed),
        "audit": Audit(),
        "toxicity": Screen(),
        "duplicates": Duplicates(),
        "personal": Redact(study="s", replace="surrogate", keep_map=True),
    }
    for name, step in steps.items():
        out = tmp_path / "run" / name
        out.mkdir(parents=True)
        given_rows = {"examples": list(made.values())[-1]} if made else {}
        outcome = step.run(given_rows, out, lambda _: None)
        assert sorted(outcome.files.values()) == sorted(path.name for path in out.iterdir())
        made[name] = Artifact(job=f"{name}:a", path=out, digest="")
    return made


def test_rows_never_lie_open_before_personal_data_is_taken_out(tmp_path: Path) -> None:
    made = curated(tmp_path)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    sealed = {f"{path.parent.name}/{path.name}" for path in files if path.suffix == ".sealed"}
    assert {
        "read/kept.parquet.sealed",
        "toxicity/dropped.parquet.sealed",
        "duplicates/kept.parquet.sealed",
    } <= sealed
    assert "personal/kept.parquet" in {f"{path.parent.name}/{path.name}" for path in files}
    secrets = (b"John Smith", b"867-5309", b"4111 1111")  # shorter ones stand in random digests
    assert not [path for path in files for secret in secrets if secret in _bytes(path)]
    with opened(stored(made["toxicity"].path, "dropped.parquet")) as file:
        assert "4111 1111" in pq.read_table(file)["text"][0].as_py()


def _bytes(path: Path) -> bytes:
    """What a file holds, its Parquet pages unpacked where they can be."""
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pylist()).encode()
    return path.read_bytes()


def test_without_sealing_they_would(tmp_path: Path) -> None:
    """Control: the test above can fail."""
    made = curated(tmp_path, sealed=False)
    assert b"John Smith" in _bytes(made["duplicates"].path / "kept.parquet")


def test_equal_runs_give_equal_sealed_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one, other = curated(tmp_path / "one"), curated(tmp_path / "other")
    for name in one:
        for path in sorted(one[name].path.iterdir()):
            assert path.read_bytes() == (other[name].path / path.name).read_bytes(), path.name


def test_the_map_leads_back_and_dies_with_the_secret(tmp_path: Path) -> None:
    made = curated(tmp_path)
    pairs = {pair.was: pair for pair in read_map(made["personal"].path)}
    kept = pq.read_table(made["personal"].path / "kept.parquet")
    assert pairs["John Smith"].label == "PERSON"
    assert pairs["John Smith"].written in kept["text"][0].as_py()
    assert destroy(home(), "s")
    with pytest.raises(DuecareError, match="its secret s is not here"):
        list(read_map(made["personal"].path))
    with pytest.raises(DuecareError, match="its secret s is not here"):
        Screen().run({"examples": made["read"]}, tmp_path, lambda _: None)


def test_nonsense_is_refused() -> None:
    with pytest.raises(StudyError, match="keep_map"):
        Redact(keep_map=True)
    with pytest.raises(StudyError, match="scope"):
        Redact(scope="world")  # type: ignore[arg-type]
    assert dataclasses.replace(Redact(), replace="surrogate", keep_map=True).keep_map


def test_sealed_rows_are_not_split_in_plain(tmp_path: Path) -> None:
    made = curated(tmp_path)
    (tmp_path / "out").mkdir()
    with pytest.raises(DuecareError, match="expected the step personal before they lie open"):
        Split().run({"examples": made["duplicates"]}, tmp_path / "out", lambda _: None)
    assert list((tmp_path / "out").iterdir()) == []
