"""Write the tables of docs/study-file.md from the step classes; with --check say whether they are as written.

Each class says in its docstring what its fields mean ("- steps, batch_size: ..."), its annotations what may
stand there. So the reference cannot tell anything else than the code.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Iterable
from inspect import cleandoc
from pathlib import Path
from typing import Any

from duecare.cli.form import Field, fields
from duecare.cli.reading import About, Watch
from duecare.cli.steps import KINDS, Kind
from duecare.cli.study import Groups
from duecare.core.about import SYSTEM
from duecare.evaluate.limit import GateSpec
from duecare.ledger.people import Approvals, Person, Rules
from duecare.memorise.limits import MemoriseLimits
from duecare.memorise.records import RecordLimits
from duecare.reward.limits import AuditLimits
from duecare.train.adversary import Adversary
from duecare.train.debias import Debias
from duecare.train.drift import Drift
from duecare.train.heads import Robust
from duecare.train.influence import Influence
from duecare.train.limits import Limits
from duecare.train.probing import Probes
from duecare.train.robust import GroupDro, Pairing
from duecare.train.sampled import Sampled
from duecare.vault.storage import CommandKey, FileKey, Storage

PAGE = Path(__file__).parent.parent / "docs" / "study-file.md"
_BLOCK = re.compile(r"<!-- begin ([\w-]+) -->\n.*?<!-- end \1 -->", re.S)


def meanings(cls: type[Any]) -> dict[str, str]:
    """Field name -> what the class's docstring says of it."""
    text = cleandoc(cls.__doc__ or "")
    found: dict[str, str] = {}
    for item in re.split(r"\n- ", text)[1:]:
        flowing = " ".join(item.split("\n\n")[0].split())
        for piece in re.split(r"; (?=[a-z_, ]+: )", flowing):
            names, _, meaning = piece.partition(": ")
            for name in names.split(","):
                found[name.strip()] = meaning
    return found


def about(cls: type[Any]) -> str:
    """The prose of a class's docstring, without its list of fields."""
    text = cleandoc(cls.__doc__ or "").split("\n- ")[0]
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def default(field: Field) -> str:
    """A default as a study would write it."""
    if field.required:
        return "(must be given)"
    value = field.default
    if value is None or value == "":
        return "none"
    if isinstance(value, tuple | list):
        return f"`{_listed(value)}`" if value else "none"
    if field.key == "approvals":
        return "as below"
    if isinstance(value, dict) or dataclasses.is_dataclass(value):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _listed(value: object) -> str:
    """A list as a study would write it, lists in it included."""
    return f"[{', '.join(map(_listed, value))}]" if isinstance(value, tuple | list) else str(value)


def table(cls: type[Any], known: Iterable[Field]) -> str:
    """The keys of one class as a Markdown table."""
    said = meanings(cls)
    speed = {each.name for each in dataclasses.fields(cls) if each.metadata.get("speed")}
    rows = ["| key | what may stand there | default | meaning |", "|---|---|---|---|"]
    for field in known:
        meaning = said.get(field.name, "")
        if field.name in speed:
            meaning = f"{meaning} (speed only)" if meaning else "changes the speed only"
        cells = [f"`{field.key}`", field.expected, default(field), meaning]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def block(kind: Kind) -> str:
    """What stands in the page about one kind of step."""
    cls = kind.load()
    if kind.name == "gate":
        return f"{about(cls)}\n\n{table(GateSpec, fields(GateSpec))}"
    extra = ""
    if kind.on_is_ours:
        extra = "\n| `on` | a source, or a list of sources | all sources | which rows go through it |"
    return f"{about(cls)}\n\n{table(cls, kind.settings())}{extra}"


def blocks() -> dict[str, str]:
    """Every generated block of the page by name."""
    made = {kind.name: block(kind) for kind in KINDS}
    made |= {name: table(cls, fields(cls)) for name, cls in PLAIN.items()}
    made["study-about"] = _answers()
    return made


def _answers() -> str:
    """The questions about the system as a whole."""
    rows = [f"| `{key}` | {question} |" for key, (_, question) in SYSTEM.items()]
    return "\n".join(["| key | what it answers |", "|---|---|", *rows])


PLAIN: dict[str, type[Any]] = {
    "study": About,
    "people": Person,
    "rules": Rules,
    "approvals": Approvals,
    "groups": Groups,
    "watch": Watch,
    "limits": Limits,
    "probes": Probes,
    "sampled": Sampled,
    "debias": Debias,
    "groupdro": GroupDro,
    "pairing": Pairing,
    "adversary": Adversary,
    "influence": Influence,
    "storage": Storage,
    "filekey": FileKey,
    "commandkey": CommandKey,
    "drift": Drift,
    "robust": Robust,
    "audit-limits": AuditLimits,
    "memorise-limits": MemoriseLimits,
    "record-limits": RecordLimits,
}


def renewed(page: str) -> str:
    """The page with every block made anew."""
    made = blocks()

    def block_of(found: re.Match[str]) -> str:
        return f"<!-- begin {found[1]} -->\n{made[found[1]]}\n<!-- end {found[1]} -->"

    return _BLOCK.sub(block_of, page)


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Renew the tables of docs/study-file.md.")
    parser.add_argument("--check", action="store_true")
    page = PAGE.read_text("utf-8")
    if not parser.parse_args().check:
        PAGE.write_text(renewed(page), "utf-8")
    elif renewed(page) != page:
        sys.exit("docs/study-file.md is not what the classes say: run scripts/study_reference.py")


if __name__ == "__main__":
    main()
