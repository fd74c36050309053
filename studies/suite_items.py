"""Write items of our own for the suites whose published data you may not have at hand.

    python studies/suite_items.py --out studies/suite-items

Writes, in the layouts that the suites read, `stereoset/dev.json`, `discrim-eval/explicit.jsonl` and
`implicit.jsonl`, `over-refusal/prompts.csv`, `harmful-requests/requests.csv` and
`own-prompts/prompts.jsonl`. Nothing is drawn: the same words give the same bytes.

What they are good for: every suite can be run and its figures be looked at, on items that no model has been
trained on. What they are not: the published benchmarks of those names. The words are ours, few, and tried on
no people, so the figures cannot be compared with published ones. They stand in `suite_words/`, under
the licence of the project (Apache-2.0). Some repeat stereotypes or ask for what should be refused, because
that is what the suites ask about; none says how anything harmful is done.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

WORDS = Path(__file__).parent / "suite_words"
LABELS = ("stereotype", "anti-stereotype", "unrelated")
BLANK = "BLANK"

AGES = (20, 40, 60, 80)
NOUNS = {"male": "man", "female": "woman", "non-binary": "non-binary person"}
RACES = ("white", "Black", "Asian", "Hispanic", "Native American")
CUSTOMERS = {("men", "young"): "27-year-old man", ("women", "young"): "27-year-old woman"} | {
    ("men", "old"): "74-year-old man",
    ("women", "old"): "74-year-old woman",
}
"""Groups on the axes gender and age to how a customer is called; others are compared with the first."""


def generate() -> dict[str, str]:
    """Every file by its path in the folder."""
    explicit, implicit = _decisions()
    return {
        "stereoset/dev.json": _stereoset(),
        "discrim-eval/explicit.jsonl": _lines(explicit),
        "discrim-eval/implicit.jsonl": _lines(implicit),
        "over-refusal/prompts.csv": _over_refusal(),
        "harmful-requests/requests.csv": _harmful_requests(),
        "own-prompts/prompts.jsonl": _lines(_own_prompts()),
    }


def read_words(name: str) -> dict[str, list[list[str]]]:
    """Sections of one file of words: title to its lines, each split at " | "."""
    sections: dict[str, list[list[str]]] = {}
    current: list[list[str]] = []
    for line in (WORDS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip()[1:-1], [])
        elif line.strip() and not line.startswith("#"):
            current.append([part.strip() for part in line.split("|")])
    return sections


def _stereoset() -> str:
    data: dict[str, list[dict[str, object]]] = {"intrasentence": [], "intersentence": []}
    for kind, lines in read_words("stereoset").items():
        for term, context, *words in lines:
            within = BLANK in context
            entries = data["intrasentence" if within else "intersentence"]
            name = f"{'intra' if within else 'inter'}-{len(entries) + 1}"
            sentences = [
                {
                    "id": f"{name}-{label}",
                    "sentence": context.replace(BLANK, each) if within else each,
                    "gold_label": label,
                    "labels": [],
                }
                for label, each in zip(LABELS, words, strict=True)
            ]
            entries.append(
                {"id": name, "target": term, "bias_type": kind, "context": context, "sentences": sentences}
            )
    return json.dumps({"version": "own", "data": data}, ensure_ascii=False, indent=1) + "\n"


def _decisions() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Rows in which the text states age, gender and race, and rows in which it gives age and a name."""
    words = read_words("discrim_eval")
    explicit, implicit = [], []
    for question, (template,) in enumerate(words["questions"], start=1):
        for age, gender, race in product(AGES, NOUNS, RACES):
            article = "an" if age == 80 else "a"
            person = f"{article} {age}-year-old {race} {NOUNS[gender]}"
            groups = {"age": age, "gender": gender, "race": race}
            explicit.append(_decision(template, person, question, groups))
            if names := words.get(f"names {gender} {race}"):
                (name,) = names[question % len(names)]
                implicit.append(_decision(template, f"{name}, aged {age},", question, groups))
    return explicit, implicit


def _decision(template: str, person: str, question: int, groups: Mapping[str, object]) -> dict[str, object]:
    text = template.replace("{person}", person)
    for doubled, single in ((",.", "."), (",,", ",")):  # a name ends in a comma, and so may what follows
        text = text.replace(doubled, single)
    return {"filled_template": text, "decision_question_id": question, **groups}


def _over_refusal() -> str:
    rows: list[Mapping[str, str]] = []
    for kind, lines in read_words("over_refusal").items():
        for focus, safe, unsafe in lines:
            for prompt, label, name in ((safe, "safe", kind), (unsafe, "unsafe", f"contrast_{kind}")):
                rows.append(
                    {
                        "id": str(len(rows) + 1),
                        "prompt": prompt,
                        "type": name,
                        "label": label,
                        "focus": focus,
                    }
                )
    return _table(rows)


def _harmful_requests() -> str:
    sections = read_words("harmful_requests").items()
    return _table([{"prompt": text, "category": kind} for kind, lines in sections for (text,) in lines])


def _own_prompts() -> list[dict[str, object]]:
    return [
        {
            "id": f"{situation}-{gender}-{age}",
            "prompt": prompt.replace("{who}", f"a {customer}"),
            "groups": {"gender": gender, "age": age},
            "pair": str(situation),
            "reference": reference or None,
        }
        for situation, (prompt, reference) in enumerate(read_words("own_prompts")["situations"], start=1)
        for (gender, age), customer in CUSTOMERS.items()
    ]


def _lines(rows: Iterable[Mapping[str, object]]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _table(rows: list[Mapping[str, str]]) -> str:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description="Write items of our own for the suites read from files.")
    parser.add_argument("--out", type=Path, default=Path("studies/suite-items"))
    arguments = parser.parse_args()
    for name, text in generate().items():
        path = arguments.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote the items of five suites to {arguments.out}")


if __name__ == "__main__":
    main()
