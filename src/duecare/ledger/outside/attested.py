"""Attestations: signed by the run's key, of files that are on record, and saying what the log says."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from duecare.ledger.outside.archive import Archive, RefusedError
from duecare.ledger.outside.ed25519 import ed25519_holds
from duecare.ledger.outside.entries import COUNTED, unique_keys
from duecare.ledger.outside.notes import base64_bytes
from duecare.ledger.outside.p256 import p256_holds
from duecare.ledger.outside.people import (
    PeopleBook,
    before,
    digest_of,
    gates_now,
    results_now,
    still_listed,
    when,
)

SIGNED_FOLDER = "run/attestations/"
SIGNED_FILES = {"provenance": "provenance.intoto.jsonl", "gates": "gates.intoto.jsonl"}
WEIGHTS_FILES = ("model.sig", "weights-key.pub")
IN_TOTO_TYPE = "application/vnd.in-toto+json"
KINDS_ATTESTED = {
    "https://slsa.dev/provenance/v1": "provenance",
    "https://in-toto.io/attestation/test-result/v0.1": "gates",
}
NOT_SIGNED = {".git", ".gitattributes", ".github", ".gitignore", "model.sig"}


JOB_FIELDS = {
    **{"job": "job", "step": "step", "stepKey": "step_key", "settings": "settings"},
    **{"settingsDigest": "settings_digest", "seed": "seed", "software": "software"},
}


@dataclass
class Evidence:
    """What there is to compare with: the archive, the log before these attestations, the run's key, every
    file on record with its SHA-256 (names relative to the run), the files that are attested, the entries
    of what they rest on, the gates that counted then with the day until which each was waived, and the
    keys of people who signed too, as the entry says."""

    archive: Archive
    entries: list[dict[str, Any]]
    key: str
    listed: dict[str, str] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    way: list[dict[str, Any]] = field(default_factory=list)
    gates: dict[str, dict[str, Any]] = field(default_factory=dict)
    waived: dict[str, str] = field(default_factory=dict)
    people: list[str] = field(default_factory=list)


def judge_attested(say: Any, archive: Archive, book: PeopleBook) -> None:
    """Say what holds of the attestations in a bundle, by the whole log as it was walked (`book`); nothing
    where it tells of none."""
    made = [entry for entry in book.past if entry["happened"] == "attested"]
    if not made:
        return
    try:
        told = made[-1]["note"]["data"]
        model, public = str(told["model"]), str(told["weights_key"])
        evidence = evidence_of(archive, before(book, made[-1]["index"]), model, told["time"])
        evidence.people = [each for each in told.get("signed_by", "").split(",") if each]
        judged, entered = when(told["time"]), when(made[-1]["time"])
        if judged is None or entered is None or abs(entered - judged) > timedelta(hours=1):
            raise ValueError("another time")
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        say(
            False,
            "",
            "The entry of the attestations says not of what they are, or for another time than its own.",
        )
        return
    judge_statements(say, evidence)
    if model:
        judge_weights(say, evidence, public)


def evidence_of(archive: Archive, then: PeopleBook, model: str, time: str) -> Evidence:
    """What attestations of a job's model ("": of all results) can be compared with; a KeyError or a
    ValueError where that job made none, or there is no such time."""
    found = Evidence(archive, then.past, then.recorder, files_on_record(archive, then.past))
    counted, day = results_now(then)[0], when(time)
    if day is None:
        raise ValueError("no time")
    for entry in counted.values() if not model else [counted[model]]:
        for folder, digest in (entry.get("outputs") or {}).items():
            inside = {name: sha for name, sha in found.listed.items() if name.startswith(f"{folder}/model/")}
            if inside or not model:
                found.subjects = inside if model else {**found.subjects, f"{folder}/manifest.json": digest}
    found.way = rests_on(counted, model)
    found.gates = gates_now(then, of_others(found, counted))
    for digest, gate in found.gates.items():
        until = waived_until(then, digest)
        if gate["verdict"] != "pass" and until is not None and until > day:
            found.waived[digest] = str(until.date())
    return found


def of_others(evidence: Evidence, counted: dict[str, dict[str, Any]]) -> set[str]:
    """The jobs that looked at a model on which what is attested does not rest; their gates do not count."""
    own = {entry["job"] for entry in evidence.way}
    made = {
        job
        for job, entry in counted.items()
        for folder in entry.get("outputs") or {}
        if any(name.startswith(f"{folder}/model/") for name in evidence.listed)
    }
    return {job for job in counted if {each["job"] for each in rests_on(counted, job)} & made - own}


def waived_until(book: PeopleBook, digest: str) -> datetime | None:
    """Until when as many people as have to waived a gate (by the digest of what it said); None where they
    did not. Where the study lists nobody, two pseudonyms in a note do."""
    ends: dict[str, datetime] = {}
    if book.lists is None:
        for entry in book.past:
            note = entry.get("note") or {}
            said = note.get("data", {}) if note.get("topic") == "waiver" else {}
            day, both = when(said.get("expires", "")), {said.get("asked_by", ""), said.get("seconded_by", "")}
            fits = entry["happened"] == "told" and said.get("finding") == digest
            if fits and day and len(both - {""}) > 1:
                ends[str(entry["index"])] = day
        return max(ends.values(), default=None)
    for each in book.of_act("waive"):
        day, name = when(each.fields["expires"] or ""), each.fields["person"]
        if each.fields["subject"] == digest and day and still_listed(book, each):
            ends[name] = day
    longest = sorted(ends.values(), reverse=True)[: book.lists["rules"]["waivers"]]
    return longest[-1] if len(longest) == book.lists["rules"]["waivers"] else None


def rests_on(counted: dict[str, dict[str, Any]], model: str) -> list[dict[str, Any]]:
    """The entries of all that a job's result was made of, itself included; all that count for no job."""
    if not model:
        return list(counted.values())
    found, waiting = {model: counted[model]}, [counted[model]]
    while waiting:
        used = set((waiting.pop().get("inputs") or {}).values())
        for job, entry in counted.items():
            if job not in found and used & set((entry.get("outputs") or {}).values()):
                found[job] = entry
                waiting.append(entry)
    return sorted(found.values(), key=lambda entry: int(entry["index"]))


def judge_statements(say: Any, evidence: Evidence) -> None:
    """Say what holds of the statements."""
    wrong: list[str] = []
    unsaid: list[str] = []
    count = 0
    for kind, name in SIGNED_FILES.items():
        data = evidence.archive.content(SIGNED_FOLDER + name)
        if data is None:
            if kind == "provenance" or evidence.gates:
                wrong.append(f"{name!a} is not here, though the log has what it is about.")
            continue
        count += 1
        try:
            said = attested_in(data, evidence.key, evidence.people)
            if KINDS_ATTESTED[said["predicateType"]] != kind:
                raise RefusedError("it is a statement of another kind")
            subjects = {each["name"]: each["digest"]["sha256"] for each in said["subject"]}
            if len(subjects) != len(said["subject"]):
                raise RefusedError("it names a file twice")
            wrong += other_subjects(evidence, subjects)
            found, open_ones = told_otherwise(evidence, said)
            wrong += [f"{name!a}: {text}." for text in found]
            unsaid += open_ones
        except RefusedError as error:
            wrong.append(f"{name!a}: {error}.")
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
            wrong.append(f"{name!a} is no attestation as duecare writes it.")
    here = [name for name in evidence.subjects if "run/" + name in evidence.archive.members]
    say(
        not wrong and bool(count),
        f"{count} attestations are signed by the run's key and say what the log says; the "
        f"{len(evidence.subjects)} files that they are of are those on record, and {len(here)} of these are "
        "in the bundle.",
        " ".join(wrong[:10]),
    )
    for text in sorted({*unsaid}):
        say(None, text)


def other_subjects(evidence: Evidence, subjects: dict[str, str]) -> list[str]:
    """Where a statement is of other files than those on record of the model or the results."""
    names = sorted(name for name, sha in subjects.items() if evidence.subjects.get(name) != sha)
    wrong = [f"It is of a file {name!a} that the log does not record so." for name in names]
    left_out = sorted(evidence.subjects.keys() - subjects.keys())
    return wrong + [f"It leaves out the file {name!a} of what is attested." for name in left_out]


def attested_in(data: bytes, key: str, people: list[str]) -> dict[str, Any]:
    """The statement in an envelope that the key and the people signed; a RefusedError where one did not."""
    envelope = json.loads(data, object_pairs_hook=unique_keys)
    if envelope["payloadType"] != IN_TOTO_TYPE:
        raise RefusedError("it is a document of another type")
    content = base64_bytes(envelope["payload"])
    message = b"DSSEv1 %d %b %d %b" % (len(IN_TOTO_TYPE), IN_TOTO_TYPE.encode(), len(content), content)
    for each in envelope["signatures"]:
        if not ed25519_holds(bytes.fromhex(each["keyid"]), message, base64_bytes(each["sig"])):
            raise RefusedError("a signature does not hold for the key that it names")
    if key not in [each["keyid"] for each in envelope["signatures"]]:
        raise RefusedError("the key of the run did not sign it")
    if not {each["keyid"] for each in envelope["signatures"]}.issuperset(people):
        raise RefusedError("somebody did not sign it who did by its entry")
    said = json.loads(content, object_pairs_hook=unique_keys)
    if said["_type"] != "https://in-toto.io/Statement/v1" or said["predicateType"] not in KINDS_ATTESTED:
        raise RefusedError("it is no statement that belongs here")
    return dict(said)


def files_on_record(archive: Archive, entries: list[dict[str, Any]]) -> dict[str, str]:
    """Every file that lists on record name, and the lists themselves, by name with SHA-256."""
    found: dict[str, str] = {}
    for entry in entries:
        for folder, digest in (entry.get("outputs") or {}).items() if entry["happened"] in COUNTED else ():
            name = f"run/{folder}/manifest.json"
            if name not in archive.members or archive.digest(name) != digest:
                continue
            found[f"{folder}/manifest.json"] = digest
            for each in json.loads(archive.content(name) or b"{}")["files"]:
                found[f"{folder}/{each['path']}"] = each["sha256"]
    return found


def told_otherwise(evidence: Evidence, said: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What a statement says that the log says otherwise, and what cannot be compared."""
    predicate = said["predicate"]
    begun = [entry for entry in evidence.entries if entry["happened"] == "run.started"][-1]
    if KINDS_ATTESTED[said["predicateType"]] == "gates":
        return gates_told_otherwise(evidence, predicate, begun), []
    wrong, unsaid = dependencies_told_otherwise(evidence, predicate["buildDefinition"])
    jobs = predicate["buildDefinition"]["internalParameters"]["jobs"]
    if [each["entry"] for each in jobs] != [entry["index"] for entry in evidence.way]:
        wrong.append("its steps are not just those that the log has of what is attested")
    of = {entry["index"]: entry for entry in evidence.way}
    for each in jobs:
        entry = of.get(each["entry"], {})
        if any((each[one] or None) != (entry.get(two) or None) for one, two in JOB_FIELDS.items()):
            wrong.append(f"what it says of {each['job']!a} is not what entry {each['entry']} says")
    study = dict(begun.get("settings") or {})
    people = {name: study.pop(name) for name in ("people", "rules") if name in study}
    if people:
        study["people_sha256"] = digest_of(people)
    if predicate["buildDefinition"]["externalParameters"] != {"study": study}:
        wrong.append(f"its study is not that of entry {begun['index']}")
    return wrong + details_told_otherwise(evidence, predicate["runDetails"], begun), unsaid


def details_told_otherwise(evidence: Evidence, details: dict[str, Any], begun: dict[str, Any]) -> list[str]:
    """Whether results, times, and whose run it was are those on record."""
    wrong = []
    made = [
        {
            "name": f"{folder}/manifest.json",
            "digest": {"sha256": digest},
            "annotations": {"job": entry["job"], "entry": entry["index"]},
        }
        for entry in evidence.way
        for folder, digest in sorted((entry.get("outputs") or {}).items())
    ]
    if details["byproducts"] != made:
        wrong.append("its results are not those on record")
    began = min(entry.get("started") or entry["time"] for entry in evidence.way)
    times = {"invocationId": begun["run"], "startedOn": began, "finishedOn": evidence.way[-1]["time"]}
    if details["metadata"] != times:
        wrong.append("its run or its times are not those on record")
    if details["builder"]["id"] != "urn:duecare:recorder:" + evidence.key:
        wrong.append("it names another builder than the key of the run")
    return wrong


def dependencies_told_otherwise(evidence: Evidence, build: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Whether the dependencies are just the inputs from outside and the files of base models on record;
    and whether the list of such a model is not in the bundle."""
    known, hidden = set(), set()
    for entry in evidence.way:
        for name, digest in (entry.get("inputs") or {}).items():
            if name.startswith("external:"):
                known.add(("file", entry["index"], name[len("external:") :], digest))
        for folder in entry.get("outputs") or {}:
            digest = evidence.listed.get(f"{folder}/reference.json")
            data = evidence.archive.content(f"run/{folder}/reference.json")
            if digest is not None and (data is None or hashlib.sha256(data).hexdigest() != digest):
                hidden.add(entry["index"])
            elif digest is not None:
                reference = json.loads(data or b"")
                for name, sha in reference["files"].items():
                    known.add(("model", entry["index"], f"{reference['name']}/{name}", sha))
    given = {
        (each["annotations"]["kind"], each["annotations"]["entry"], each["name"], each["digest"]["sha256"])
        for each in build["resolvedDependencies"]
    }
    open_ones = {each for each in given if each[0] == "model" and each[1] in hidden}
    others, left_out = sorted(given - known - open_ones), sorted(known - given)
    wrong = [f"{each[2]!a} was not used by what is on record, or had another digest" for each in others]
    wrong += [f"it leaves out {each[2]!a}, which was used" for each in left_out]
    unsaid = ["Of which files a base model consists stands in a list that is not in the bundle."]
    return wrong, unsaid if hidden else []


def gates_told_otherwise(evidence: Evidence, predicate: dict[str, Any], begun: dict[str, Any]) -> list[str]:
    """Whether the lists are those of the gates that count (by the digest of what they said)."""
    gates = evidence.gates
    plain = [f"{each['name']} ({each['limit']})" for each in gates.values()]
    named: dict[str, list[str]] = {"PASSED": [], "WARNED": [], "FAILED": []}
    for (digest, each), name in zip(gates.items(), plain):  # noqa: B905  # the program runs on Python 3.9
        one = name if plain.count(name) == 1 else f"{name} [{digest[:8]}]"
        one += ": insufficient evidence" if each["verdict"] == "insufficient evidence" else ""
        if each["verdict"] == "pass":
            named["PASSED"].append(one)
        elif digest in evidence.waived:
            named["WARNED"].append(f"{one}, waived until {evidence.waived[digest]}")
        else:
            named["FAILED"].append(one)
    wrong = [] if gates else ["no gate on record speaks of what it is of"]
    for field_name, kind in (("passedTests", "PASSED"), ("warnedTests", "WARNED"), ("failedTests", "FAILED")):
        if sorted(predicate[field_name]) != sorted(named[kind]):
            said = {"PASSED": "as passed", "WARNED": "as waived", "FAILED": "as failed"}[kind]
            wrong.append(f"it lists other gates {said} than the log")
    if predicate["result"] != next((word for word in ("FAILED", "WARNED") if named[word]), "PASSED"):
        wrong.append("its result is not that of the gates")
    study = begun.get("settings_digest") or digest_of(begun.get("settings") or {})
    if [each["digest"]["sha256"] for each in predicate["configuration"]] != [study]:
        wrong.append(f"its study is not that of entry {begun['index']}")
    return wrong


def judge_weights(say: Any, evidence: Evidence, public: str) -> None:
    """Say whether the weights' signature is of the model's files, by the key that the log names."""
    data, key = (evidence.archive.content(SIGNED_FOLDER + name) for name in WEIGHTS_FILES)
    wrong: list[str] = []
    try:
        envelope = json.loads(data or b"", object_pairs_hook=unique_keys)["dsseEnvelope"]
        content = base64_bytes(envelope["payload"])
        message = b"DSSEv1 %d %b %d %b" % (len(IN_TOTO_TYPE), IN_TOTO_TYPE.encode(), len(content), content)
        (signature,) = [base64.b64decode(each["sig"]) for each in envelope["signatures"]]
        if key != public.encode() or not p256_holds(public.encode(), message, signature):
            wrong.append("The signature of the weights does not hold for the key that the log names.")
        said = json.loads(content, object_pairs_hook=unique_keys)
        files = {each["name"]: each["digest"] for each in said["predicate"]["resources"]}
        whole = hashlib.sha256(b"".join(bytes.fromhex(each) for each in files.values())).hexdigest()
        models = {name.split("/model/", 1)[1]: digest for name, digest in evidence.subjects.items()}
        models = {name: digest for name, digest in models.items() if name.split("/")[0] not in NOT_SIGNED}
        if files != models or said["subject"][0]["digest"]["sha256"] != whole:
            wrong.append("The signature of the weights is of other files than those that are attested.")
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, RefusedError):
        wrong.append("The signature of the weights is none.")
    say(
        not wrong,
        "The signature of the weights (OpenSSF Model Signing) is of just the model's files, by the key that "
        f"the log names: {hashlib.sha256(public.encode()).hexdigest()[:16]}.",
        " ".join(wrong),
    )
