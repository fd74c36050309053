"""A release: what has to hold, attestations, the signature, the bundle, and the note that it was made.

Each step looks whether it is done, so that a call that was killed is completed by the next: attestations are
signed before the release, which names their entry; the statement is entered once, the report is written anew,
the bundle appears in one move, and the last entry names its digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.markup import escape

from duecare.cli import signing
from duecare.cli.attesting import attest, put_right
from duecare.cli.main import FAILED, OK
from duecare.cli.reviewing import recording
from duecare.cli.run import now, write_report
from duecare.cli.show import console, run_folder
from duecare.cli.show_people import By, settled
from duecare.cli.show_proofs import sign_head
from duecare.cli.show_run import known_of, reporter_of
from duecare.cli.terminal import size
from duecare.core import FAIL, PASS, Note
from duecare.ledger.attestation import MODEL, models, way_back
from duecare.ledger.attested import ATTESTED, last_attested, told_by
from duecare.ledger.bundle import write_bundle
from duecare.ledger.checkpoint import CHECKPOINT
from duecare.ledger.digest import file_digest
from duecare.ledger.durable import PENDING
from duecare.ledger.duties import Said, missing
from duecare.ledger.entry import Entry
from duecare.ledger.forget_duty import NAME as FORGOTTEN
from duecare.ledger.inspect_people import about_people
from duecare.ledger.layout import LEDGER, REPORT, SCRATCH
from duecare.ledger.manifest import check
from duecare.ledger.provenance import REFERENCE, referring
from duecare.ledger.read import entries, head
from duecare.ledger.standing import standing
from duecare.ledger.statement import Statement
from duecare.ledger.verify import verify
from duecare.report.words import plural
from duecare.vault.memory import sealed_files

RELEASED: Final = "released"
_OF_OTHERS = ("verify.anchor", "verify.witness")
"""What only somebody else can settle: no reason not to release."""
_OF_RELEASE = "verify.attested"
"""What a release makes anew where it does not hold."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where the bundle goes (None: <run>-release.tar), further jobs whose files go along, the job whose model
    it is (None: the last), and whether that model's files go along."""

    out: Path | None = None
    jobs: Sequence[str] = ()
    model: str | None = None
    weights: bool = True


def show_release(given: Path | None, by: By, wanted: Wanted, text: str) -> int:
    """Release a run, or say all that is missing."""
    folder, to = run_folder(given), console()
    _put_right(folder)
    if lacking := lacks(folder):
        to.print(f"[red]Not released: {plural(len(lacking), 'thing')} missing or wrong.[/]")
        for each in lacking:
            to.print(f"  - {escape(each)}", soft_wrap=True)
        return FAILED
    path = wanted.out if wanted.out is not None else Path(f"{folder.resolve().name}-release.tar")
    _attest(folder, wanted.model)
    if standing_release(folder) is None:
        settled(folder, by, drafted(folder, by, text))
        if by.request is not None:
            return OK
    release = standing_release(folder)
    done = _completed(folder, release)
    if done is not None and path.exists() and done.note and file_digest(path) == done.note.data["bundle"]:
        to.print(
            f"Released already: {escape(str(path))} is the bundle of entry {done.index}.", soft_wrap=True
        )
        return OK
    _report(folder)
    sign_head(to, folder)
    made = write_bundle(folder, path, wanted.jobs, _parts(folder, wanted.weights))
    digest = file_digest(path)
    _note(folder, digest, release)
    to.print(f"Released: {escape(str(path))}, {made.files} files, {size(made.size)}.", soft_wrap=True)
    to.print(f"SHA-256 of the bundle: {digest}", soft_wrap=True)
    to.print(f"Tell whoever checks, by another way than the bundle: --key {head(folder).key}", soft_wrap=True)
    return OK


def _put_right(folder: Path) -> None:
    """What a killed call left: a torn entry, a report half written, a checkpoint beside its name."""
    with recording(folder) as recorder:
        (folder / LEDGER / (CHECKPOINT + PENDING)).unlink(missing_ok=True)
        written = [entry.outputs[REPORT] for entry in recorder.entries if entry.happened == "report"]
        torn = (folder / REPORT).exists() and not written
        torn |= bool(written) and bool(check(folder / REPORT, written[-1]))
        put_right(folder, recorder)
        if torn or (folder / SCRATCH / REPORT).exists():
            write_report(folder, recorder, reporter_of(folder), again=True)


def _attest(folder: Path, model: str | None) -> None:
    with recording(folder) as recorder:
        attest(folder, recorder, model)


def _parts(folder: Path, weights: bool) -> list[str]:
    """Which files go along beside report and attestations: those of the model, and the lists of the files of
    models that were not trained here. Sealed weights stay: only their owner could open them."""
    told = entries(folder)
    last = last_attested(told)
    job = told_by(last).model if last is not None else ""
    if not job:
        return []
    state = standing(told)
    parts = [f"{place}/{REFERENCE}" for _, place in referring(folder, way_back(state, job))]
    place = models(folder, state)[job]
    if weights and not sealed_files(folder / place):
        parts.append(f"{place}/{MODEL}")
    return parts


def _report(folder: Path) -> None:
    with recording(folder) as recorder:
        write_report(folder, recorder, reporter_of(folder))


def lacks(folder: Path) -> list[str]:
    """Everything that stands between a run and its release, a sentence each."""
    key, last = known_of(folder)
    found = verify(folder, pinned_key=key, last_head=last)
    said = [
        finding.detail.rstrip(".")
        for finding in found
        if finding.verdict != PASS
        and finding.name not in (*_OF_OTHERS, _OF_RELEASE)
        and (finding.verdict == FAIL or not about_people(finding) or finding.name == f"verify.{FORGOTTEN}")
    ]
    return said + [text for text in missing(signing.desk(folder).account, now()) if text not in said]


def standing_release(folder: Path) -> Said | None:
    """The release of the run as it is, with the attestations that lie there; None where there is none."""
    account = signing.desk(folder).account
    last = account.releases[-1] if account.releases else None
    if last is None or last.statement.subject != account.subject("release"):
        return None
    told = entries(folder)
    here = last_attested(told)
    meant = [entry for entry in told if entry.happened == ATTESTED and entry.index == last.statement.of]
    same = [each for each in meant if here is not None and each.outputs == here.outputs]
    return last if same else None


def drafted(folder: Path, by: By, text: str) -> list[Statement]:
    """The release, to be signed."""
    at = signing.desk(folder)
    role = at.role(by.name, by.role, at.listed.listing.rules.deploy)
    attested = last_attested(entries(folder))
    of = attested.index if attested is not None else None
    return [at.draft("release", by.name, role, of=of, subject=at.account.subject("release"), text=text)]


def _completed(folder: Path, release: Said | None) -> Entry | None:
    """The entry that names the bundle of a release, with the attestations as they are."""
    told = entries(folder)
    found, attested = [each for each in told if each.happened == RELEASED], last_attested(told)
    since = max(release.entry if release else 0, attested.index if attested else 0)
    return found[-1] if found and release and found[-1].index > since else None


def _note(folder: Path, digest: str, release: Said | None) -> None:
    data = {"bundle": digest, "release": str(release.entry if release else "")}
    text = f"A bundle was made of the release of entry {data['release']}."
    with recording(folder) as recorder:
        recorder.append(RELEASED, note=Note(topic=RELEASED, text=text, data=data))
