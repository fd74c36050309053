"""A user's recognisers as a detector: Presidio's interface, without Presidio."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

import pyarrow as pa
import pytest

from duecare.core import DuecareError
from duecare.core.table import SPANS, TEXTS
from duecare.detect import table
from duecare.detect.personal import KNOWN
from duecare.detect.presidio import LABELS, Recognisers, predefined


@dataclass
class Found:
    entity_type: str
    start: int
    end: int
    score: float


@dataclass
class Badge:
    """As Presidio's pattern recognisers: it is asked text by text, with the kinds it supports."""

    supported_entities: list[str] = field(default_factory=lambda: ["BADGE", "EMAIL_ADDRESS"])
    asked: list[tuple[list[str], Any]] = field(default_factory=list)

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[Found]:
        self.asked.append((entities, nlp_artifacts))
        forms = {
            "BADGE": (r"B-\d{4}", 0.9),
            "EMAIL_ADDRESS": (r"\w+@\w+\.\w+", 1.0),
            "MAYBE": (r"\d{6}", 0.2),
        }
        return [
            Found(kind, *match.span(), score)
            for kind, (pattern, score) in forms.items()
            for match in re.finditer(pattern, text)
        ]


def batch(*texts: str) -> pa.RecordBatch:
    names = pa.array([f"a:{number}" for number in range(len(texts))])
    parts = pa.array(["text"] * len(texts))
    return pa.RecordBatch.from_arrays([names, names, parts, pa.array(texts, pa.string())], schema=TEXTS)


def test_what_they_find_are_spans_with_our_labels() -> None:
    badge = Badge()
    detector = Recognisers([badge], name="clinic", what="Badges.")
    texts = ("😀 badge B-1234, mail a@b.test", "nothing", "code 123456, B-99999")
    spans = detector(batch(*texts))
    assert spans.schema.equals(SPANS)
    found = [
        (s["row"], s["label"], texts[int(s["row"][2:])][s["start"] : s["end"]]) for s in spans.to_pylist()
    ]
    assert found == [("a:0", "BADGE", "B-1234"), ("a:0", "EMAIL", "a@b.test"), ("a:2", "BADGE", "B-9999")]
    assert set(spans.column("instrument").to_pylist()) == {"clinic@1"}
    assert badge.asked[0] == (["BADGE", "EMAIL_ADDRESS"], None)


def test_the_least_score_decides_and_places_out_of_the_text_do_not_count() -> None:
    class Wild(Badge):
        def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[Found]:
            return [
                Found("X", -1, 3, 1.0),
                Found("X", 2, 99, 1.0),
                Found("X", 3, 3, 1.0),
                Found("X", 0, 2, 0.5),
            ]

    assert len(Recognisers([Wild()], name="w", what="-").find("abcdef")) == 1
    assert Recognisers([Wild()], name="w", what="-", least=0.6).find("abcdef") == []


def test_a_package_brings_them_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("clinic", "test_presidio:clinic", table.GROUP)
    monkeypatch.setattr(table, "_strangers", lambda: table.combine(table.OURS, [entry]))
    assert table.DETECTORS["clinic"].kind == "span"
    assert len(table.load("clinic")(batch("B-1234"))) == 1
    assert table.load_card("clinic").limits


def clinic() -> Recognisers:
    return Recognisers([Badge()], name="clinic", what="Badges of our clinic.")


def test_presidios_own_are_a_detector_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "find_spec", lambda name: object())
    assert [entry.name for entry in table._installed()] == ["presidio"]
    monkeypatch.setattr(table, "find_spec", lambda name: None)
    assert list(table._installed()) == []
    monkeypatch.setitem(__import__("sys").modules, "presidio_analyzer", None)
    with pytest.raises(DuecareError, match=r"pip install duecare\[presidio\]"):
        predefined()


def test_what_is_no_recogniser_is_refused() -> None:
    with pytest.raises(DuecareError, match="detector x: str, expected recognisers"):
        Recognisers(["badge"], name="x", what="-")  # type: ignore[list-item]
    with pytest.raises(DuecareError, match="detector x: none"):
        Recognisers([], name="x", what="-")


def test_kinds_of_presidio_are_called_as_ours_are() -> None:
    assert set(LABELS.values()) <= set(KNOWN)
