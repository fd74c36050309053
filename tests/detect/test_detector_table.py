from __future__ import annotations

import hashlib
from importlib import resources
from importlib.metadata import EntryPoint

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from duecare.core import DuecareError
from duecare.core.table import SCORES, SPANS, TEXTS
from duecare.detect import DETECTORS, Card, load, load_card
from duecare.detect.table import OURS, combine

TEXT = [
    "You stupid idiot 😀, get lost.",
    "My name is Ana Müller, mail ana@mail.example.org or call +44 20 7946 0958.",
    "Women are too emotional. A Muslim woman wrote to us.",
    "I'm sorry, but I can't help with that.",
    "",
    "שלום, my name is Noam Levi",
]

INSTALLED = [
    pytest.param(name, marks=[pytest.mark.minilm] if name == "toxicity-minilm" else []) for name in OURS
]


def batch(texts: list[str]) -> pa.RecordBatch:
    count = len(texts)
    columns = [[f"t:{n}" for n in range(count)], ["k"] * count, ["text"] * count, texts]
    return pa.RecordBatch.from_arrays([pa.array(each, type=pa.string()) for each in columns], schema=TEXTS)


def test_the_names_are_those_that_others_use() -> None:
    assert list(DETECTORS)[:5] == ["toxicity", "personal", "identity", "stereotype", "refusal"]
    assert "toxicity" in DETECTORS
    assert "nonesuch" not in DETECTORS


def test_an_unknown_name_is_refused_with_a_hint() -> None:
    with pytest.raises(DuecareError, match="did you mean toxicity"):
        load("toxcity")
    with pytest.raises(DuecareError, match="known are"):
        load_card("zzz")


@pytest.mark.parametrize("name", INSTALLED)
def test_every_card_tells_what_it_must_and_its_files_are_as_measured(name: str) -> None:
    card = load_card(name)
    assert isinstance(card, Card)
    assert load(name).instrument == card.instrument == f"{name}@{card.version}"
    assert card.what
    assert card.measured_on
    assert card.limits
    assert card.not_for
    assert card.licence
    for path, digest in card.files.items():
        content = (resources.files("duecare.detect") / path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, path
    for each in card.measured_on:
        assert each.low <= each.value <= each.high, each
        assert each.n > 0, each


@pytest.mark.parametrize("name", INSTALLED)
def test_a_batch_says_what_each_text_says_alone(name: str) -> None:
    detector, card = load(name), load_card(name)
    together = detector(batch(TEXT))
    assert together.schema.equals(SCORES if card.kind == "score" else SPANS)
    alone = [detector(batch([text])) for text in TEXT]
    for number, single in enumerate(alone):
        rows = together.filter(pc.equal(together.column("row"), f"t:{number}"))
        assert rows.drop_columns(["row"]).to_pylist() == single.drop_columns(["row"]).to_pylist()


@pytest.mark.parametrize("name", INSTALLED)
def test_an_empty_batch_gives_an_empty_batch(name: str) -> None:
    assert len(load(name)(batch([]))) == 0


@pytest.mark.parametrize("name", INSTALLED)
def test_nothing_is_null_that_must_not_be(name: str) -> None:
    found = load(name)(batch([*TEXT, "   ", "\U0001f600\u200d", "e\u0301"]))
    for field in found.schema:
        if not field.nullable:
            assert found.column(field.name).null_count == 0
    if found.schema.equals(SCORES):
        for value, reason in zip(found["value"].to_pylist(), found["reason"].to_pylist(), strict=True):
            assert (value is None) == (reason is not None)


def test_strangers_join_and_a_taken_name_is_an_error() -> None:
    ok = EntryPoint("irony", "irony:Irony", "duecare.detectors")
    assert list(combine(OURS, [ok])) == ["irony"]
    with pytest.raises(DuecareError, match="two detectors are called toxicity"):
        combine(OURS, [EntryPoint("toxicity", "other:Thing", "duecare.detectors")])
    with pytest.raises(DuecareError, match="two detectors are called irony"):
        combine(OURS, [ok, EntryPoint("irony", "second:Irony", "duecare.detectors")])
