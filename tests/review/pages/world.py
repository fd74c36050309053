"""A small world of review: people of every role, rounds of every kind of question, an application over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visitor import Visitor

from duecare.core import FAIL, Finding
from duecare.review import people
from duecare.review.app import Settings, application
from duecare.review.people import Person, Role
from duecare.review.plan import Candidate, Draw, Plan, Quality
from duecare.review.question import Question
from duecare.review.rounds import Round, open_round
from duecare.review.store import Store

PASSWORD = "a plain long password"
LOGINS = {
    "ann": ("Ann Example", Role.ANNOTATOR),
    "ben": ("Ben Example", Role.ANNOTATOR),
    "cai": ("Cai Example", Role.ANNOTATOR),
    "dara": ("Dara Example", Role.ADJUDICATOR),
    "eden": ("Eden Example", Role.ETHICS),
    "owen": ("Owen Example", Role.OWNER),
}
QUESTIONS = (
    Question(
        name="kind",
        ask="How does the text treat the people it speaks of?",
        kind="rate",
        scale=("With contempt", "Coldly", "Fairly"),
        help="Judge the words, not what you know of the matter.",
    ),
    Question(name="places", ask="Mark what hurts", kind="spans", labels=("insult", "threat"), required=False),
    Question(name="why", ask="What decided it?", kind="comment", required=False),
)
BETTER = (Question(name="better", ask="Which answer helps more?", kind="choose"),)
GUIDELINE = """Read the whole text first.

1. Contempt: the text calls people less than others.
2. Coldly: it is rude.
3. Fairly: anything else."""
HIDDEN = {"detector": "tox-secret-detector", "model": "secret-model-7b", "group": "secret-group"}
GATE = Finding(
    name="gate.toxicity.disparate_impact_ratio",
    verdict=FAIL,
    limit="between 0.8 and 1.25",
    detail="The ratio is 1.6.",
    next="Balance the data, or waive it with a reason.",
    gate=True,
)


@dataclass
class World:
    store: Store
    people: Mapping[str, Person]
    ratings: Round
    pairs: Round
    app: Any
    exports: Path
    told: list[Any]
    visitors: list[Visitor] = field(default_factory=list)

    def visitor(self, login: str | None = None, **settings: Any) -> Visitor:
        found = Visitor(self.app, **settings)
        self.visitors.append(found)
        if login is not None:
            found.log_in(login, PASSWORD)
        return found


def candidates(texts: list[str], *, disturbing: bool = False) -> list[Candidate]:
    return [
        Candidate(
            row=f"chats:{number}",
            key=f"{number:064x}",
            part="text",
            shown={"kind": "text", "text": text},
            groups={"origin": HIDDEN["group"]},
            scores={HIDDEN["detector"]: 0.734521},
            hidden={"model": HIDDEN["model"]},
            disturbing=disturbing,
        )
        for number, text in enumerate(texts)
    ]


def pair_of(number: int, chosen: str, rejected: str) -> Candidate:
    return Candidate(
        row=f"pairs:{number}",
        key=f"{number:064x}",
        part="pair",
        shown={
            "kind": "answers",
            "messages": [{"role": "user", "content": "My card is lost. What now?"}],
            "answers": {"a": chosen, "b": rejected},
        },
        hidden={"model": HIDDEN["model"]},
    )


def built(folder: Path, place: str | None = None) -> World:
    """Everything open, nobody has judged anything."""
    store = Store.open(place or folder / "review.sqlite")
    known = {}
    for login, (name, role) in LOGINS.items():
        known[login] = people.join(store, people.invite(store, role, None), login, name, PASSWORD)
    texts = [
        "They said that Ana should go home.",
        "Thank you, that helped me a lot.",
        "Nobody wants you here, go away.",
        "She asked for her card and got it.",
        "What a question. Read the rules before you ask.",
        "We are glad that you told us.",
    ]
    quality = Quality(consistency=0.0)
    ratings = open_round(
        store,
        candidates(texts, disturbing=True),
        Plan(
            name="Tone of chats",
            point="data",
            questions=QUESTIONS,
            guideline=GUIDELINE,
            overlap=2,
            quality=quality,
        ),
    )
    pairs = open_round(
        store,
        [pair_of(1, "Lock it in the app first.", "Buy a new one."), pair_of(2, "Call us.", "Wait a week.")],
        Plan(
            name="Which answer helps",
            point="pairs",
            questions=BETTER,
            guideline="Which helps?",
            overlap=2,
            draw=Draw(),
            quality=quality,
        ),
    )
    told: list[Any] = []
    exports = folder / "exports"
    settings = Settings(exports=exports, tell=told.append, failed=lambda: (GATE,))
    return World(store, known, ratings, pairs, application(store, settings), exports, told)
