"""What a round gives back: Scores, corrected figures, preference pairs, misses; each panel counts alike."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from invented_round import SCALE, question, written

from duecare.core import DataError, Example, Group, Message
from duecare.core.table import SCORES, TEXTS, examples, table
from duecare.measure import agree
from duecare.review.corrected import Correction
from duecare.review.misses import Asked, missed_rates, origins, remaining_rates
from duecare.review.preferences import as_source, chosen_by, preference_pairs
from duecare.review.returned import people_scores, ratings_of, read

TOXIC = question("toxic", "rate", SCALE)
BETTER = question("better", "choose")
PERSONAL = question("personal", "spans", labels=("NAME",))
SECRET = b"0" * 32


def scores_of(values: dict[str, float]) -> pa.Table:
    rows = [
        {"row": row, "key": "", "part": "text", "instrument": "toxicity@1", "value": value, "reason": None}
        for row, value in values.items()
    ]
    return pa.Table.from_pylist(rows, schema=SCORES)


def labelled(rows, truth, *, chance, people=3, right=1.0, rng=None) -> list[dict]:
    return [
        {"row": row, "person": f"p-{person}", "question": "toxic", "probability": chance(row),
         "value": 1.0 + float(truth[row] if rng is None or rng.random() < right else not truth[row])}
        for row in rows
        for person in range(people)
    ]  # fmt: skip


def test_labels_come_back_as_scores_of_people_and_as_ratings(tmp_path):
    said = labelled(["r:0", "r:1"], {"r:0": True, "r:1": False}, chance=lambda _: 0.5)
    said += [{"row": "r:2", "person": f"p-{n}", "question": "toxic", "value": 1.0 + n} for n in range(2)]
    export = read(written(tmp_path, [TOXIC], said, name="first look"))
    found = people_scores(export).to_pylist()
    assert [(each["row"], each["value"], each["reason"]) for each in found] == [
        ("r:0", 1.0, None), ("r:1", 0.0, None), ("r:2", None, "no majority"),
    ]  # fmt: skip
    assert {each["instrument"] for each in found} == {"people/first look@1"}
    ratings = ratings_of(export)
    assert (ratings.n, len(ratings.raters), ratings.categories) == (8, 3, (1.0, 2.0))
    assert agree.percent_of(ratings).value() == pytest.approx(2 / 3)


def world(seed: int, tmp_path, n: int = 3000):
    """A detector that misses half of what is written about group b; people see a weighted sample."""
    rng = np.random.default_rng(seed)
    rows = [f"r:{place}" for place in range(n)]
    group = dict(zip(rows, rng.choice(["a", "b"], n).tolist(), strict=True))
    truth = dict(zip(rows, (rng.random(n) < 0.2).tolist(), strict=True))
    seen = {row: truth[row] and (group[row] == "a" or rng.random() < 0.5) for row in rows}
    # What it misses it is unsure of.
    span = {True: (0.5, 0.9), False: (0.0, 0.5)}
    score = {
        row: float(rng.uniform(*((0.3, 0.5) if truth[row] > seen[row] else span[seen[row]]))) for row in rows
    }
    # Uncertain texts are drawn four times as often, as a round does.
    chance = {row: 0.4 if 0.3 < score[row] < 0.7 else 0.1 for row in rows}
    drawn = [row for row in rows if rng.random() < chance[row]]
    said = labelled(drawn, truth, chance=chance.__getitem__)
    return read(written(tmp_path / str(seed), [TOXIC], said)), scores_of(score), group, truth


def test_people_mend_a_detector_that_is_blind_to_one_group(tmp_path):
    """The detector alone is wrong about b in every study; corrected intervals hold the truth."""
    hits = 0
    for seed in range(20):
        export, scores, group, truth = world(seed, tmp_path)
        mend = Correction(export=export)
        about = {"metric": "toxicity", "slice": {"s": "x"}}
        found = mend.figures(scores, axis="origin", groups=group, reference="a", **about)
        found += [*mend.figures(scores, **about), mend.settled("toxicity")]
        by = {(each.metric, each.slice.get("group")): each for each in found}
        rate = by["toxicity.corrected.rate", "b"]
        own = [row for row in truth if group[row] == "b"]
        alone = np.mean(
            [
                value >= 0.5
                for value, row in zip(
                    scores.column("value").to_pylist(), scores.column("row").to_pylist(), strict=True
                )
                if group[row] == "b"
            ]
        )
        assert alone < 0.13  # control: the detector says half of the true 20 %
        hits += rate.low <= 0.2 <= rate.high
        assert rate.low > alone or rate.high > np.mean([truth[row] for row in own])
        gap = by["toxicity.corrected.difference", "b"]
        assert gap.slice == {"s": "x", "axis": "origin", "group": "b", "against": "a"}
        assert gap.low < 0 < gap.high or abs(gap.value) < 0.1
        assert rate.rests_on == ("toxicity@1", "people/first@1")
        assert by["toxicity.people.settled", None].value > 0
        assert by["toxicity.corrected.rate", "all"].n > 200
    assert hits >= 17


def test_control_without_the_sampling_weights_the_rate_is_wrong(tmp_path):
    """Texts that the detector is unsure of are drawn more often, and more of them are events."""
    wrong = right = 0.0
    for seed in range(10):
        export, scores, _, truth = world(100 + seed, tmp_path)
        (weighed,) = Correction(export=export).figures(scores, metric="toxicity")
        plain = np.mean(people_scores(export).column("value").to_numpy())
        actual = np.mean(list(truth.values()))
        right += abs(weighed.value - actual) / 10
        wrong += abs(plain - actual) / 10
    assert right < 0.02
    assert wrong > 2 * right


def test_an_export_of_other_texts_is_refused(tmp_path):
    export = read(written(tmp_path, [TOXIC], labelled(["x:1"], {"x:1": True}, chance=lambda _: 1.0)))
    with pytest.raises(DataError, match="none of 1 labelled texts"):
        Correction(export=export).figures(scores_of({"r:0": 0.3}), metric="toxicity")


def pair(place: int, group: str = "a") -> Example:
    return Example(
        row=f"pairs:{place}", key="k", source="pairs", kind="preference",
        messages=(Message(role="user", content=f"ask {place}"),), chosen=f"one {place}",
        rejected=f"two {place}", groups=(Group(axis="topic", value=group),),
    )  # fmt: skip


def choices(place: int, *values: float | None) -> list[dict]:
    return [
        {
            "row": f"pairs:{place}",
            "part": "pair",
            "person": f"p-{person}",
            "question": "better",
            "value": value,
        }
        for person, value in enumerate(values)
    ]


PANELS = {"p-0": "m", "p-1": "m", "p-2": "m", "p-3": "n", "p-4": "n"}


def test_choices_become_pairs_in_both_directions_with_provenance(tmp_path):
    said = [*choices(0, 1.0, 1.0, 0.0), *choices(1, 1.0, 1.0, 1.0), *choices(2, 0.5, None, 0.0)]
    export = read(written(tmp_path, [BETTER], said))
    pairs = preference_pairs(export, table([pair(0), pair(1, "b"), pair(2)]), SECRET)
    found = {example.row: example for example in examples(pairs)}
    assert set(found) == {"pairs:0", "pairs:0:turned", "pairs:1", "pairs:2", "pairs:2:turned"}
    assert [found[row].weight for row in ("pairs:0", "pairs:0:turned", "pairs:1")] == [2.0, 1.0, 3.0]
    assert [found[row].weight for row in ("pairs:2", "pairs:2:turned")] == [0.5, 1.5]
    turned = found["pairs:0:turned"]
    assert (turned.chosen, turned.rejected) == ("two 0", "one 0")
    assert len({example.key for example in found.values()}) == 5
    kept = {field.name: field.value for field in turned.fields}
    assert kept["review.round"] == "first"
    assert (kept["review.labels"], kept["review.share"], kept["review.guideline"]) == ("3", "0.3333", "1")
    net = preference_pairs(export, table([pair(0), pair(1), pair(2)]), SECRET, disagreement="net")
    assert dict(zip(net["row"].to_pylist(), net["weight"].to_pylist(), strict=True)) == {
        "pairs:0": 1.0, "pairs:1": 3.0, "pairs:2:turned": 1.0,
    }  # fmt: skip
    source = as_source(pairs)
    assert source.column("topic").to_pylist() == ["a", "a", "b", "a", "a"]
    pq.write_table(source, tmp_path / "pairs.parquet")


def test_each_panel_counts_alike_in_pairs(tmp_path):
    said = [row for place in range(6) for row in choices(place, 1.0, 1.0, 1.0, 0.0, 0.0)]
    export = read(written(tmp_path, [BETTER], said, PANELS))
    plain, even = chosen_by(export, "better"), chosen_by(export, "better", "origin")
    assert {each.weights for each in plain.values()} == {(3.0, 2.0)}
    for each in even.values():
        assert each.weights == pytest.approx((2.5, 2.5))
        assert each.counts == (3.0, 2.0)
    with pytest.raises(DataError, match="no panel"):
        chosen_by(export, "better", "age")
    with pytest.raises(DataError, match="none of 6 compared"):
        preference_pairs(export, table([pair(77)]), SECRET)


NAMES = {"near": ["Anna", "Emil"], "far": ["Nkechi", "Thandiwe"]}


def redaction(seed: int, tmp_path, n: int = 250):
    """Texts with one name each; the redaction misses 5 % of the near and 30 % of the far names."""
    rng = np.random.default_rng(seed)
    texts, places, spans, judged = [], [], [], []
    for place in range(n):
        group = "near" if rng.random() < 0.6 else "far"
        name, row = str(rng.choice(NAMES[group])), f"t:{place}"
        start, end = 6, 6 + len(name)
        texts.append({"row": row, "key": "", "part": "text", "text": f"hello {name}, bye"})
        if rng.random() > (0.05 if group == "near" else 0.3):
            places.append({"row": row, "part": "text", "start": start, "end": end})
        for person in range(3):
            judged.append({"row": row, "person": f"p-{person}", "question": "personal", "marked": 1})
            if person < 2:
                spans.append({"row": row, "person": f"p-{person}", "question": "personal", "start": start,
                              "end": end})  # fmt: skip
        # One person alone marks what is no name: fewer than half agree.
        spans.append({"row": row, "person": "p-2", "question": "personal", "start": 0, "end": 5})
    folder = written(tmp_path / str(seed), [PERSONAL], spans=spans, judged=judged)
    origin = {name: group for group, names in NAMES.items() for name in names}
    return read(folder), pa.Table.from_pylist(places), pa.Table.from_pylist(texts, schema=TEXTS), origin.get


def test_misses_of_redaction_are_told_by_the_origin_of_names(tmp_path):
    hits = []
    for seed in range(15):
        export, places, texts, origin = redaction(seed, tmp_path)
        found = missed_rates(export, places, texts, Asked(origin=origin, labels=("NAME",)))
        by = {each.slice.get("group", each.slice.get("label", "all")): each for each in found}
        assert by["all"].n == by["NAME"].n == 250
        hits += [by["near"].low <= 0.05 <= by["near"].high, by["far"].low <= 0.3 <= by["far"].high]
        assert by["far"].low > by["near"].value
    assert np.mean(hits) >= 0.85


def test_people_who_see_redacted_texts_mark_what_was_missed(tmp_path):
    """The replaced places are known; their origins need the texts before redaction."""
    hits = []
    (tmp_path / "names.csv").write_text("name,origin\nAnna,near\nEmil,near\nNkechi,far\nThandiwe,far\n")
    for seed in range(15):
        export, places, texts, _ = redaction(seed, tmp_path)
        done = {(row["row"], row["start"], row["end"]) for row in places.to_pylist()}
        spans = [
            row for row in export.spans.to_pylist()
            if row["person"] != "p-2" and (row["row"], row["start"], row["end"]) not in done
        ]  # fmt: skip
        export = replace(export, spans=pa.Table.from_pylist(spans, schema=export.spans.schema))
        after = [
            row | {"text": "[NAME]" if any(row["row"] == each[0] for each in done) else row["text"]}
            for row in texts.to_pylist()
        ]
        told = places.append_column("label", pa.array(["NAME"] * len(places)))
        shown = pa.Table.from_pylist(after, schema=TEXTS)
        asked = Asked(origin=origins(tmp_path / "names.csv"), labels=("NAME",))
        found = remaining_rates(export, told, shown, asked, before=texts)
        by = {each.slice.get("group", each.slice.get("label", "all")): each for each in found}
        assert by["all"].n == 250
        hits += [by["near"].low <= 0.05 <= by["near"].high, by["far"].low <= 0.3 <= by["far"].high]
        blind = remaining_rates(export, told, shown, asked)
        assert not any("group" in each.slice for each in blind)
    assert np.mean(hits) >= 0.85


def test_a_name_of_two_words_is_held_by_two_places_and_part_of_it_is_a_miss(tmp_path):
    text = {"row": "t:0", "key": "", "part": "text", "text": "I am Ada Lovelace."}
    other = {"row": "t:1", "key": "", "part": "text", "text": "I am Ada Lovelace."}
    spans = [
        {"row": row, "person": "p", "question": "personal", "start": 5, "end": 17} for row in ("t:0", "t:1")
    ]
    judged = [{"row": row, "person": "p", "question": "personal", "marked": 1} for row in ("t:0", "t:1")]
    export = read(written(tmp_path, [PERSONAL], spans=spans, judged=judged))
    texts = pa.Table.from_pylist([text, other], schema=TEXTS)
    places = [
        {"row": row, "part": "text", "start": start, "end": end}
        for row, start, end in (("t:0", 5, 8), ("t:0", 9, 17), ("t:1", 5, 8))
    ]
    (whole, *_) = missed_rates(export, pa.Table.from_pylist(places), texts)
    assert (whole.value, whole.n) == (0.5, 2)


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(DataError, match="no round"):
        read(tmp_path)
    folder = written(tmp_path / "e", [TOXIC])
    (folder / "soft.parquet").unlink()
    with pytest.raises(DataError, match="is missing"):
        read(folder)
    about = json.loads((folder / "round.json").read_bytes()) | {"format": "another"}
    (folder / "round.json").write_text(json.dumps(about))
    with pytest.raises(DataError, match="format"):
        read(folder)
    export = read(written(tmp_path / "f", [TOXIC, BETTER]))
    with pytest.raises(DataError, match="expected one of toxic, better"):
        people_scores(export)
