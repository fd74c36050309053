"""The sieve lets through all that a rule could match: a detector finds the same with and without it."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

import pyarrow as pa
import pytest

from duecare.core.table import TEXTS
from duecare.detect import stereotype
from duecare.detect.refusal import Refusal, refused, refuses
from duecare.detect.sieve import LARGEST, TOGETHER, loosened, possible, without_looking_around
from duecare.detect.spans import span_batch
from duecare.detect.stereotype import Stereotype, find_stereotypes


class Rule(NamedTuple):
    pattern: re.Pattern[str]
    rough: str = ""


def batch(texts: list[str]) -> pa.RecordBatch:
    count = len(texts)
    columns = [[f"t:{n}" for n in range(count)], ["k"] * count, ["text"] * count, texts]
    return pa.RecordBatch.from_arrays([pa.array(each, pa.string()) for each in columns], schema=TEXTS)


PIECES = """Women|women's|men|old people|Muslims|the elderly|Italians|nurses|a female engineer|the nurse
every doctor|she|he|her|his|are|aren't|can’t|cannot|should|must|tend to be|belong in|never
always|just|be|naturally|too|emotional|lazy|bad drivers|drive|cook|the kitchen
because she is a woman|only men can be pilots|write a story about|why are|explain why
It is a myth that|.|!|,|and|not|😀|ÉLÈVE|İ|ſ"""


def test_a_detector_finds_the_same_through_the_sieve() -> None:
    chance, words = random.Random(5), [each for line in PIECES.splitlines() for each in line.split("|")]
    texts = [" ".join(chance.choices(words, k=chance.randrange(1, 12))) for _ in range(4000)]
    texts += ["Women are too emotional. Men can't cook.", "WOMEN ARE EMOTIONAL", "women\nare\nemotional", ""]
    with_sieve = Stereotype()(batch(texts))
    without = span_batch(batch(texts), Stereotype.instrument, find_stereotypes, candidate=r"\pL")
    assert with_sieve.equals(without)
    assert len(without) > 100  # control: there is something to lose


def test_what_the_sieve_drops_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stereotype, "possible", lambda texts, rules: {})
    assert len(Stereotype()(batch(["Women are too emotional."]))) == 0


def test_each_text_gets_the_rules_that_may_match_in_it() -> None:
    cat, dog = Rule(re.compile(r"\bcat(?!fish)", re.IGNORECASE)), Rule(re.compile("dog"))
    rough = Rule(re.compile("bird of prey"), r"bird of \w+")
    found = possible(
        pa.array(["A CAT and a dog", "catfish", "Dog", "bird of paradise", "7"]), [cat, dog, rough]
    )
    assert found == {0: [cat, dog], 1: [cat], 3: [rough]}


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [
        (r"a(?!b(c)\)d)e", "ae"),
        (r"(?<=x)(?:y|z)", "(?:y|z)"),
        (r"\(?!", r"\(?!"),
        (r"(?<name>a)(?<!b)", "(?<name>a)"),
    ],
)
def test_looking_around_is_taken_out_whole(pattern: str, plain: str) -> None:
    assert without_looking_around(pattern) == plain


def test_the_rough_form_matches_wherever_the_rule_does() -> None:
    """Marks that only one of the two takes for parts of words, and blanks that only one takes for blanks."""
    rules = [Rule(re.compile(r"\b(?P<what>sow)\s\w{0,20}\b", re.IGNORECASE))]
    rows = ["a sow\x1ca", "\u0301sow a", "sow\u0301 a", "\u017fow \u00b2x", "sows a"]
    assert loosened(rules[0].pattern.pattern) == r"(?:sow)[\s\x1c-\x1f][\w\pN]*"
    assert set(possible(pa.array(rows), rules)) >= {
        at for at, row in enumerate(rows) if rules[0].pattern.search(row)
    }


def test_rules_tried_together_are_told_apart() -> None:
    names = [f"name{number}x" for number in range(3 * TOGETHER + 1)]
    rules = [Rule(re.compile(name)) for name in names]
    rules.insert(
        1, Rule(re.compile("|".join(["q" * 40] * (LARGEST // 40))))
    )  # too large: let through where a letter is
    found = possible(pa.array([*names, " ".join(names), "", "7"]), rules)
    large, plain = rules[1], [rules[0], *rules[2:]]
    assert found == {
        **{at: [rule for rule in rules if rule in (plain[at], large)] for at in range(len(names))},
        len(names): rules,
    }


def test_refusals_of_a_column_are_those_of_each_answer() -> None:
    chance = random.Random(2)
    words = """I|I'm|ı|we|can't|can’t|cannot|help|with|that|sorry|,|.|!|\n|not|able to|unable to|is against
my guidelines|as an AI|decline to|must|no|nope|it is|unethical|to|say|but|wait|😀|É|\u0301|x""".replace(
        "\n", "|"
    ).split("|")
    rows = [
        "".join(word + chance.choice(["", " ", " "]) for word in chance.choices(words, k=9))
        for _ in range(20_000)
    ]
    told = [refuses(row) for row in rows]
    assert refused(pa.array(rows)).tolist() == told
    assert 200 < sum(told) < 19_000
    assert Refusal()(batch(rows[:50])).column("value").to_pylist() == [float(each) for each in told[:50]]
