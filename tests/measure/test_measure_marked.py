"""Places that people agree on."""

from __future__ import annotations

from duecare.measure.marked import Marked, agreed


def mark(person, start, end, label="name", item="i1", row="r1", part="prompt", weight=2.0):
    return {
        "item": item,
        "row": row,
        "part": part,
        "start": start,
        "end": end,
        "label": label,
        "person": person,
        "weight": weight,
    }


def seen(*people, item="i1", row="r1"):
    return [{"item": item, "row": row, "person": person} for person in people]


def test_overlapping_marks_are_one_place_as_wide_as_the_widest():
    marks = [mark("a", 3, 9), mark("b", 5, 12, "place"), mark("c", 4, 6, "place"), mark("a", 12, 14)]
    assert agreed(seen("a", "b", "c"), marks, 0.5) == [Marked("r1", "prompt", 3, 12, "place", 2.0, "i1")]
    assert [(each.start, each.end) for each in agreed(seen("a", "b", "c"), marks, 0.3)] == [(3, 12), (12, 14)]


def test_exactly_the_share_is_enough_and_less_is_not():
    marks = [mark("a", 0, 4)]
    assert len(agreed(seen("a", "b"), marks, 0.5)) == 1
    assert agreed(seen("a", "b", "c"), marks, 0.5) == []


def test_one_person_who_marks_twice_is_one_person():
    assert agreed(seen("a", "b", "c"), [mark("a", 0, 4), mark("a", 1, 4)], 0.5) == []


def test_items_rows_and_parts_are_kept_apart():
    marks = [mark("a", 0, 4), mark("b", 0, 4, part="answer"), mark("b", 0, 4, item="i2", row="r2")]
    judged = [*seen("a", "b"), *seen("b", item="i2", row="r2")]
    assert [each.row for each in agreed(judged, marks, 0.6)] == ["r2"]
    assert {(each.row, each.part) for each in agreed(judged, marks, 0.5)} == {
        ("r1", "prompt"),
        ("r1", "answer"),
        ("r2", "prompt"),
    }


def test_of_equal_labels_the_first_by_alphabet_and_no_weight_is_one():
    (place,) = agreed(seen("a", "b"), [mark("a", 0, 4, "z", weight=None), mark("b", 0, 4, "y")], 1.0)
    assert (place.label, place.weight) == ("y", 1.0)
