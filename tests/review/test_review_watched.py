"""Watching the watchers: planted leanings are found, and fair people are left alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from review_rounds import RATE, candidates, joined

from duecare.core import Estimate
from duecare.review import desk, people
from duecare.review.person import Person
from duecare.review.plan import Candidate, Check, Draw, Plan, Quality
from duecare.review.rounds import Round, open_round
from duecare.review.store import Store
from duecare.review.watched import agreement, panel_gaps, raters

Answer = Callable[[desk.Shown], int]
QUALITY = Quality(consistency=0.5, apart=1, attention_every=2, twins_every=1)


@pytest.fixture
def store(tmp_path) -> Store:
    with Store.open(tmp_path / "review.sqlite") as opened:
        yield opened


def twins(count: int) -> list[Candidate]:
    return [
        Candidate(
            row=f"twins:{n}:{who}",
            key="",
            part="text",
            shown={"kind": "text", "text": f"Twin {n}: a {who} person asks."},
            groups={"age": who},
            pair_id=f"t{n}",
        )
        for n in range(count)
        for who in ("older", "younger")
    ]


def opened(store: Store, items: int = 12, pairs: int = 4, overlap: int = 3) -> Round:
    checks = (Check(text="Answer “very” here.", expected={"harm": (3,)}, purpose="attention"),)
    plan = Plan(
        name="Watched",
        point="data",
        questions=(RATE,),
        guideline="Judge it.",
        overlap=overlap,
        twins=pairs,
        checks=checks,
        draw=Draw(items=items, uncertain=0.0, disagreeing=0.0),
        quality=QUALITY,
    )
    return open_round(store, candidates(items) + twins(pairs), plan)


def judged(store: Store, person: Person, round: Round, answer: Answer) -> None:
    for _ in range(200):
        shown = desk.next_item(store, person, round.id)
        if not isinstance(shown, desk.Shown):
            return
        desk.submit(store, person, shown.assignment, {"harm": answer(shown)})


def fair(shown: desk.Shown) -> int:
    text = shown.texts["text"]
    return 3 if "very" in text else 1 + (sum(map(ord, text.replace("older", "younger"))) % 2)


def harsh(shown: desk.Shown) -> int:
    return min(3, fair(shown) + 1)


def leaning(shown: desk.Shown) -> int:
    return min(3, fair(shown) + ("older" in shown.texts["text"]))


def figures(found: list[Estimate], metric: str) -> dict[str, Estimate]:
    return {one.slice["person"]: one for one in found if one.metric == f"review.rater.{metric}"}


def test_who_is_harsher_and_who_leans_is_seen_and_others_are_not(store: Store) -> None:
    which = opened(store, items=30, pairs=30)
    crew = [joined(store, number, "annotator") for number in range(3)]
    for person, answer in zip(crew, (fair, harsh, leaning), strict=True):
        judged(store, person, which, answer)
    found = raters(store, which.id)
    severity, bias = figures(found, "severity"), figures(found, "twins")
    even, severe, leans = (person.id for person in crew)
    assert severity[severe].low is not None
    assert severity[severe].low > 0
    assert not severity[even].low > 0  # type: ignore[operator]
    assert bias[leans].slice["group"] in ("older against younger", "younger against older")
    assert float(bias[leans].slice["holm"]) <= 0.05
    assert bias[even].value == 0
    assert abs(bias[leans].value or 0) == 1
    assert {one.slice["person"] for one in found} == {even, severe, leans}


def test_attention_and_consistency_are_shares_with_intervals(store: Store) -> None:
    which = opened(store)
    careful, careless = (joined(store, number, "annotator") for number in range(2))
    seen: dict[str, int] = {}

    def forgets(shown: desk.Shown) -> int:
        seen[shown.item] = seen.get(shown.item, 0) + 1
        return 1 if "very" in shown.texts["text"] else seen[shown.item]

    judged(store, careful, which, fair)
    judged(store, careless, which, forgets)
    found = raters(store, which.id)
    attention, same = figures(found, "attention"), figures(found, "self_consistency")
    assert (attention[careful.id].value, attention[careless.id].value) == (1.0, 0.0)
    assert (same[careful.id].value, same[careless.id].value) == (1.0, 0.0)
    assert same[careful.id].low is not None
    assert same[careful.id].low < 1, "a share of few repeats is uncertain"


def test_agreement_says_why_where_nothing_can_be_said(store: Store) -> None:
    which = opened(store)
    assert all(one.value is None and one.reason for one in agreement(store, which.id))
    crew = [joined(store, number, "annotator") for number in range(3)]
    for person in crew:
        judged(store, person, which, fair)
    found = {one.metric: one for one in agreement(store, which.id)}
    assert found["review.agreement.krippendorff_alpha"].value == pytest.approx(1.0)
    assert found["review.agreement.percent"].n > 0


def test_panels_of_one_person_are_not_compared(store: Store) -> None:
    which = opened(store, overlap=4)
    crew = [joined(store, number, "annotator") for number in range(4)]
    for person, answer in zip(crew, (fair, harsh, harsh, fair), strict=True):
        judged(store, person, which, answer)
    for person, said in zip(crew, "abb", strict=False):
        people.state_attributes(store, person, {"home": said})
    assert panel_gaps(store, which.id) == []
    people.state_attributes(store, crew[3], {"home": "a"})
    (found,) = panel_gaps(store, which.id)
    assert found.slice["panels"] in ("a against b", "b against a")
    assert abs(found.value or 0) == 1
