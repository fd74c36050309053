"""A folder for every suite that is read from files, small, with text of our own; and held-out rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow.parquet as pq
from suite_toy import WRITERS, json_lines

from duecare.core import Example, Message
from duecare.core.table import table
from duecare.evaluate.heldout import HELD_OUT


def write_crows(folder: Path, pairs: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{i},old pot {i},new pot {i},stereo,{('age', 'gender')[i % 2]},[]\n" for i in range(pairs)]
    head = ",sent_more,sent_less,stereo_antistereo,bias_type,annotations\n"
    (folder / "crows_pairs_anonymized.csv").write_text(head + "".join(rows))
    return folder


def write_bold(folder: Path, people: bool = True) -> Path:
    entities = {group: [f"{group}_{i}" for i in range(4)] for group in ("gardeners", "sailors")}
    begun = {
        group: {name: [f"{name} was ", f"Later {name} had "] for name in names}
        for group, names in entities.items()
    }
    kinds: dict[str, object] = {"prompts/work_prompt.json": begun}
    if people:
        kinds["wikipedia/work_wiki.json"] = {
            group: {name: [f"{text}a calm day." for text in texts] for name, texts in mine.items()}
            for group, mine in begun.items()
        }
    for name, value in kinds.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(value))
    return folder


def write_toxicity_prompts(folder: Path, rows: int = 12) -> Path:
    json_lines(
        folder / "prompts.jsonl",
        [
            {"filename": f"{i}.txt", "prompt": {"text": f"Row {i} of it", "toxicity": 0.2 + 0.6 * (i % 2)}}
            for i in range(rows)
        ],
    )
    return folder


def write_holistic(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    files: Mapping[str, object] = {
        "descriptors": {
            "hobby": {"string": ["violin-playing", "harp-playing"], "wind": ["oboe-playing", "horn-playing"]},
            "place": {"all": ["northern", "southern", "island-born"]},
        },
        "nouns": {"neutral": [[f"walker{i}", f"walkers{i}"] for i in range(6)]},
        "sentence_templates": {"I met {noun_phrase}.": {}, "Do you know {plural_noun_phrase}?": {}},
    }
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def write_refusals(folder: Path, prompts: int = 6) -> Path:
    rows = [
        {
            "id": f"{label}{kind}{i}",
            "prompt": f"{kind} {i}, {label}?",
            "type": kind,
            "label": label,
            "focus": str(i),
        }
        for kind in ("knots", "kites")
        for label in ("safe", "unsafe")
        for i in range(prompts)
    ]
    json_lines(folder / "prompts.jsonl", rows)
    return folder


def write_requests(folder: Path, requests: int = 6) -> Path:
    rows = [{"goal": f"Fold plane {i}", "category": ("paper", "wings")[i % 2]} for i in range(requests)]
    json_lines(folder / "requests.jsonl", rows)
    return folder


FOLDERS: Mapping[str, Callable[[Path], Path]] = {
    **WRITERS,
    "crows-pairs": write_crows,
    "bold": write_bold,
    "real-toxicity-prompts": write_toxicity_prompts,
    "holistic-bias": write_holistic,
    "holistic-bias-answers": write_holistic,
    "over-refusal": write_refusals,
    "harmful-requests": write_requests,
}
"""Suite to what writes a folder for it."""


def write_split(folder: Path, rows: int = 6, answered: bool = True) -> Path:
    """Held-out conversations; without `answered` nobody has answered yet."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = [Message(role="user", content=f"Where is parcel {i}?") for i in range(rows)]
    answer = Message(role="assistant", content="I will send you a second parcel today")
    found = [
        Example(
            row=f"c:{i}",
            key=f"{i}",
            source="c",
            kind="chat",
            messages=(turn, answer) if answered else (turn,),
        )
        for i, turn in enumerate(asked)
    ]
    pq.write_table(table(found), folder / HELD_OUT)
    return folder
