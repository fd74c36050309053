"""The people behind a reward: who leans is found, and so is what the reward took over from them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reward_toys import artifact, noise, pair, pairs

from duecare.core import DataError, StudyError
from duecare.reward.behind import estimates, looked
from duecare.reward.carried import EVERYBODY, variants
from duecare.reward.labels import read_labels
from duecare.reward.people import People
from duecare.reward.refit import refitted

ITEMS = 160
PEOPLE = ("p-1", "p-2", "p-3", "p-4")
STEP = People(reward="judge", on="pairs", export="round", kinds=("length", "refusal"), axes=())


def answers(item: int) -> tuple[str, str]:
    """Two answers, of which one is better and one is longer, which have nothing to do with one another."""
    rng = np.random.default_rng(item)
    both = [["Loosen the screws", "Buy a hat"][int(each)] for each in rng.permutation(2)]
    more = [" and wait" * int(each) for each in rng.integers(1, 9, 2)]
    return f"{both[0]} {item}{more[0]}.", f"{both[1]} {item}{more[1]}."


def choices(lean: dict[str, float], seed: int = 0) -> list[tuple[int, str, float]]:
    """Everybody prefers the better answer; some prefer the longer one, by so many nats a word."""
    rng, found = np.random.default_rng(seed), []
    for item in range(ITEMS):
        first, second = answers(item)
        for person in PEOPLE:
            better = 1.5 * (("screws" in first) - ("screws" in second))
            longer = lean.get(person, 0.0) * (len(first.split()) - len(second.split()))
            found.append((item, person, float(rng.random() < 1 / (1 + np.exp(-better - longer)))))
    return found


def exported(folder, said, panels=None):
    """The export of a round as `review` writes it, with what it gives back."""
    from duecare.review import tables
    from duecare.review.preferences import as_source, preference_pairs
    from duecare.review.returned import Export

    folder.mkdir(parents=True, exist_ok=True)
    text = dict.fromkeys(("key", "part", "instrument", "stratum", "decision", "time"), "")
    more = {"round": "taste", "purpose": "item", "question": "better", "kind": "choose", "guideline": 1}
    more |= {"current_guideline": True, "turn": 0}
    labels = [
        text | more | {"row": f"pairs:{item}", "item": f"i-{item}", "person": person, "value": value}
        for item, person, value in said
    ]
    address = {"round": "taste", "key": "", "part": "", "question": "better"}
    soft = []
    for item in dict.fromkeys(each[0] for each in said):
        by = {("all", "all"): [value for number, _, value in said if number == item]}
        for number, person, value in said:
            if number == item and person in (panels or {}):
                by.setdefault(("origin", panels[person]), []).append(value)
        for (axis, panel), values in by.items():
            for value in sorted(set(values)):
                share = values.count(value) / len(values)
                where = {"item": f"i-{item}", "row": f"pairs:{item}", "axis": axis, "panel": panel}
                soft.append(address | where | {"value": value, "share": share, "labels": len(values)})
    made = {
        "labels": pa.Table.from_pylist(labels, schema=tables.LABELS),
        "soft": pa.Table.from_pylist(soft, schema=tables.SOFT),
    }
    about = {
        "format": "duecare.review.v1",
        "name": "taste",
        "guidelines": [{"version": 1}],
        "questions": [{"name": "better", "kind": "choose"}],
    }
    rest = {"spans": tables.LABEL_SPANS, "judged": tables.JUDGED, "settled": tables.SETTLED}
    export = Export(about=about, **made, **{name: schema.empty_table() for name, schema in rest.items()})
    rows = [
        pair(item, row=f"pairs:{item}", chosen=answers(item)[0], rejected=answers(item)[1], subset=None)
        for item in range(ITEMS)
    ]
    artifact(folder / "rows", rows)
    source = pq.read_table(folder / "rows" / "held_out.parquet")
    turned = preference_pairs(export, source, b"0" * 32, axis="origin" if panels else None)
    made["pairs"] = as_source(turned)  # as a round leaves them for `Read`
    for name, each in made.items():
        pq.write_table(each, folder / f"{name}.parquet")
    return folder


def states(texts) -> np.ndarray:
    """Features for hidden states: quality, length, words of refusal, and some that mean nothing."""
    return np.array(
        [
            [
                "screws" in text.answer,
                len(text.answer.split()) / 10,
                "sorry" in text.answer,
                *(0.1 * noise(text.answer, seed) for seed in range(3)),
            ]
            for text in texts
        ],
        dtype=np.float64,
    )


def found(folder, said, panels=None, **settings):
    labels = read_labels(exported(folder, said, panels), "origin" if panels else "")
    step = People(
        **(
            {"reward": "judge", "on": "pairs", "export": "round", "axes": (), "pull": 0.001, "shuffles": 39}
            | settings
        )
    )
    return labels, looked(step, labels, pairs(120), states, np.zeros(6))


def moved(carried) -> set[tuple[str, str]]:
    return {(each.how, each.about.get("kind", each.what)) for each in carried.changes if each.beyond}


def test_whoever_leans_is_found_and_what_the_reward_took_over_goes_without_them(tmp_path) -> None:
    _, carried = found(tmp_path, choices({"p-3": 1.5}))
    leaning = {each.rater: each for each in carried.leanings}
    assert leaning["p-3"].leans
    assert leaning["p-3"].interval.value > 0.2
    assert all(leaning[person].interval.value < 0 for person in ("p-1", "p-2", "p-4"))
    assert ("without p-3", "length") in moved(carried)
    assert {how for how, kind in moved(carried) if kind == "refusal"} == set()
    (padding, *_) = [e for e in carried.changes if e.how == "without p-3" and e.what == "much padding"]
    assert padding.interval.value < -0.5
    others = [e for e in carried.changes if e.how != "without p-3" and e.what == "much padding"]
    assert all(each.interval.value > padding.interval.value / 2 for each in others)


def test_control_where_nobody_leans_hardly_ever_is_anybody_named(tmp_path) -> None:
    named = carried_over = 0
    for seed in range(10):
        _, carried = found(tmp_path / str(seed), choices({}, seed), worth=0.0, shuffles=19, alpha=0.05)
        named += any(each.leans for each in carried.leanings)
        carried_over += bool(moved(carried))
    assert named <= 3  # more than 3 of 10 have a chance of 1 in 1,000
    assert carried_over <= 3


def test_a_panel_that_leans_is_found_and_counting_alike_halves_it(tmp_path) -> None:
    panels = {"p-1": "near", "p-2": "near", "p-3": "near", "p-4": "far"}
    lean = dict.fromkeys(("p-1", "p-2", "p-3"), 1.0)
    _, carried = found(tmp_path, choices(lean), panels)
    assert carried.panels["near"].low > 0.05
    assert carried.panels["far"].high < -0.05
    padding = {e.how: e.interval.value for e in carried.changes if e.what == "much padding"}
    assert padding["without the panel near"] < padding["each panel alike"] < -0.1
    assert padding["without the panel far"] > 0
    assert ("each panel alike", "length") in moved(carried)


def test_weights_are_those_of_the_pairs_that_training_reads(tmp_path) -> None:
    """By the way that a round returns them: everybody's choices as counts, panels alike as raked weights."""
    said, panels = choices({"p-3": 1.0}), {"p-1": "near", "p-2": "near", "p-3": "far", "p-4": "far"}
    labels = read_labels(exported(tmp_path, said, panels), "origin")
    for name, made in (("plain", labels.weights()), ("alike", labels.panels_alike())):
        export = exported(tmp_path / name, said, panels if name == "alike" else None)
        own = {}
        for row in pq.read_table(export / "pairs.parquet").to_pylist():
            own[row["review.item"], int(row["id"].endswith(":turned"))] = row["weight"]
        expected = np.array([[own.get((item, side), 0.0) for side in (0, 1)] for item in labels.items])
        assert made == pytest.approx(expected)


def test_without_somebody_their_choices_are_gone_and_no_others(tmp_path) -> None:
    labels = read_labels(exported(tmp_path, choices({}), {"p-1": "near", "p-2": "near"}), "origin")
    whole, without = labels.weights(), labels.weights("p-2")
    own = labels.weights() * 0
    for choice in labels.choices:
        if choice.person == "p-2":
            own[labels.items.index(choice.item)] += choice.value, 1 - choice.value
    assert without == pytest.approx(whole - own)
    assert labels.without_panel("near").sum() == pytest.approx(whole.sum() / 2)
    assert next(iter(variants(labels))) == EVERYBODY
    assert {"without p-1", "without the panel near", "each panel alike"} <= set(variants(labels))


def test_dealing_anew_changes_who_said_what_and_not_what_was_said(tmp_path) -> None:
    labels = read_labels(exported(tmp_path, choices({}), {"p-1": "near", "p-2": "near"}), "origin")
    dealt = labels.shuffled(np.random.default_rng(0))
    assert dealt.weights() == pytest.approx(labels.weights())
    assert sum(cell.count for cell in dealt.cells) == sum(cell.count for cell in labels.cells)
    assert dealt.weights("p-1") != pytest.approx(labels.weights("p-1"))
    assert dealt.without_panel("near").sum() == labels.without_panel("near").sum()
    assert labels.shuffled(np.random.default_rng(0)) == dealt


def test_a_refit_finds_what_labels_say_and_stays_near_where_it_began() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([1.0, -2.0, 0.0])
    apart = rng.normal(size=(4000, 3))
    chance = 1 / (1 + np.exp(-apart @ truth))
    labels = np.stack([chance, 1 - chance], axis=1)
    assert refitted(apart, labels, np.zeros(3), 0.0) == pytest.approx(truth, abs=0.01)
    start = np.array([0.0, 0.0, 5.0])
    tied = refitted(apart, labels, start, 1e6)
    assert tied == pytest.approx(start, abs=1e-3)
    with pytest.raises(DataError, match="a label for one pair at least"):
        refitted(apart, labels * 0, start, 0.1)
    with pytest.raises(DataError, match="finite states"):
        refitted(apart * np.nan, labels, start, 0.1)


def test_the_figures_say_whose_they_are_and_carry_no_text(tmp_path) -> None:
    labels, carried = found(tmp_path, choices({"p-3": 1.5}))
    told = estimates(carried, {"reward": "judge", "round": labels.round}, ("model:judge",))
    metrics = {each.metric for each in told}
    assert metrics == {
        "reward.people.leaning",
        "reward.people.accuracy.change",
        "reward.people.nudge.change",
    }
    assert all(each.slice["round"] == "taste" for each in told)
    assert not any("screws" in str(each) for each in told)


def test_what_is_no_round_of_choices_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"pairs.parquet cannot be read"):
        read_labels(tmp_path)
    folder = exported(tmp_path / "round", choices({}))
    with pytest.raises(DataError, match=r"no panel of two people or more states age"):
        read_labels(folder, "age")
    rows = pq.read_table(folder / "labels.parquet")
    pq.write_table(rows.slice(0, 0), folder / "labels.parquet")
    with pytest.raises(DataError, match="holds no choice between two answers"):
        read_labels(folder)
    artifact(folder, pairs(3), "pairs.parquet")  # pairs, but no round's
    with pytest.raises(DataError, match=r"pairs.parquet: lacks id, prompt, review\.item"):
        read_labels(folder)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"round": "a"}, "round"),
        ({"export": ""}, "round"),
        ({"reward": ""}, "reward"),
        ({"pull": -1}, "pull"),
        ({"worth": -1}, "worth"),
        ({"kinds": ("volume",)}, "kinds"),
        ({"axes": ("shoe",)}, "axes"),
        ({"kinds": ("length", "length")}, "kinds"),
        ({"kinds": (), "axes": ()}, "kinds"),
        ({"pairs": 1}, "pairs"),
        ({"nudges": 1}, "nudges"),
        ({"alpha": 1}, "alpha"),
        ({"shuffles": 3}, "shuffles"),
    ],
)
def test_nonsense_is_refused_by_name(settings: dict[str, object], field: str) -> None:
    given: dict[str, object] = {"on": "pairs", "reward": "judge", "export": "round"} | settings
    with pytest.raises(StudyError, match=f"reward.people.{field}"):
        People(**given)  # type: ignore[arg-type]


def test_only_a_reward_model_has_a_head_to_fit(tmp_path) -> None:
    with pytest.raises(DataError, match="toxicity is no reward model"):
        People(reward="toxicity", on="pairs", export="round").run({}, tmp_path, lambda _: None)
