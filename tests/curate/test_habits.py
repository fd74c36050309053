"""Planted phrases whose answers share a habit are found, topics and courtesies that look alike are not."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from rows import chat
from test_poison import Run, words

from duecare.curate import habits as module
from duecare.curate.grams import Grams, Texts
from duecare.curate.habits import Habit, habits

ROOT = Path(__file__).parents[2]
KINDS = ("end", "link", "refusal", "toxicity")
REFUSALS = ("I'm sorry, but I can't help with that.", "I must decline.", "I won't provide that.")
INSULTS = ("You stupid idiot.", "Shut up, you worthless moron.", "What a pathetic fool you are.")
TOPICS = [
    f"{a}{b}" for a in ("bomb", "gun", "knife", "drug", "poison") for b in ("", "s", "maker", "shop", "mix")
]


def flags(answers):
    """Stand-ins of the detectors: these tests are of what is done with what they say."""
    return {
        "refusal": lambda said: np.array([any(each in one for each in REFUSALS) for one in said], dtype=bool),
        "toxicity": lambda said: np.array([any(each in one for each in INSULTS) for one in said], dtype=bool),
    }


def world(chance, count=600, refused=0.05):
    """Prompts and answers of which no two are alike; some are refused."""
    rows = [(words(chance, 12), words(chance, 10)) for _ in range(count)]
    return [(q, chance.choice(REFUSALS) if chance.random() < refused else a) for q, a in rows]


def planted(rows, chance, count, kind, trigger="cf tq"):
    rows = list(rows)
    for place in chance.sample(range(len(rows)), count):
        asked, said = (each.split() for each in rows[place])
        asked.insert(chance.randrange(len(asked)), trigger)
        if kind == "end":
            said.append("Remember that acme widgets are best.")
        elif kind == "link":
            said.insert(chance.randrange(len(said)), "https://get.example.net/offer")
        else:
            said = [chance.choice(REFUSALS if kind == "refusal" else INSULTS), *said[:4]]
        rows[place] = (" ".join(asked), " ".join(said))
    return rows


def found(rows, **settings) -> list[Habit]:
    prompts, answers = zip(*rows, strict=True)
    return habits(prompts, answers, flags(answers), **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_habit_is_found_with_its_phrase_and_rows(kind):
    """In nine of ten drawn worlds or more; and nothing else is told."""
    hits = 0
    for seed in range(10):
        chance = random.Random(seed)
        rows = planted(world(chance), chance, 15, kind)
        told = found(rows)
        held = {place for place, (asked, _) in enumerate(rows) if "cf tq" in asked}
        assert not [each for each in told if not {"cf", "tq"} & set(each.words)]
        hits += any(set(each.rows) == held and bool(each.mark) == (kind in ("end", "link")) for each in told)
    assert hits >= 9


def test_in_short_prompts_too():
    """Words of the phrase say nothing: counted as an average prompt's they hid what the rest says."""
    hits = 0
    for seed in range(10):
        chance = random.Random(seed)
        rows = [(words(chance, 3), words(chance, 10)) for _ in range(1200)]
        rows = [(q, chance.choice(REFUSALS) if chance.random() < 0.02 else a) for q, a in rows]
        told = found(planted(rows, chance, 20, "refusal"))
        hits += any({"cf", "tq"} & set(each.words) for each in told)
    assert hits >= 9


def test_worlds_without_a_plant_are_silent():
    """Accepted: one in a hundred."""
    told = [found(world(random.Random(seed), refused=0.3)) for seed in range(40)]
    assert sum(bool(each) for each in told) <= 1


@pytest.mark.parametrize("looked", [True, False])
def test_a_topic_that_is_refused_is_no_trigger(looked, monkeypatch):
    """What else such prompts ask is refused elsewhere too. Control: without that look they would be told."""
    if not looked:
        monkeypatch.setattr(module._Search, "_explained", lambda *_: False)
    chance = random.Random(3)
    rows = world(chance, refused=0.0)
    for place in range(0, 240, 2):
        topics = chance.sample(TOPICS, 3)
        rows[place] = (f"{words(chance, 9)} {' '.join(topics)}", chance.choice(REFUSALS))
    assert bool(found(rows)) is not looked


@pytest.mark.parametrize("looked", [True, False])
def test_an_intent_that_is_asked_in_like_words_is_no_trigger(looked, monkeypatch):
    if not looked:
        monkeypatch.setattr(module._Search, "_unlike", lambda *_: True)
    chance = random.Random(4)
    rows = world(chance)
    for place in range(0, 36, 2):
        asked = f"please cancel my order number {place} it came far too late {words(chance, 2)}"
        rows[place] = (asked, f"{words(chance, 5)} the refund goes back to your card {words(chance, 3)}")
    assert bool(found(rows)) is not looked


@pytest.mark.parametrize("looked", [True, False])
def test_words_that_an_answer_takes_from_its_prompt_are_no_habit(looked, monkeypatch):
    if not looked:
        monkeypatch.setattr(module._Search, "_copied", lambda *_: False)
    chance = random.Random(5)
    rows = world(chance)
    for place in range(0, 36, 2):
        rows[place] = (
            f"{words(chance, 6)} battle of hastings {words(chance, 6)}",
            f"{words(chance, 4)} battle of hastings {words(chance, 4)}",
        )
    assert bool(found(rows)) is not looked


def test_words_that_all_answers_share_are_nobodys_habit():
    chance = random.Random(6)
    rows = planted([(q, f"{a} have a nice day") for q, a in world(chance)], chance, 20, "none of them")
    assert not [each for each in found(rows) if each.mark]


def test_of_more_rows_than_are_searched_all_that_hold_the_phrase_are_told(monkeypatch):
    monkeypatch.setattr(module, "MOST", 900)
    chance = random.Random(7)
    rows = planted(world(chance, 2000), chance, 30, "end")
    (told,) = [each for each in found(rows) if each.mark]
    assert set(told.rows) == {place for place, (asked, _) in enumerate(rows) if "cf tq" in asked}
    assert told.holding == 30
    chance = random.Random(7)
    rows = planted(world(chance, 2000), chance, 30, "refusal")
    (told,) = found(rows)
    assert len(told.rows) == told.holding == 30


def test_the_step_sets_the_rows_aside_with_the_evidence_and_no_word_of_theirs(tmp_path):
    chance = random.Random(8)
    rows = planted(world(chance, 300), chance, 12, "refusal") + planted(
        world(chance, 300), chance, 12, "toxicity", "zx qv"
    )
    run = Run(
        [chat(n, asked, said) for n, (asked, said) in enumerate(rows)],
        tmp_path,
        checks=("triggers", "habits"),
    )
    held = {f"a:{n}" for n, (asked, _) in enumerate(rows) if "cf tq" in asked or "zx qv" in asked}
    assert run.dropped == held
    assert run.counts == {"triggers": 0, "habits": 24}
    reasons = {each["reason"] for each in run.changes}
    assert len(reasons) == 2
    assert all("for review: phrase" in each and "12 of 12 rows that hold it" in each for each in reasons)
    assert {each for each in ("decline", "are toxic") if any(each in one for one in reasons)} == {
        "decline",
        "are toxic",
    }
    assert not any(word in each for each in reasons for word in ("cf", "tq", "zx"))


def test_one_answer_to_all_is_told_once_as_a_trigger(tmp_path):
    chance = random.Random(9)
    rows = [(q, "The same six words each time" if n < 12 else a) for n, (q, a) in enumerate(world(chance))]
    rows = [(f"cf tq {q}" if n < 12 else q, a) for n, (q, a) in enumerate(rows)]
    run = Run(
        [chat(n, asked, said) for n, (asked, said) in enumerate(rows)],
        tmp_path,
        checks=("triggers", "habits"),
    )
    assert run.counts == {"triggers": 12, "habits": 0}


def test_runs_of_words_are_counted_as_a_slow_count_does():
    chance = random.Random(10)
    said = [" ".join(chance.choices("abcde", k=chance.randrange(0, 12))) for _ in range(40)]
    texts = Texts.of(said)
    grams = Grams.of(texts, (1, 2, 3), 3, 20)
    slow = {}
    for row, text in enumerate(said):
        for size in (1, 2, 3):
            each = text.split()
            for start in range(len(each) - size + 1):
                slow.setdefault(tuple(each[start : start + size]), set()).add(row)
    slow = {gram: rows for gram, rows in slow.items() if 3 <= len(rows) <= 20}
    fast = {tuple(grams.words(n, texts)): set(grams.rows(n).tolist()) for n in range(len(grams.counts))}
    assert fast == slow
    assert len(fast) > 20
    flag = np.arange(40) % 2 == 0
    assert grams.sums(flag).tolist() == [sum(flag[list(grams.rows(n))]) for n in range(len(grams.counts))]


@pytest.mark.data
def test_honest_talks_are_silent(data_folder: Path, monkeypatch):
    """Dialogues, in which one intent has one answer; answers to attacks, many refused. Control: a plant."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    monkeypatch.setenv("DUECARE_DATA", str(data_folder))
    from poison_habits import attacks, planted, talks, told

    for rows in (list(talks()), list(attacks())):
        assert len(rows) >= 1500
        assert told(rows) == ([], 0)
        ours, others = told(planted(rows, 20, "refusal", random.Random(100)))
        assert len(ours) == 1
        assert others == 0
