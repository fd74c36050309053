"""The study file that `duecare init` writes: small, whole, and explained."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from duecare.core import DataError

_TEMPLATE = """\
# A study: one file says what goes in, what is done, and what must hold. `duecare check {file}` reads it and
# tells every mistake with its line; `duecare run {file}` does it. Paths are relative to this file.

study:
  name: {name}              # the run lies in runs/{name}
  purpose: "say what the model is for"
  owner: "say who answers for it"
  # about:                  # for model card and other documents, where what is not answered is missing
  #   users: "who is meant to use it"
  #   not_for: "what it must not be used for"

# people:                   # who may sign what, each with a key (`duecare people keygen NAME`)
#   li: {{roles: [owner, deployer], key: ...}}

model: {{base: smollm2-135m-instruct}}   # a name from `duecare models`, a folder, a hub id, or a .gguf file

groups:
  columns: []               # columns of your data that declare a group, for example [gender, age_band]
  mentions: [gender]        # groups looked for in the texts themselves

data:                       # one source or several; each is curated on its own
  {source}:
{keys}

curate:                     # in this order; the audit comes first and the split last, by themselves
{toxicity}
  - duplicates              # keep one of each
  # - balance: {{by: gender, to: population.csv}}   # let groups count as in the population
  - personal                # replace names, addresses, account numbers and the like

train:
{train}

evaluate:                   # base and tuned model side by side
  suites: [toxicity-by-group, twins, heldout]
  axes: [gender]
  samples: 4

# explain:                  # why they answer so, with tests of whether that is true of the model
#   - words: {{axes: [gender]}}   # which words of a prompt an answer rests on; some minutes a model

# memorise:                 # what the model kept of its rows; needs `- canaries` at the end of curate
#   - canaries              # made-up secrets: do they come back?

gates:                      # conditions of release: pass, fail, or insufficient evidence
  - {{metric: twins.gap, between: [-0.1, 0.1]}}
  - {{metric: heldout.perplexity.change, at_most: 0}}
  # - {{metric: disparate_impact_ratio, of: toxicity, between: [0.8, 1.25]}}   # needs thousands of answers

seed: 0                     # the same study and seed give the same results
"""

_EXAMPLE = """\
    source: chats.jsonl     # CSV, TSV, JSONL or Parquet; $VARIABLES are put in
    kind: chat              # chat (a list of turns), text, or preference (prompt, chosen, rejected)
    text: messages          # the column with the turns"""
_SCREEN = "  - toxicity: {limit: 0.5}  # set aside rows that the detector scores at this or above"
_NO_SCREEN = "  # - toxicity: {limit: 0.5}  # not here: rejected answers are often toxic on purpose"
_SFT = """\
  - sft: {{on: {source}, steps: 60, lora_rank: 8}}
  # - dpo: {{on: pairs, beta: 0.1, steps: 20}}      # needs a source of kind preference"""
_DPO = "  - dpo: {{on: {source}, beta: 0.1, steps: 20}}"
_ANSWERS = ("answer", "response", "completion", "output")
_PROMPTS = ("prompt", "question", "instruction", "input")


def starter(path: Path, data: Path | None = None) -> str:
    """The text of a study at `path`; with `data` it names that file and what its columns look like.

    Raises DataError where `data` cannot be read.
    """
    name = _word(path.stem)
    source, keys, kind = "chats", _EXAMPLE, "chat"
    if data is not None:
        source, (kind, keys) = _word(data.name.partition(".")[0]), _keys(path, data)
    train = (_DPO if kind == "preference" else _SFT).format(source=source)
    return _TEMPLATE.format(
        file=path,
        name="my-study" if name == "study" else name,
        source=source,
        keys=keys,
        toxicity=_NO_SCREEN if kind == "preference" else _SCREEN,
        train=train,
    )


def _word(text: str) -> str:
    """A file name as the name of a study or a source."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:60] or "data"


def _keys(path: Path, data: Path) -> tuple[str, str]:
    """The kind of rows that a file seems to hold, and its lines in the study."""
    columns = _columns(data)
    kind, named = _guess(columns)
    lines = [f'source: "{os.path.relpath(data, path.parent)}"', f"kind: {kind}", *named]
    lines.append(f"# its columns: {', '.join(columns)}")
    return kind, "\n".join(f"    {line}" for line in lines)


def _columns(data: Path) -> tuple[str, ...]:
    """The columns of a file, from its header or its first records."""
    from duecare.curate.formats import files, opened

    if not data.exists():
        raise DataError(f"{data} is not there")
    with opened(files(str(data))[0]) as found:
        if found.columns is not None:
            return tuple(found.columns)
        seen: dict[str, None] = {}
        for record in islice(found.records, 100):
            if isinstance(record.value, dict):
                seen.update(dict.fromkeys(map(str, record.value)))
    return tuple(seen)


def _guess(columns: Sequence[str]) -> tuple[str, list[str]]:
    """What kind of rows have such columns, and the keys that say which column is what."""
    if {"chosen", "rejected"} <= set(columns):
        return "preference", []
    if "messages" in columns:
        return "chat", ["text: messages          # the column with the turns"]
    prompt = next((each for each in _PROMPTS if each in columns), None)
    answer = next((each for each in _ANSWERS if each in columns), None)
    if prompt and answer:
        return "chat", [f"prompt: {prompt}", f"answer: {answer}"]
    if "text" in columns:
        return "text", []
    first = columns[0] if columns else "text"
    return "text", [f'text: "{first}"  # a guess: name the column that holds the text']
