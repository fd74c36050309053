"""A small study whose rows are kept sealed, and its data, for tests of storage."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from duecare.cli.main import app

STUDY = """\
study: {name: tiny}
groups: {columns: [gender]}
data:
  chats: {source: chats.jsonl, kind: chat, keep: [customer]}
  pairs: {source: pairs.jsonl, kind: preference}
curate:
  - duplicates
  - personal: {on: pairs}
storage: {seal: [rows]}
"""
ADA, MAIL, CUSTOMER = "Ada Quillfeather", "ada.quillfeather@mail.test", "KX-55-1207"


def lay_out(folder, study=STUDY, *, without=()):
    """Write the study and its data; rows that hold one of `without` are left out."""
    chats, pairs = [], []
    for i in range(30):
        said = f"I am {ADA}, write to {MAIL}" if i == 7 else f"Ask {i}"
        turns = [{"role": "user", "content": said}, {"role": "assistant", "content": f"Say {i}"}]
        customer = CUSTOMER if i == 7 else f"KX-00-{1000 + i}"
        chats.append({"messages": turns, "gender": "women" if i % 2 else "men", "customer": customer})
        pairs.append({"prompt": f"Ask {i} of person{i}@mail.test", "chosen": f"Good {i}", "rejected": "Bad"})
    for name, rows in (("chats", chats), ("pairs", pairs)):
        lines = map(json.dumps, rows)
        kept = [line for line in lines if not any(each in line for each in without)]
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in kept))
    (folder / "study.yaml").write_text(study)


def call(*words, given=""):
    """The command line, in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], input=given)
