"""Measure the detectors of personal data, identity, stereotypes and refusals, and write their cards.

    python scripts/detector_cards.py $DUECARE_DATA DEMO [CARD ...]

DEMO is a folder written by `python studies/demo_data.py --out DEMO --seed 99`. None of the texts was
used to write the rules except that the rules were improved after looking at the same generator's
seed 7, which the cards say.
"""

from __future__ import annotations

# ruff: noqa: E501 - prose of the cards, and one table
import csv
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from personal_card import names_measured, on_nobody
from toxicity_card import wilson
from toxicity_sources import abcd, banking77, cfpb, self_instruct

from duecare.core.wire import encode
from duecare.detect.card import Card, Measured
from duecare.detect.identity import Identity
from duecare.detect.personal import find_personal
from duecare.detect.refusal import refuses
from duecare.detect.spans import Span
from duecare.detect.stereotype import find_stereotypes

Finder = Callable[[str], list[Span]]
PACKAGE = Path(__file__).parent.parent / "src/duecare/detect"
DEMO = "duecare demonstration data, seed 99"
DEMO_PART = (
    "generated, any overlap counts; rules were written after reading misses on seed 7, whose phrases recur"
)
SYNTH = "presidio-research generated_large"
TYPES = {
    "PERSON": "PERSON", "PHONE_NUMBER": "PHONE", "EMAIL_ADDRESS": "EMAIL", "CREDIT_CARD": "CARD", "US_SSN": "SSN",
    "IBAN_CODE": "IBAN", "IBAN": "IBAN", "IP_ADDRESS": "IP", "STREET_ADDRESS": "ADDRESS",
}  # fmt: skip


def main(data: Path, demo: Path, *names: str) -> None:
    """Write the four cards, or those named."""
    cards = {
        "personal": lambda: personal_card(data, demo),
        "identity": lambda: identity_card(data),
        "stereotype": lambda: stereotype_card(data, demo),
        "refusal": lambda: refusal_card(data),
    }
    for name in names or cards:
        write(cards[name]())


def personal_card(data: Path, demo: Path) -> Card:
    """Measured on synthetic sentences, first names by group, tweets, the demonstration data and calm talk."""
    return Card(
        name="personal",
        version="4",
        kind="span",
        what="Where personal data stands in a text: names of people, postal addresses, and everything with a form of "
        "its own, such as telephone, card and account numbers, e-mail addresses and national numbers; on request "
        "also places, organisations, dates, ages, titles, nationalities. Patterns with check digits and words "
        "that name them; names by a linear-chain conditional random field with lists of names.",
        measured_on=(
            *names_measured(data),
            *on_synth(data),
            *on_demo(demo, "personal", find_personal),
            *on_nobody(data),
        ),
        limits=(
            "English first; addresses of the US, the UK and some of Europe; numbers of some forty countries.",
            "In small letters and without context a name is often missed, and a word that is also a name may be "
            "taken for one; recall differs between groups, see the figures by group of names.",
            "Places, employers, health and other things that single out a person together are not looked for unless asked.",
        ),
        not_for=(
            "Calling data anonymous.",
            "Removing data that a law asks to be removed, without a check.",
        ),
        licence="Apache-2.0",
        attribution=(
            "Persons, places and organisations in noisy text: training part of WNUT17 (Derczynski et al. 2017), CC-BY-4.0.",
            "Talk that names nobody, and into which names were put: Banking77 (Casanueva et al. 2020), CC-BY-4.0; "
            "Self-Instruct seed tasks (Wang et al. 2022), Apache-2.0; harmless-base of hh-rlhf (Bai et al. 2022), MIT; "
            "consumer complaints of the US Consumer Financial Protection Bureau, public domain.",
            "First names: US Census 1990 and New York City birth records, public domain; Tzioumis 2018, CC0. "
            "Last names: US Census 2010, public domain.",
            "Sentences and other lists: our own.",
        ),
        files=digests("weights/names.npz", "words/listed_names.json", "words/identity.json"),
    )


def identity_card(data: Path) -> Card:
    """Measured on the identity terms of the Jigsaw templates, and on talk that hardly names groups."""
    return Card(
        name="identity",
        version="1",
        kind="span",
        what="Words that name a group of people, by axis and group: gender, religion, age, race, disability, "
        "orientation, nationality. Whole words of a list; colours and ages of things count beside people only.",
        measured_on=tuple(on_terms(data)),
        limits=(
            "English; the list is finite, slurs are left out on purpose.",
            "A mention says what a text talks about, not who wrote it.",
            "Words with two meanings (polish, native, straight) are told apart by their neighbours only.",
        ),
        not_for=("Telling a person's group.", "Deciding about a person."),
        licence="Apache-2.0",
        files=digests("words/identity.json"),
    )


def stereotype_card(data: Path, demo: Path) -> Card:
    """Measured on the demonstration data, CrowS-Pairs and customers' questions."""
    return Card(
        name="stereotype",
        version="2",
        kind="span",
        what="Statements that give a whole group a trait, a role or a limit, jobs with a gender where only the job "
        "matters, and requests that take such a thing for granted. Rules on how the sentence is built.",
        measured_on=(
            *on_demo(demo, "stereotype", find_stereotypes),
            *on_crows(data),
            *on_calm(data, lambda text: bool(find_stereotypes(text))),
        ),
        limits=(
            "English; chiefly gender and age, other axes by a few shapes of sentence.",
            "A stereotype told as a story about one person is mostly missed: see the figures on CrowS-Pairs.",
            "A quotation or a denial may be taken for the statement itself.",
        ),
        not_for=("Calling a text free of bias.", "Deciding about its author."),
        licence="Apache-2.0",
        files=digests("words/identity.json"),
    )


def refusal_card(data: Path) -> Card:
    """Measured on answers that do not refuse; recall has no labelled source."""
    return Card(
        name="refusal",
        version="1",
        kind="score",
        what="1 where the first three sentences of an assistant's answer decline the request, else 0.",
        measured_on=tuple(on_calm(data, refuses, answers_only=True)),
        limits=(
            "English; goes by wording.",
            "Its recall was not measured: no labelled source with a fit licence was at hand.",
            "An evasive answer that never says no scores 0; an agent's honest 'I cannot do that today' scores 1.",
        ),
        not_for=("Saying whether a refusal was right.",),
        licence="Apache-2.0",
    )


def on_synth(data: Path) -> Iterable[Measured]:
    """Recall by type: the share of labelled places that a span of any label covers at least half."""
    rows = json.loads((data / "presidio-synth" / "generated_large.json").read_text(encoding="utf-8"))
    hit, of = Counter[str](), Counter[str]()
    found, right = 0, 0
    for row in rows:
        spans = find_personal(row["full_text"])
        gold = [(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"]]
        found += len(spans)
        right += sum(any(start < s.end and s.start < end for start, end, _ in gold) for s in spans)
        for start, end, kind in gold:
            if kind in TYPES:
                label = TYPES[kind]
                of[label] += 1
                covered = max((min(end, s.end) - max(start, s.start) for s in spans), default=0)
                hit[label] += 2 * covered >= end - start
    yield line(SYNTH, "all, a test only; any labelled place of any type counts", "precision", right, found)
    for label in sorted(of):
        yield line(SYNTH, f"{label}, a test only", "recall", hit[label], of[label])


def on_demo(demo: Path, kind: str, find: Finder) -> Iterable[Measured]:
    """Recall of planted places and precision of spans, by any overlap."""
    planted = [json.loads(row) for row in (demo / "planted.jsonl").read_text(encoding="utf-8").splitlines()]
    gold: dict[tuple[str, str], list[tuple[int, int, str]]] = defaultdict(list)
    for item in planted:
        if item["kind"] == kind:
            gold[item["row"], item["part"]].append((item["start"], item["end"], item["type"]))
    hit, of, found, right = 0, 0, 0, 0
    for address, text in demo_texts(demo):
        places, spans = gold.get(address, []), find(text)
        of += len(places)
        hit += sum(any(s.start < end and start < s.end for s in spans) for start, end, _ in places)
        found += len(spans)
        right += sum(any(s.start < end and start < s.end for start, end, _ in places) for s in spans)
    yield line(DEMO, DEMO_PART, "recall", hit, of)
    yield line(DEMO, DEMO_PART, "precision", right, found)


def demo_texts(demo: Path) -> Iterable[tuple[tuple[str, str], str]]:
    """Every message of chats.jsonl with its address; lines that are not as they should be are left out."""
    for number, raw in enumerate((demo / "chats.jsonl").read_text(encoding="utf-8").splitlines()):
        try:
            row = json.loads(raw)
        except ValueError:
            continue
        messages = row.get("messages") if isinstance(row, dict) else None
        for place, message in enumerate(messages if isinstance(messages, list) else ()):
            if isinstance(message, dict) and isinstance(message.get("content"), str):
                yield (f"chats:{number}", f"messages.{place}"), message["content"]


def on_crows(data: Path) -> Iterable[Measured]:
    """CrowS-Pairs: share of the stereotyping sentences, and of their twins, that are pointed at."""
    with (data / "crows-pairs" / "crows_pairs_anonymized.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["stereo_antistereo"] == "stereo"]
    for kind in sorted({row["bias_type"] for row in rows}):
        chosen = [row["sent_more"] for row in rows if row["bias_type"] == kind]
        yield line(
            "CrowS-Pairs, a test only",
            kind,
            "recall",
            sum(map(bool, map(find_stereotypes, chosen))),
            len(chosen),
        )


def on_calm(data: Path, says: Callable[[str], bool], answers_only: bool = False) -> Iterable[Measured]:
    """Share of harmless texts that are pointed at."""
    sources = {"Self-Instruct, sentences": self_instruct, "ABCD dialogues": abcd}
    if not answers_only:
        sources |= {"Banking77": banking77, "CFPB complaints, sentences": cfpb}
    for name, read in sources.items():
        texts = [row.text for row in read(data)]
        yield line(name, "all", "share pointed at", sum(map(says, texts)), len(texts))


def on_terms(data: Path) -> Iterable[Measured]:
    """Recall on the terms of "I am X", and mentions in questions to a bank, which should be few."""
    with (data / "jigsaw-sentence-templates" / "intersectional_madlibs.csv").open(encoding="utf-8") as file:
        phrases = {row["phrase"] for row in csv.DictReader(file) if row["template"] == "am_identity"}
    find = Identity().mentions
    yield line(
        "Jigsaw identity terms", '"I am X"', "recall", sum(bool(find(p)) for p in phrases), len(phrases)
    )
    texts = [row.text for row in banking77(data)]
    yield line("Banking77", "all", "share pointed at", sum(bool(find(text)) for text in texts), len(texts))


def line(data: str, part: str, metric: str, hit: int, of: int) -> Measured:
    """A share with its Wilson interval."""
    value, low, high = (round(number, 4) for number in wilson(hit, of))
    return Measured(
        data=data, part=part, metric=metric, value=value, low=low, high=high, n=of, method="Wilson"
    )


def digests(*files: str) -> dict[str, str]:
    """SHA-256 of files of the package."""
    return {file: hashlib.sha256((PACKAGE / file).read_bytes()).hexdigest() for file in files}


def write(card: Card) -> None:
    """Put a card where the package ships it."""
    (PACKAGE / "cards" / f"{card.name}.json").write_bytes(encode(card) + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
