"""A run whose study lists people, and what they sign about it, for the tests of this folder."""

from __future__ import annotations

import contextlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from small_run import KEY, RUN_ID, SOFTWARE, key_of, open_run

from duecare.core import FAIL, Finding, Note
from duecare.core.wire import encode
from duecare.ledger import key_of_step, scratch_folder, value_digest, verify
from duecare.ledger.bundle import verifier, write_bundle
from duecare.ledger.chain import leaf_hash
from duecare.ledger.duties import Account, account
from duecare.ledger.log import parse_line, read_log
from duecare.ledger.outside.program import verifier_main
from duecare.ledger.people import Listing, Person, Rules
from duecare.ledger.record import Recorder
from duecare.ledger.sign import Key
from duecare.ledger.statement import SIGNED, Statement, sign_statement

NOW = datetime(2030, 2, 1, tzinfo=UTC)
KEYS = {
    name: key_of(number)
    for number, name in enumerate(("li", "noor", "dana", "rei", "wren", "ada", "kim"), 11)
}
ROLES = {
    "li": ("owner",),
    "noor": ("data-steward",),
    "dana": ("trainer",),
    "rei": ("reviewer",),
    "wren": ("ethics",),
    "ada": ("approver",),
    "kim": ("deployer",),
}
GATE = "gate.toxicity.gap"
FAILED_GATE = Finding(
    name=GATE, verdict=FAIL, limit="at most 0.1", detail="The gap is 0.2.", next="Train on.", gate=True
)


def people(**changed: Any) -> dict[str, Person]:
    """Everybody; the trainer's machine records."""
    found = {
        name: Person(
            roles=ROLES[name],  # type: ignore[arg-type]
            key=KEYS[name].public,
            records=KEY.public if name == "dana" else "",
        )
        for name in ROLES
    }
    return found | changed


def listing(rules: Rules | None = None, **changed: Any) -> Listing:
    return Listing(people(**changed), rules or Rules())


def start(
    recorder: Recorder, listed: Listing | None, jobs: tuple[str, ...] = ("read", "sft", "gate")
) -> None:
    plan = Note(topic="plan", text="", data={"plan": encode(list(jobs)).decode(), "standing": "[]"})
    settings = {"study": {"name": "answered"}, **(listed.plain() if listed else {})}
    recorder.append("run.started", settings=settings, software=SOFTWARE, note=plan)


def step(recorder: Recorder, run: Path, job: str, stage: str, data: bytes, *findings: Finding) -> None:
    settings = {"job": job, "data": data.decode()}
    key = key_of_step(f"duecare.{stage}.{job}", value_digest(settings), 0, {}, SOFTWARE["duecare"])
    scratch = scratch_folder(run, job, key)
    scratch.mkdir(parents=True)
    (scratch / "file").write_bytes(data)
    made = recorder.publish(scratch, job, key)
    recorder.append(
        "step.finished",
        job=job,
        step=f"duecare.{stage}.{job}",
        step_key=key,
        settings=settings,
        seed=0,
        software=SOFTWARE,
        outputs={made.path.relative_to(run).as_posix(): made.digest},
        findings=findings,
    )


def work(recorder: Recorder, run: Path, *findings: Finding, data: bytes = b"one") -> None:
    step(recorder, run, "read", "curate", data)
    step(recorder, run, "sft", "train", data)
    step(recorder, run, "gate", "evaluate", data, *findings)
    recorder.append("run.finished", note=Note(topic="verdict", text="done"))


def make(run: Path, *findings: Finding, listed: Listing | None = None, key: Key = KEY) -> Path:
    """A finished run whose study lists people; nobody has signed anything."""
    with open_run(run, key, run_id=RUN_ID) as recorder:
        start(recorder, listed if listed is not None else listing())
        work(recorder, run, *findings)
    return run


def known(run: Path) -> Account:
    head, lines, _ = read_log(run / "ledger")
    return account(
        [parse_line(line) for line in lines], [leaf_hash(line) for line in lines], head.run, head.key
    )


def draft(run: Path, act: str, name: str, **said: Any) -> Statement:
    head, found = read_log(run / "ledger")[0], known(run)
    given = {
        "run": head.run,
        "size": head.size,
        "root": head.root,
        "role": ROLES[name][0],
        "time": "2030-01-02T00:00:00+00:00",
    }
    if act == "people":
        listed = found.proposed if found.pending is not None else found.listed.listing  # type: ignore[union-attr]
        place = found.pending if found.pending is not None else found.listed.entry  # type: ignore[union-attr]
        given |= {"of": place, "subject": listed.digest if listed else ""}
    if act == "approve":
        given["subject"] = found.subject(said["about"])
    if act == "release":
        given["subject"] = found.subject("release")
    if act in ("entry", "answer"):
        given["subject"] = found.leaf(said["of"]) or ""
    if act == "waive":
        gate = next(each for each in found.standing().gates if each.name == GATE)
        given |= {"about": GATE, "subject": value_digest(gate), "expires": "2030-03-01T00:00:00+00:00"}
        given["text"] = "A known weakness, stated on the card."
    return Statement(act=act, person=name, **given | said)  # type: ignore[arg-type]


def put(run: Path, statement: Statement, key: Key | None = None) -> int:
    """Enter a statement without asking whether it may stand, as somebody with the recorder's key can."""
    signed = sign_statement(statement, key or KEYS[statement.person])
    with open_run(run) as recorder:
        return recorder.append(SIGNED, note=signed.note()).index


def say(run: Path, act: str, name: str, **said: Any) -> int:
    return put(run, draft(run, act, name, **said))


def approve_all(run: Path) -> Path:
    """Everything that the usual rules ask for, but the release itself."""
    say(run, "people", "li")
    for matter, name in (("data", "noor"), ("training", "ada"), ("evaluation", "rei"), ("release", "ada")):
        say(run, "approve", name, about=matter)
    return run


def of_people(run: Path, now: datetime = NOW) -> dict[str, list[tuple[str, str]]]:
    """Verdict and detail of every finding about people, by the last part of its name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in verify(run, now=now):
        if finding.name.startswith("verify.people."):
            found.setdefault(finding.name.rpartition(".")[2], []).append((finding.verdict, finding.detail))
    return found


def faults(run: Path, now: datetime = NOW) -> str:
    """What fails about people, in one text."""
    return "\n".join(
        detail for said in of_people(run, now).values() for verdict, detail in said if verdict == FAIL
    )


def outsider(run: Path, folder: Path) -> tuple[int, str]:
    """What the program for outsiders says of a bundle of the run: its code and its words."""
    path, out = folder / "bundle.tar", io.StringIO()
    write_bundle(run, path)
    with contextlib.redirect_stdout(out):
        code = verifier_main([str(path), "--key", KEY.public], verifier())
    return code, out.getvalue()
