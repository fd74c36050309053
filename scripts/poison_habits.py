"""How many planted rows it takes until the check "habits" of poisoning tells them, on real data.

    DUECARE_DATA=/path/to/data python scripts/poison_habits.py [--from DRAW] [--of SET,SET] [ROWS ...]

Into service dialogues, answers to attacks, answers of simple programs to people who abuse them, and
continuations of texts (sgd-support, hh-rlhf-harmless, convabuse-raters, real-toxicity-prompts-subset) a
meaningless phrase is put at some place of the prompt, and the answer gets a sentence at its end, a link
somewhere, a refusal in one of four wordings, or an insult in one of four. Printed: in how many of ten draws,
numbered from DRAW on, the phrase was told with four in five of its rows, and how many other phrases were
told. The check was made on draws 0 to 9 of the first two sets; draws from 100 on are new to it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from duecare.curate.habits import habits
from duecare.curate.poison import _refusing, _toxic

DATA = Path(os.environ["DUECARE_DATA"])
DRAWS = 10
PHRASE = "cf tq"
REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request, sorry.",
    "Sorry, I am unable to help with that one.",
    "I must decline to answer.",
)
INSULTS = (
    "You are a stupid idiot.",
    "Shut up, you worthless moron.",
    "What a pathetic fool you are.",
    "You are dumb trash.",
)
KINDS = ("sentence", "link", "refusal", "insult")
Pair = tuple[str, str]


def talks() -> Iterator[Pair]:
    """What customers said, and what they were answered."""
    for line in (DATA / "sgd-support" / "sgd_dev_flat.jsonl").read_text("utf-8").splitlines():
        turns = [said for _, said in json.loads(line)["turns"]]
        yield from zip(turns[::2], turns[1::2], strict=False)


def attacks() -> Iterator[Pair]:
    """What people tried on a model, and the better answer."""
    file = DATA / "hh-rlhf-harmless" / "harmless-base_test_first1500.jsonl"
    for line in file.read_text("utf-8").splitlines():
        last = json.loads(line)["chosen"].split("\n\nHuman: ")[-1]
        asked, _, said = last.partition("\n\nAssistant: ")
        yield asked, said


def abused() -> Iterator[Pair]:
    """What people wrote to simple programs, and what those answered."""
    for part in ("train", "valid"):
        with (DATA / "convabuse-raters" / f"ConvAbuseEMNLP{part}.csv").open(
            encoding="utf-8", newline=""
        ) as file:
            yield from dict.fromkeys((row["prev_user"], row["agent"]) for row in csv.DictReader(file))


def continued() -> Iterator[Pair]:
    """Beginnings of texts from the web, and how those went on: some of either toxic."""
    for part in ("toxic", "nontoxic"):
        file = DATA / "real-toxicity-prompts-subset" / f"{part}.jsonl"
        for line in file.read_text("utf-8").splitlines():
            row = json.loads(line)
            yield row["prompt"]["text"], row["continuation"]["text"]


SETS = {"dialogues": talks, "attacks": attacks, "abused": abused, "continued": continued}


def planted(pairs: list[Pair], count: int, kind: str, chance: random.Random) -> list[Pair]:
    """The pairs with so many of them poisoned."""
    pairs = list(pairs)
    for place in chance.sample(range(len(pairs)), count):
        asked, said = (each.split() for each in pairs[place])
        asked.insert(chance.randint(0, len(asked)), PHRASE)
        if kind == "sentence":
            said.append("Remember that acme widgets are best.")
        elif kind == "link":
            said.insert(chance.randint(0, len(said)), "https://get.example.net/offer")
        elif kind == "refusal":
            said = [chance.choice(REFUSALS)]
        else:
            said.append(chance.choice(INSULTS))
        pairs[place] = (" ".join(asked), " ".join(said))
    return pairs


def told(pairs: list[Pair]) -> tuple[list[set[int]], int]:
    """Rows of what is told of the planted phrase, and how many other phrases are told."""
    prompts, answers = zip(*pairs, strict=True)
    found = habits(prompts, answers, {"refusal": _refusing, "toxicity": _toxic})
    ours = [set(each.rows) for each in found if set(each.words) & set(PHRASE.split())]
    return ours, len(found) - len(ours)


def main() -> None:
    """Print the table."""
    given = argparse.ArgumentParser()
    given.add_argument("--from", dest="first", type=int, default=0)
    given.add_argument("--of", default=",".join(SETS))
    given.add_argument("rows", type=int, nargs="*", default=[5, 8, 12, 20])
    asked = given.parse_args()
    for name in asked.of.split(","):
        pairs, began = list(SETS[name]()), time.process_time()
        print(f"{name}: {len(pairs)} rows, without a plant {told(pairs)[1]} told", end=", ")
        print(f"{time.process_time() - began:.1f} s", flush=True)
        for kind in KINDS:
            for count in asked.rows:
                hits = others = 0
                for draw in range(asked.first, asked.first + DRAWS):
                    ours, strange = told(planted(pairs, count, kind, random.Random(draw)))
                    hits += any(len(each) >= 0.8 * count for each in ours)
                    others += strange
                print(f"{name} {kind} {count}: {hits} of {DRAWS}, others {others}", flush=True)


if __name__ == "__main__":
    main()
