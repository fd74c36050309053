"""The log: lines that are linked, in place and of one run, and whose claims about themselves hold."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from duecare.ledger.outside.archive import RefusedError
from duecare.ledger.outside.ed25519 import ed25519_holds
from duecare.ledger.outside.tree import hash_of_leaf

COUNTED = ("step.finished", "report", "attested")
NEEDED = {"index": int, "happened": str, "run": str, "actor": str, "time": str, "previous": str}
LISTS, MAPPINGS = ("estimates", "findings"), ("inputs", "outputs", "software")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, refused where a key stands in it twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def plain_json(value: Any) -> bytes:
    """Canonical JSON of texts, whole numbers and nothing: sorted keys, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_object(data: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """An object of JSON without white space and with sorted keys: its values, and how each is written."""
    decoder = json.JSONDecoder(object_pairs_hook=unique_keys)
    text, place = data.decode("utf-8"), 1
    values: dict[str, Any] = {}
    written: dict[str, str] = {}
    if text[:1] != "{":
        raise ValueError("no object")
    while text[place : place + 1] != "}":
        place += bool(values)
        key, colon = decoder.raw_decode(text, place)
        values[key], end = decoder.raw_decode(text, colon + 1)
        written[key] = text[colon + 1 : end]
        place = end
    again = ",".join(f"{json.dumps(key, ensure_ascii=False)}:{written[key]}" for key in sorted(written))
    if "{" + again + "}" != text:
        raise ValueError("not the one spelling")
    return values, written


def read_head(data: bytes) -> dict[str, Any]:
    """A head whose signature holds for the key that it names; a RefusedError where it does not."""
    try:
        head, written = read_object(data.removesuffix(b"\n"))
        kinds = {"run": str, "size": int, "root": str, "time": str, "key": str, "signature": str}
        if {key: type(value) for key, value in head.items()} != kinds or not data.endswith(b"\n"):
            raise ValueError("another form")
        signature = bytes.fromhex(head["signature"])
        public = bytes.fromhex(head["key"])
        spelled = (public.hex(), signature.hex(), bytes.fromhex(head["root"]).hex())
        if spelled != (head["key"], head["signature"], head["root"]) or head["size"] < 0:
            raise ValueError("another spelling")
    except (ValueError, RecursionError):
        raise RefusedError("the head is not in the form in which it was written") from None
    signed = ",".join(f'"{name}":{written[name]}' for name in ("key", "root", "run", "size", "time"))
    if not ed25519_holds(public, b"duecare.head.v1\n{" + signed.encode() + b"}", signature):
        raise RefusedError("the signature of the head does not hold for the key that it names")
    return head


def read_entries(lines: list[bytes], run: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The entries, and a sentence for everything that cannot be so."""
    previous, found, problems = "0" * 64, [], []
    known: set[str] = set()
    for index, line in enumerate(lines):
        try:
            entry, written = read_object(line)
            refuse_other_shapes(entry)
            wrong = misplaced(entry, index, previous, run) + false_claims(entry, written, known)
            known.update(mapping(entry, "outputs").values())
            found.append(entry)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            wrong = ["is not an entry as duecare writes it"]
        problems += [f"Entry {index} {text}." for text in wrong]
        previous = hash_of_leaf(line).hex()
    return found, problems


def refuse_other_shapes(entry: dict[str, Any]) -> None:
    """Raise ValueError where an entry's fields are not of the kinds that entries have."""
    if any(type(entry.get(name)) is not kind for name, kind in NEEDED.items()):
        raise ValueError("a field is missing, or of another kind")
    for name in LISTS:
        value = entry.get(name, [])
        if type(value) is not list or not all(isinstance(each, dict) for each in value):
            raise ValueError(name)
    if not all(isinstance(entry.get(name, {}), dict) for name in (*MAPPINGS, "settings")):
        raise ValueError("a mapping is none")


def mapping(entry: dict[str, Any], name: str) -> dict[str, str]:
    """A mapping of texts to texts in an entry; empty where it has none."""
    value = entry.get(name) or {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError(name)
    return value


def misplaced(entry: dict[str, Any], index: int, previous: str, run: str) -> list[str]:
    """Whether an entry stands where it was written."""
    wrong = []
    if entry["index"] != index:
        wrong.append("bears another number")
    if entry["previous"] != previous:
        wrong.append("does not follow the entry before it")
    if entry["run"] != run:
        wrong.append("is of another run")
    return wrong


def false_claims(entry: dict[str, Any], written: dict[str, str], known: set[str]) -> list[str]:
    """What an entry says of itself and cannot be so."""
    wrong, happened = [], entry["happened"]
    settings, said = written.get("settings", "{}"), entry.get("settings_digest")
    if said is not None and hashlib.sha256(settings.encode()).hexdigest() != said:
        wrong.append("has another digest of its settings than it says")
    if said is None and settings != "{}":
        wrong.append("has settings and no digest of them")
    for name, digest in mapping(entry, "inputs").items():
        if digest not in known and not name.startswith("external:"):
            wrong.append(f"uses {name!a}, which no entry before it made")
    if entry.get("outputs") and happened not in COUNTED:
        wrong.append("claims results, which only a finished step, a report or attestations have")
    if happened == "step.finished":
        key = {
            "duecare": mapping(entry, "software").get("duecare"),
            "inputs": mapping(entry, "inputs"),
            "seed": entry.get("seed"),
            "settings": said,
            "step": entry.get("step"),
        }
        if hashlib.sha256(plain_json(key)).hexdigest() != entry.get("step_key"):
            wrong.append("has another key than that of its step, settings, seed, inputs and version")
    return wrong
