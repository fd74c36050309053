"""Attestations: signed by the run's key, of files that are on record, and saying what the log says."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from duecare.ledger.outside.archive import Archive, RefusedError
from duecare.ledger.outside.ed25519 import ed25519_holds
from duecare.ledger.outside.entries import COUNTED, unique_keys
from duecare.ledger.outside.notes import base64_bytes
from duecare.ledger.outside.p256 import p256_holds
from duecare.ledger.outside.people import PeopleBook, before, gates_now

SIGNED_FOLDER = "run/attestations/"
SIGNED_FILES = ("provenance.intoto.jsonl", "gates.intoto.jsonl")
WEIGHTS_FILES = ("model.sig", "weights-key.pub")
IN_TOTO_TYPE = "application/vnd.in-toto+json"
KINDS_ATTESTED = {
    "https://slsa.dev/provenance/v1": "provenance",
    "https://in-toto.io/attestation/test-result/v0.1": "gates",
}
NOT_SIGNED = {".git", ".gitattributes", ".github", ".gitignore", "model.sig"}


@dataclass
class Evidence:
    """What there is to compare with: the archive, the entries before these attestations, the run's key, the
    gates that counted then, and every file on record with its SHA-256 (names relative to the run)."""

    archive: Archive
    entries: list[dict[str, Any]]
    key: str
    gates: dict[str, dict[str, Any]]
    listed: dict[str, str] = field(default_factory=dict)


def judge_attested(say: Any, archive: Archive, book: PeopleBook) -> None:
    """Say what holds of the attestations in a bundle, by the whole log as it was walked (`book`); nothing
    where it tells of none."""
    made = [entry for entry in book.past if entry["happened"] == "attested"]
    if not made:
        return
    last = made[-1]
    then = before(book, last["index"])
    evidence = Evidence(archive, then.past, book.recorder, gates_now(then))
    evidence.listed = files_on_record(archive, evidence.entries)
    subjects = judge_statements(say, evidence)
    told = last["note"]["data"]
    if told["model"]:
        judge_weights(say, evidence, subjects, told["weights_key"])


def judge_statements(say: Any, evidence: Evidence) -> dict[str, str]:
    """Say what holds of the statements; their subjects, by name."""
    wrong: list[str] = []
    unsaid: list[str] = []
    subjects: dict[str, str] = {}
    count = 0
    for name in SIGNED_FILES:
        data = evidence.archive.content(SIGNED_FOLDER + name)
        if data is None:
            continue
        count += 1
        try:
            said = attested_in(data, evidence.key)
            subjects |= {each["name"]: each["digest"]["sha256"] for each in said["subject"]}
            found, open_ones = told_otherwise(evidence, said)
            wrong += [f"{name!a}: {text}." for text in found]
            unsaid += open_ones
        except RefusedError as error:
            wrong.append(f"{name!a}: {error}.")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            wrong.append(f"{name!a} is no attestation as duecare writes it.")
    others = sorted(name for name, digest in subjects.items() if evidence.listed.get(name) != digest)
    wrong += [f"It is of a file {name!a} that the log does not record so." for name in others]
    here = [name for name in subjects if "run/" + name in evidence.archive.members]
    say(
        not wrong and bool(count),
        f"{count} attestations are signed by the run's key and say what the log says; the {len(subjects)} "
        f"files that they are of are those on record, and {len(here)} of these are in the bundle.",
        " ".join(wrong[:10]) or "The log tells of attestations, and none is here.",
    )
    for text in sorted({*unsaid}):
        say(None, text)
    return subjects


def attested_in(data: bytes, key: str) -> dict[str, Any]:
    """The statement in an envelope that the key signed; a RefusedError where it did not."""
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
    if KINDS_ATTESTED[said["predicateType"]] == "gates":
        return gates_told_otherwise(evidence.gates, predicate), []
    wrong, unsaid = [], []
    for each in predicate["buildDefinition"]["internalParameters"]["jobs"]:
        entry = entry_at(evidence, each["entry"])
        pairs = {"job": "job", "step": "step", "stepKey": "step_key", "settings": "settings"}
        if any((each[one] or None) != (entry.get(two) or None) for one, two in pairs.items()):
            wrong.append(f"what it says of {each['job']!a} is not what entry {each['entry']} says")
    for each in predicate["runDetails"]["byproducts"]:
        outputs = entry_at(evidence, each["annotations"]["entry"]).get("outputs") or {}
        if outputs.get(each["name"].rpartition("/")[0]) != each["digest"]["sha256"]:
            wrong.append(f"{each['name']!a} is no result on record")
    for each in predicate["buildDefinition"]["resolvedDependencies"]:
        known = dependency_known(evidence, each)
        if known is None:
            unsaid.append("Of which files a base model consists stands in a list that is not in the bundle.")
        elif not known:
            wrong.append(f"{each['name']!a} was not used by what is on record, or had another digest")
    builder = predicate["runDetails"]["builder"]["id"]
    if builder != "urn:duecare:recorder:" + evidence.key:
        wrong.append("it names another builder than the key of the run")
    return wrong, unsaid


def dependency_known(evidence: Evidence, each: dict[str, Any]) -> bool | None:
    """Whether a dependency is an input on record, or a file of a base model; None where there is no list."""
    about, digest = each["annotations"], each["digest"]["sha256"]
    entry = entry_at(evidence, about["entry"])
    if about["kind"] == "file":
        return bool((entry.get("inputs") or {}).get("external:" + each["name"]) == digest)
    for folder in entry.get("outputs") or {}:
        data = evidence.archive.content(f"run/{folder}/reference.json")
        if data is None or hashlib.sha256(data).hexdigest() != evidence.listed.get(
            f"{folder}/reference.json"
        ):
            return None
        reference = json.loads(data)
        names = {f"{reference['name']}/{name}": sha for name, sha in reference["files"].items()}
        return bool(names.get(each["name"]) == digest)
    return False


def gates_told_otherwise(gates: dict[str, dict[str, Any]], predicate: dict[str, Any]) -> list[str]:
    """Whether the lists are those of the gates that count (by the digest of what they said)."""
    plain = [f"{each['name']} ({each['limit']})" for each in gates.values()]
    named: dict[bool, list[str]] = {True: [], False: []}
    for (digest, each), name in zip(gates.items(), plain):  # noqa: B905  # the program runs on Python 3.9
        one = name if plain.count(name) == 1 else f"{name} [{digest[:8]}]"
        unsure = each["verdict"] == "insufficient evidence"
        named[each["verdict"] == "pass"].append(f"{one}: insufficient evidence" if unsure else one)
    waived = [name.rpartition(", waived until ")[0] for name in predicate["warnedTests"]]
    wrong = []
    if sorted(predicate["passedTests"]) != sorted(named[True]):
        wrong.append("it lists other gates as passed than the log")
    if sorted([*waived, *predicate["failedTests"]]) != sorted(named[False]):
        wrong.append("it lists other gates as not passed than the log")
    lists = {"FAILED": predicate["failedTests"], "WARNED": predicate["warnedTests"]}
    if predicate["result"] != next((word for word, names in lists.items() if names), "PASSED"):
        wrong.append("its result is not that of its lists")
    return wrong


def entry_at(evidence: Evidence, index: Any) -> dict[str, Any]:
    """An entry from before the attestations; a ValueError where there is none of that number."""
    if type(index) is not int or not 0 <= index < len(evidence.entries):
        raise ValueError("no such entry")
    return evidence.entries[index]


def judge_weights(say: Any, evidence: Evidence, subjects: dict[str, str], public: str) -> None:
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
        models = {name.split("/model/", 1)[1]: digest for name, digest in subjects.items()}
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
