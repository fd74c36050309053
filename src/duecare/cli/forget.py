"""Forgetting: where a person occurs in a run, what was made of that, and the end of the keys to it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from duecare.cli.signing import desk
from duecare.core import Artifact, LedgerError, Note
from duecare.curate.subjects import index_key, rows_with
from duecare.ledger.entry import Entry
from duecare.ledger.forget_duty import Owed, owed, signing_roles
from duecare.ledger.forgotten import ASKED, BEGUN, DONE, EXPIRED, SUBJECT, Forgotten, forgotten, note_data
from duecare.ledger.forgotten import asked as asked_for
from duecare.ledger.layout import HEAD, LEDGER, SCRATCH
from duecare.ledger.read import entries as entries_of
from duecare.ledger.record import Recorder
from duecare.vault import destroy, envelope, held, home, memory, stored
from duecare.vault.keys import there
from duecare.vault.memory import sealed_files
from duecare.vault.sealed import sealed_by
from duecare.vault.subjects import NAME, asked, digests, read_blocks

_READ, _INDEX = "duecare.curate.source.", "duecare.curate.subjects."
_CURATES, _TRAINS = "duecare.curate.", "duecare.train."
_TABLES = ("kept", "dropped", "train", "held_out", "rewrites")
"""Tables that hold texts of rows."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One source as it was read once, and what is known of a person in it.

    `rows` are the rows found by reading them; None where they cannot be read (any more). Then `within` says
    in how many rows the index holds the person for possible, and `mistaken` how likely it errs; `within` 0
    means that there is no index either: nothing can be said.
    """

    read: Entry
    rows: tuple[str, ...] | None
    within: int = 0
    mistaken: float = 0.0

    @property
    def source(self) -> str:
        """The name of the source."""
        return (self.read.job or "").partition(":")[2]

    @property
    def unknown(self) -> bool:
        """Whether nothing can be said: no index, and no rows."""
        return self.rows is None and not self.within


def find(run: Path, entries: Sequence[Entry], subject: str) -> list[Hit]:
    """Every reading of a source in which the person occurs, may occur, or of which nothing can be said."""
    wanted = asked(subject)
    found = []
    for read in readings(entries):
        hit = _look(run, entries, read, wanted)
        if hit is not None:
            found.append(hit)
    return found


def readings(entries: Sequence[Entry]) -> list[Entry]:
    """Every reading of a source, once for each artifact."""
    by_folder = {
        path: entry
        for entry in entries
        if entry.happened == "step.finished" and (entry.step or "").startswith(_READ)
        for path in entry.outputs
    }
    return list(by_folder.values())


def _look(run: Path, entries: Sequence[Entry], read: Entry, wanted: Sequence[str]) -> Hit | None:
    within, mistaken = 0, 0.0
    index, key = _index(run, entries, read), _key(read)
    if index is not None and key is not None:
        keyed = digests(key, wanted)
        blocks = [block for block in read_blocks(index) if block.holds(keyed)]
        if not blocks:
            return None
        within = sum(block.rows for block in blocks)
        mistaken = 1.0
        for block in blocks:  # a filter errs where it holds every term by mistake
            mistaken *= block.mistaken ** len(wanted)
    ((path, digest),) = read.outputs.items()
    try:
        rows = tuple(rows_with(Artifact(read.job or "", run / path, digest), set(wanted)))
    except (LedgerError, OSError):
        return Hit(read, None, within, mistaken)
    return Hit(read, rows) if rows else None


def _index(run: Path, entries: Sequence[Entry], read: Entry) -> Path | None:
    made = set(read.outputs.values())
    for entry in reversed(entries):
        if (entry.step or "").startswith(_INDEX) and made & set(entry.inputs.values()):
            for path in entry.outputs:
                return run / path / NAME if (run / path / NAME).is_file() else None
    return None


def _key(read: Entry) -> bytes | None:
    return held(home(), index_key(str(read.settings.get("study", ""))))


def request(
    run: Path, entries: Sequence[Entry], reads: Sequence[Entry], subject: str | None, *, models: bool
) -> Forgotten:
    """What it comes to if the data of these readings are forgotten; `subject` None: their day is past.

    Everything made of them in this run is named. Keys are those of sealed tables among that, the secret of
    row keys and, where the day is past or `models` says so, those of weights; at the end of their day also
    those of the indexes.
    """
    made = _made_of(entries, reads)
    data = [path for path, entry in made.items() if (entry.step or "").startswith(_CURATES)]
    trained = [path for path, entry in made.items() if (entry.step or "").startswith(_TRAINS)]
    results = [path for path, entry in made.items() if not (entry.step or "").startswith((_CURATES, _TRAINS))]
    keys = _keys(run, [*data, *results, *(trained if models or subject is None else ())])
    alive = not keys or any(known == envelope.id_of(home(), name) != "" for name, known in keys.items())
    for study in {str(read.settings.get("study", "")) for read in reads} if alive else ():
        for name in (_secret_name(study), *([index_key(study)] if subject is None else ())):
            keys.setdefault(name, envelope.id_of(home(), name))
    every = [path for entry in entries for path in entry.outputs]
    sealed = [path for path in dict.fromkeys(every) if _keys(run, [path]).keys() & keys.keys()]
    return Forgotten(
        entry=-1,
        request=secrets.token_hex(8),
        why=EXPIRED if subject is None else SUBJECT,
        time="",
        sources=tuple(sorted({(read.job or "").partition(":")[2] for read in reads})),
        keys=keys,
        sealed=tuple(sealed),
        open=tuple(path for path in data if _lies_open(run / path)),
        models=tuple(trained),
        results=tuple(results),
        terms=tuple(_terms(reads, subject)) if subject is not None else (),
        files=tuple(sorted({digest for read in reads for digest in read.inputs.values()})),
        done=False,
    )


def _terms(reads: Sequence[Entry], subject: str) -> Iterator[str]:
    key = _key(reads[0]) if reads else None
    if key is not None:
        yield from (digest.hex() for digest in digests(key, asked(subject)))


def _made_of(entries: Sequence[Entry], reads: Sequence[Entry]) -> dict[str, Entry]:
    """Every artifact that these readings went into, by folder, themselves included."""
    touched = {digest for read in reads for digest in read.outputs.values()}
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.happened != "step.finished":
            continue
        if touched & (set(entry.inputs.values()) | set(entry.outputs.values())):
            touched |= set(entry.outputs.values())
            found |= dict.fromkeys(entry.outputs, entry)
    return found


def _keys(run: Path, folders: Sequence[str]) -> dict[str, str]:
    """The names of the secrets that open sealed files in these folders, each with its id."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in sealed_files(run / folder):
            try:
                name, known = sealed_by(path)
            except LedgerError:
                continue  # verify says what is wrong with it
            today = envelope.id_of(home(), name)
            if name not in found or known in ("", today):  # of two keys of one name that which is here
                found[name] = known or today
    return found


def _lies_open(folder: Path) -> bool:
    return any(stored(folder, f"{name}.parquet").suffix == ".parquet" for name in _here(folder))


def _here(folder: Path) -> list[str]:
    return [name for name in _TABLES if stored(folder, f"{name}.parquet").is_file()]


def _secret_name(study: str) -> str:
    from duecare.curate.surrogate import secret_name

    return secret_name(study)


def ask(recorder: Recorder, found: Forgotten) -> Entry:
    """Enter a request that somebody has to sign before it is carried out."""
    text = f"Somebody asked to be forgotten: {len(found.keys)} keys of data of {', '.join(found.sources)}."
    return recorder.append("told", note=Note(topic=ASKED, text=text, data=note_data(found)))


def begin(recorder: Recorder, found: Forgotten) -> None:
    """Put on record that the keys go now: a kill from here on is seen, and made good by `resume`."""
    recorder.append("told", note=Note(topic=BEGUN, text=_said(found), data=note_data(found)))


def signed(run: Path) -> list[Forgotten]:
    """Requests that wait for nobody's signature any more, and were not begun."""
    account = desk(run).account
    waiting = {each.entry for each in owed(account)}
    return [one for one in asked_for(account.entries) if one.entry not in waiting]


def unsigned(run: Path) -> list[Owed]:
    """Requests that wait for a signature; those that were carried out without one, too."""
    return owed(desk(run).account)


def has_to_be_signed(run: Path) -> tuple[str, ...]:
    """The roles of which one has to sign a request in this run; none where nobody has to."""
    listed = desk(run).account.listed
    return signing_roles(listed.listing) if listed is not None else ()


def resume(run: Path, recorder: Recorder) -> list[Forgotten]:
    """Complete every call that was interrupted."""
    return [_complete(run, recorder, one) for one in forgotten(recorder.entries) if not one.done]


def also_in(run: Path, found: Forgotten) -> list[Path]:
    """Runs beside this one whose rows the same keys open, and whose ledgers do not have the request."""
    others = []
    for other in sorted(path for path in run.resolve().parent.iterdir() if path != run.resolve()):
        if not (other / LEDGER / HEAD).is_file():
            continue
        try:
            told = entries_of(other)
        except LedgerError:
            continue  # it is for `verify` to say what is wrong with it
        known = {one.request for one in forgotten(told)} | {one.request for one in asked_for(told)}
        keys = _keys(other, list(dict.fromkeys(path for entry in told for path in entry.outputs)))
        if found.request not in known and keys.keys() & found.keys.keys():
            others.append(other)
    return others


def _complete(run: Path, recorder: Recorder, found: Forgotten) -> Forgotten:
    for name, known in found.keys.items():
        if there(home(), name) and envelope.id_of(home(), name) in ("", known):
            destroy(home(), name)
    memory.clear(recorder.head.run)
    if (
        run / SCRATCH
    ).is_dir():  # rows, and models that learned from them, of jobs that were killed or failed
        shutil.rmtree(run / SCRATCH)
    done = recorder.append("told", note=Note(topic=DONE, text=_said(found), data=note_data(found)))
    return replace(found, entry=done.index, time=done.time, done=True)


def _said(found: Forgotten) -> str:
    count = len(found.keys)
    return f"{count} keys of data of {', '.join(found.sources)}, destroyed for good."


def back(entries: Sequence[Entry]) -> list[str]:
    """Names of keys that were destroyed and are here again, as from a backup."""
    return [
        name
        for one in forgotten(entries)
        if one.done
        for name, known in one.keys.items()
        if known and envelope.id_of(home(), name) == known
    ]
