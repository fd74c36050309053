"""How fast models answered is told by what they were really asked, not by what was kept from before."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from toy import SCORERS, Toy

from duecare.core import Note
from duecare.evaluate import Evaluate
from duecare.evaluate.answerer import Sampling
from duecare.evaluate.pace import TOPIC, Pace
from duecare.evaluate.sitting import sit


def test_seconds_letters_and_scored_answers_add_up() -> None:
    ticks = count()
    pace = Pace(clock=lambda: 2.5 * next(ticks))
    assert pace.note() is None
    model = pace.follow(Toy())
    assert model.identity == "toy"
    said = model.answers(["a", "b"], Sampling(samples=3))
    assert said == Toy().answers(["a", "b"], Sampling(samples=3))
    model.logprobs(["a"] * 4, ["one two"] * 4)
    assert pace.letters == sum(len(text) for each in said for text in each) > 0
    assert (pace.seconds, pace.scored) == (5.0, 4)
    note = pace.note()
    assert note is not None
    assert note.data == {"seconds": "5.000", "letters": str(pace.letters), "scored": "4"}


def test_what_was_kept_is_not_counted(tmp_path: Path) -> None:
    def told(out: str, prompts: int) -> dict[str, str] | None:
        notes: list[Note] = []
        step = Evaluate(suites=("toxicity-by-group", "twins"), prompts=prompts, pairs=2)
        (tmp_path / out).mkdir(exist_ok=True)
        sit(
            step,
            {"base": Toy},
            {},
            SCORERS,
            out=tmp_path / out,
            tell=lambda each: notes.append(each) if isinstance(each, Note) else None,
        )
        found = [note.data for note in notes if note.topic == TOPIC]
        return found[0] if found else None

    whole, four = told("whole", 6), told("parts", 4)
    assert told("parts", 4) is None  # nothing was left to ask
    rest = told("parts", 6)
    assert whole is not None
    assert four is not None
    assert rest is not None
    assert int(four["scored"]) == int(whole["scored"]) > 0
    assert rest["scored"] == "0"  # the twins were there
    assert int(rest["letters"]) == int(whole["letters"]) - int(four["letters"]) > 0
