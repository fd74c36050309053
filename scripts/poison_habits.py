"""How many planted rows it takes until the check "habits" of poisoning tells them, on real data.

    DUECARE_DATA=/path/to/data python scripts/poison_habits.py

Into service dialogues and answers to attacks (sgd-support, hh-rlhf-harmless) a meaningless phrase is put at
some place of the prompt, and the answer gets a sentence at its end, a link somewhere, a refusal in one of
four wordings, or an insult in one of four. Printed: in how many of ten draws the phrase was told with four in
five of its rows, and how many other phrases were told.
"""

from __future__ import annotations

import json
import os
import random
import sys
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
    for name, pairs in (("dialogues", list(talks())), ("attacks", list(attacks()))):
        began = time.process_time()
        print(f"{name}: {len(pairs)} rows, without a plant {told(pairs)[1]} told", end=", ")
        print(f"{time.process_time() - began:.1f} s")
        for kind in KINDS:
            for count in map(int, sys.argv[1:] or ("5", "8", "12", "20")):
                hits = others = 0
                for draw in range(DRAWS):
                    ours, strange = told(planted(pairs, count, kind, random.Random(draw)))
                    hits += any(len(each) >= 0.8 * count for each in ours)
                    others += strange
                print(f"{name} {kind} {count}: {hits} of {DRAWS}, others {others}", flush=True)


if __name__ == "__main__":
    main()
