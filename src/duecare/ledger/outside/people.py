"""People: whose signatures stand in the log and hold, and what the rules of the study still ask for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from duecare.ledger.outside.ed25519 import ed25519_holds
from duecare.ledger.outside.entries import plain_json, read_object, unique_keys
from duecare.ledger.outside.tree import root_of

SAID_BEFORE = b"duecare.statement.v1\n"
FIELDS_SAID = {
    **dict.fromkeys(("run", "root", "act", "person", "role", "time", "about", "subject", "text"), (str,)),
    **{"size": (int,), "of": (int, type(None)), "expires": (str, type(None))},
}
LONGEST_SAID = 2000
SEVERE = ("low", "serious", "critical")
ALL_MATTERS = ("data", "training", "evaluation", "release")
STAGE_MATTER = {"curate": "data", "train": "training", "model": "training"}
FORGETS = ["data-steward"]
NOT_ONES_OWN = ("approve", "waive", "answer")


@dataclass
class SaidThere:
    """A statement that holds: the entry it stands in, its fields, and the key that signed it."""

    entry: int
    fields: dict[str, Any]
    key: str


@dataclass
class PeopleBook:
    """What a walk over the log has found so far about people. `lists` is the pair of people and rules."""

    run: str
    recorder: str
    leaves: list[bytes]
    lines: list[bytes]
    lists: dict[str, Any] | None = None
    brought: int = 0
    by_owner: int | None = None
    waiting: int | None = None
    wanted: dict[str, Any] | None = None
    roots: dict[int, str] = field(default_factory=dict)
    said: list[SaidThere] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    past: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, entry: dict[str, Any]) -> None:
        """Take one entry."""
        if entry["happened"] == "run.started":
            self.hear_list(entry)
        elif entry["happened"] == "signed":
            try:
                said, key = said_in(entry)
                objections = objections_to(self, entry, said, key)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                objections = ["is no statement of a person as duecare writes it"]
            self.wrong += [f"Entry {entry['index']} {text}." for text in objections]
            if not objections:
                self.said.append(SaidThere(entry["index"], said, key))
                self.hear_owner(entry["index"], said)
        self.past.append(entry)

    def hear_list(self, entry: dict[str, Any]) -> None:
        """A study begins: it may bring another list of people."""
        study = entry.get("settings") or {}
        lists = {name: study.get(name) for name in ("people", "rules")}
        if not any(lists.values()):
            lists = None  # type: ignore[assignment]  # a study that lists nobody
        elif not well_formed(lists):
            self.wrong.append(f"Entry {entry['index']} lists people in a form that duecare does not write.")
            return
        if self.lists is None or (self.by_owner is None and not self.said):
            self.lists, self.brought = lists, entry["index"]
        elif lists == self.lists:
            self.waiting, self.wanted = None, None
        else:
            self.waiting, self.wanted = entry["index"], lists

    def hear_owner(self, index: int, said: dict[str, Any]) -> None:
        """Where an owner signed a list, it is the one that counts."""
        if said["act"] == "people":
            if self.waiting is not None:
                self.lists, self.brought = self.wanted, self.waiting
            self.by_owner, self.waiting, self.wanted = index, None, None

    def records(self) -> str | None:
        """Whose key records the run."""
        for name, person in (self.lists or {"people": {}})["people"].items():
            if self.recorder in (person["key"], person["records"]):
                return str(name)
        return None

    def of_act(self, act: str) -> list[SaidThere]:
        """Statements of one sort."""
        return [each for each in self.said if each.fields["act"] == act]

    def open_incidents(self) -> list[int]:
        """Entries of incidents that nobody answered."""
        answered = {each.fields["of"] for each in self.of_act("answer")}
        return [each.entry for each in self.of_act("incident") if each.entry not in answered]

    def root_at(self, size: int) -> str:
        """The root over the first entries, kept once it was computed."""
        if size not in self.roots:
            self.roots[size] = root_of(self.leaves[:size]).hex()
        return self.roots[size]

    def leaf_of(self, index: Any) -> str | None:
        """The hash of a line."""
        inside = type(index) is int and 0 <= index < len(self.leaves)
        return self.leaves[index].hex() if inside else None


def well_formed(lists: dict[str, Any]) -> bool:
    """Whether people and rules have the fields that are read here, and no rule is weaker than any may be."""
    try:
        rules = lists["rules"]
        numbers = [rules["waivers"], rules["waiver_days"]]
        roles = [rules["waive"], rules["answer"], rules["deploy"], rules.get("forget", [])]
        roles += [rules["approvals"][matter] for matter in ALL_MATTERS]
        words = [role for one, two in rules["separate"] for role in (one, two)]
        for person in lists["people"].values():
            roles.append(person["roles"])
            words += [person["key"], person["records"]]
        words += [role for each in roles for role in each]
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    bounds = zip(numbers, ((2, 9), (1, 365)))  # noqa: B905  # the program runs on Python 3.9
    sound = all(type(each) is int and low <= each <= high for each, (low, high) in bounds)
    sound = sound and all(type(each) is list for each in roles) and all(type(each) is str for each in words)
    return sound and rules.get("forget") != FORGETS  # where nothing is said these hold, and are not written


def said_in(entry: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Statement and key of an entry whose signature holds; a ValueError where it does not."""
    data = entry["note"]["data"]
    text, key, signature = data["statement"], data["key"], data["signature"]
    said = json.loads(text, object_pairs_hook=unique_keys)
    if set(data) != {"statement", "key", "signature"} or set(said) != set(FIELDS_SAID):
        raise ValueError("another form")
    if entry["note"]["topic"] != said["act"]:
        raise ValueError("another form")
    if plain_json(said).decode() != text or len(said["text"]) > LONGEST_SAID:
        raise ValueError("another form")
    if any(type(said[name]) not in kinds for name, kinds in FIELDS_SAID.items()):
        raise ValueError("another kind")
    public, raw = bytes.fromhex(key), bytes.fromhex(signature)
    if (public.hex(), raw.hex()) != (key, signature):
        raise ValueError("another spelling")
    said["signed"] = ed25519_holds(public, SAID_BEFORE + text.encode(), raw)
    return said, key


def objections_to(book: PeopleBook, entry: dict[str, Any], said: dict[str, Any], key: str) -> list[str]:
    """Why a statement does not count where it stands."""
    person = (book.lists or {"people": {}})["people"].get(said["person"])
    if person is None:
        return ["is signed by somebody whom the study does not list"]
    size, index = said["size"], entry["index"]
    same_state = 0 <= size <= index and book.root_at(size) == said["root"]
    plain = {name: value for name, value in said.items() if name != "signed"}
    checks = (
        (said["signed"], "has a signature that does not hold for its key"),
        (key == person["key"], f"is signed by another key than that of {said['person']!a}"),
        (when(said["time"]) is not None, "has no time"),
        (said["run"] == book.run, "was signed for another run"),
        (same_state, "was signed for another state of the run"),
        (said["role"] in person["roles"], f"is signed in a role that {said['person']!a} does not have"),
        (
            said["act"] not in NOT_ONES_OWN or said["person"] != book.records(),
            "is about the work of whoever signed it",
        ),
        (
            all({k: v for k, v in each.fields.items() if k != "signed"} != plain for each in book.said),
            "says what an earlier entry said word for word: it was entered twice",
        ),
    )
    return [text for holds, text in checks if not holds] + beside_the_point(book, entry, said)


def beside_the_point(  # noqa: PLR0911  # one answer for each act reads best
    book: PeopleBook, entry: dict[str, Any], said: dict[str, Any]
) -> list[str]:
    """Whether what is signed is there to be signed, and by this role."""
    rules, act, of = (book.lists or {})["rules"], said["act"], said.get("of")
    subject, about, text = said.get("subject", ""), said.get("about", ""), said.get("text", "")
    if act == "people":
        lists, place = (book.lists, book.brought) if book.waiting is None else (book.wanted, book.waiting)
        fits = lists is not None and (of, subject) == (place, digest_of(lists)) and said["role"] == "owner"
        again = book.waiting is None and book.by_owner is not None
        return [] if fits and not again else ["signs a list of people that does not wait for an owner"]
    if act == "entry":
        known = type(of) is int and of < said["size"] and book.leaf_of(of) == subject
        return [] if known else ["signs another entry than it says"]
    if act == "incident":
        return [] if about in SEVERE and text else ["reports an incident without saying what or how severe"]
    may = {"waive": rules["waive"], "answer": rules["answer"], "release": rules["deploy"]}
    may["forget"] = rules.get("forget", FORGETS)
    may["approve"] = rules["approvals"].get(about, [])
    if said["role"] not in may.get(act, []):
        return [f"is signed in a role that may not {act} that"]
    if act == "forget":
        fits = any(each["index"] == of for each in book.past if asks_to_forget(each))
        return [] if fits and book.leaf_of(of) == subject else ["is about no request to forget"]
    if act == "release" and of is not None:
        attested = [each["index"] for each in book.past if each["happened"] == "attested"]
        return [] if of in attested and of < said["size"] else ["releases attestations that are not there"]
    if act == "answer":
        fits = of in book.open_incidents() and book.leaf_of(of) == subject and text
        return [] if fits else ["answers no open incident"]
    if act == "waive":
        made, ends, entered = when(said["time"]), when(said.get("expires") or ""), when(entry["time"])
        short = made and ends and timedelta(0) < ends - made <= timedelta(days=rules["waiver_days"])
        timely = made and entered and made <= entered + timedelta(days=1)
        if not (short and timely and text and about and subject):
            return ["waives a gate for too long, or without reason or end"]
    return []


def asks_to_forget(entry: dict[str, Any]) -> bool:
    """Whether an entry is a person's request to be forgotten, as it was asked or as it was begun."""
    note = entry.get("note") or {}
    asked = entry["happened"] == "told" and note.get("topic") in ("forget-asked", "forgetting")
    return bool(asked and note["data"].get("why") == "subject")


def when(text: str) -> datetime | None:
    """A time with its zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def digest_of(value: Any) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(plain_json(value)).hexdigest()


def noted(entry: dict[str, Any] | None, name: str) -> list[str]:
    """A list of jobs in the note of an entry."""
    note = (entry or {}).get("note") or {}
    found = json.loads(note.get("data", {}).get(name, "[]"))
    return [str(each) for each in found]


def results_now(book: PeopleBook) -> tuple[dict[str, dict[str, Any]], list[str], bool]:
    """The entry of every job that counts, what was planned, and whether the run came to its end."""
    starts = [entry for entry in book.past if entry["happened"] == "run.started"]
    begun = starts[-1]["index"] if starts else 0
    first = starts[-1] if starts else (book.past[0] if book.past else None)
    planned, kept = noted(first, "plan"), noted(first, "standing")
    done = {
        entry["job"]: entry
        for entry in book.past
        if entry["happened"] == "step.finished" and (entry["index"] > begun or entry["job"] in kept)
    }
    ended = any(e["happened"] == "run.finished" and e["index"] >= begun for e in book.past)
    return {job: done[job] for job in (planned or done) if job in done}, planned, ended


def subject_now(book: PeopleBook, matter: str) -> tuple[str, bool]:
    """What an approval of a matter has to be of, and whether there is anything in it."""
    rows = []
    for job, entry in sorted(results_now(book)[0].items()):
        stage = (entry.get("step") or "").replace("duecare.", "", 1).partition(".")[0]
        if matter in (STAGE_MATTER.get(stage, "evaluation"), "release"):
            outputs = entry.get("outputs") or {}
            written = read_object(book.lines[entry["index"]])[1]
            stated = [written.get(name, "[]").encode() for name in ("findings", "estimates")]
            rows.append([job, entry.get("step_key") or "", *(outputs[path] for path in sorted(outputs))])
            rows[-1] += [hashlib.sha256(each).hexdigest() for each in stated]
    whole = sorted(gates_now(book)) if matter in ("evaluation", "release") else []
    if matter == "release":
        events = [each for each in book.said if each.fields["act"] in ("waive", "incident", "answer")]
        whole += [digest_of(book.lists), *(book.leaf_of(each.entry) or "" for each in events)]
    return digest_of([matter, rows, whole]), bool(rows)


def findings_in(line: bytes) -> Iterator[tuple[dict[str, Any], str]]:
    """Every finding of an entry, and the SHA-256 of how it is written."""
    text, place = read_object(line)[1].get("findings", "[]"), 1
    while text[place : place + 1] != "]":
        value, end = json.JSONDecoder().raw_decode(text, place)
        yield value, hashlib.sha256(text[place:end].encode()).hexdigest()
        place = end + (text[end : end + 1] == ",")


def gates_now(book: PeopleBook, but: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """The gates that count, by the digest of what they said; without those of the jobs `but`."""
    found: dict[str, dict[str, Any]] = {}
    for job, entry in results_now(book)[0].items():
        if job in but:
            continue
        same = (job, entry.get("step_key"))
        for each in book.past:
            told = each["happened"] == "told" and (each.get("job"), each.get("step_key")) == same
            if (told or each is entry) and each.get("findings"):
                found |= gates_in(book.lines[each["index"]])
    starts = [entry["index"] for entry in book.past if entry["happened"] == "run.started"]
    failed = [
        entry
        for entry in book.past
        if entry["happened"] == "step.failed"
        and entry["index"] >= (starts or [0])[-1]
        and entry.get("job") not in results_now(book)[0]
    ]
    for entry in failed[-1:]:  # a gate can refuse to let a step start
        found |= gates_in(book.lines[entry["index"]])
    return found


def gates_in(line: bytes) -> dict[str, dict[str, Any]]:
    """The gates among the findings of an entry."""
    return {digest: finding for finding, digest in findings_in(line) if finding.get("gate")}


def still_listed(book: PeopleBook, each: SaidThere) -> bool:
    """Whether whoever approved or waived is on the list now, with that key and role, and still may."""
    name, role = each.fields["person"], each.fields["role"]
    person = (book.lists or {"people": {}})["people"].get(name)
    if not person or name == book.records():
        return False
    may = each.fields["act"] != "waive" or role in (book.lists or {})["rules"]["waive"]
    return bool(may and person["key"] == each.key and role in person["roles"])


def lacking(book: PeopleBook, day: datetime) -> list[str]:
    """What the rules of the study ask for and the log does not have, a sentence each."""
    rules, (_, planned, ended) = (book.lists or {})["rules"], results_now(book)
    said = [] if book.by_owner is not None else ["No owner signed the list of people."]
    if book.records() is None:
        said.append("The key that records the run is that of nobody on the list.")
    if not ended:
        said.append(f"The run of {len(planned)} jobs did not come to its end.")
    for matter in ALL_MATTERS:
        subject, anything = subject_now(book, matter)
        for role in rules["approvals"][matter] if anything else []:
            if not any(
                (each.fields["role"], each.fields.get("about"), each.fields.get("subject"))
                == (role, matter, subject)
                and still_listed(book, each)
                for each in book.of_act("approve")
            ):
                said.append(f"Nobody approved the {matter}, as it is, as {role}.")
    for digest, gate in gates_now(book).items():
        holding = {
            each.fields["person"]: when(each.fields["expires"])
            for each in book.of_act("waive")
            if each.fields.get("subject") == digest and still_listed(book, each)
        }
        good = [name for name, ends in holding.items() if ends and ends > day]
        if gate.get("verdict") != "pass" and len(good) < rules["waivers"]:
            waived = f"{len(good)} of {rules['waivers']} people waive it"
            said.append(f"The gate {gate.get('name')!a} did not hold; {waived}.")
    return said + [f"Nobody answered the incident of entry {index}." for index in book.open_incidents()]


def book_of(
    entries: list[dict[str, Any]], lines: list[bytes], leaves: list[bytes], head: dict[str, Any]
) -> PeopleBook:
    """What the log says of people."""
    book = PeopleBook(head["run"], head["key"], leaves, lines)
    for entry in entries:
        book.hear(entry)
    return book


def before(book: PeopleBook, index: int) -> PeopleBook:
    """What the log said of people before an entry."""
    earlier = PeopleBook(book.run, book.recorder, book.leaves, book.lines, roots=book.roots)
    for entry in book.past[:index]:
        earlier.hear(entry)
    return earlier


def people_matter(entries: list[dict[str, Any]]) -> bool:
    """Whether the study lists people, or anybody signed."""
    for entry in entries:
        study = entry.get("settings") or {}
        if entry["happened"] == "signed":
            return True
        if entry["happened"] == "run.started" and (study.get("people") or study.get("rules")):
            return True
    return False


def today() -> datetime:
    """This moment: waivers run out."""
    return datetime.now(timezone.utc)  # noqa: UP017  # the program runs on Python 3.9, which has no datetime.UTC
