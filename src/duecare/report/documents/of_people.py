"""What a run's ledger holds about people: who answers, signed, waived, reported, was forgotten."""

from __future__ import annotations

from duecare.ledger.forgotten import forgotten
from duecare.report.documents.fact import Fact, declared, measured, missing
from duecare.report.named import declarer
from duecare.report.view import View

_LISTED = "the section “people” of the study"


def purpose(view: View) -> list[Fact]:
    """What it is for."""
    return [declared(view, "What is it for?", view.purpose, "“purpose” in the section “study”")]


def owner(view: View) -> list[Fact]:
    """Who answers for it, and who ran the jobs."""
    answers = declared(view, "Who answers for it?", view.owner, "“owner” in the section “study”")
    entries = [entry.index for entry in view.story.entries if entry.happened == "run.started"]
    ran = measured("Who ran it?", ", ".join(view.account.actors), entries or [view.story.entries[0].index])
    return [answers, ran]


def roles(view: View) -> list[Fact]:
    """The people of the study and what each may sign."""
    found = view.answering
    if found is None:
        return [missing("People and their roles", _LISTED)]
    signed = f"; the list is signed in entry {found.signed}" if found.signed is not None else "; not signed"
    said = "; ".join(f"{person.name}: {', '.join(person.roles)}" for person in found.people) + signed
    by = declarer(view)
    return [Fact("People and their roles", said, "declared", (found.listed,), by=by.name)]


def signatures(view: View) -> list[Fact]:
    """What people signed about this run."""
    found = view.answering
    said = [each for person in (found.people if found else ()) for each in person.signed]
    told = [
        measured("Signed", " ".join(filter(None, (each.text, each.quoted))), [each.entry]) for each in said
    ]
    return told or [missing("Signed statements", "“duecare people sign” by those whom the study lists")]


def waived(view: View) -> list[Fact]:
    """Gates that people let pass."""
    found = [
        measured(f"Waiver of {card.title}", f"{one.text}: {one.quoted}", [one.entry])
        for card in view.gates
        for one in card.waived
    ]
    return found or [missing("Waivers", "nothing: no gate was waived; a waiver would stand here")]


def incidents(view: View) -> list[Fact]:
    """Incidents that were reported, and what was answered."""
    found = view.answering
    if found is None:
        return [missing("Incidents", f"{_LISTED}, and “duecare incident” by those listed")]
    told = [
        measured(
            f"Incident ({each.severity}, {each.state})",
            f"{each.by}: {each.what}" + (f"; {each.answer.text} {each.answer.quoted}" if each.answer else ""),
            [each.entry, *([each.answer.entry] if each.answer else [])],
        )
        for each in found.incidents
    ]
    return told or [measured("Incidents", "none on record", [view.story.entries[-1].index])]


def release(view: View) -> list[Fact]:
    """Whether it was released, by whom, and what is missing for that."""
    found = view.answering
    if found is None:
        return [missing("Release", f"{_LISTED}, their approvals, and “duecare release”")]
    if found.released is not None:
        return [measured("Release", found.released.text, [found.released.entry])]
    lacking = "; ".join([*found.faults, *found.missing]) or "nobody has released it"
    return [missing("Release", lacking)]


def erased(view: View) -> list[Fact]:
    """What was forgotten at a person's request or because its time was up."""
    found = [measured("Forgotten", one.text, [one.entry]) for one in forgotten(view.story.ledger)]
    return found or [
        missing("Forgotten", "nothing: nobody asked; a call of “duecare forget” would stand here")
    ]


def kept(view: View) -> list[Fact]:
    """What is encrypted and until when data may be kept, as the study says."""
    storage = view.story.study.get("storage")
    said = ""
    if isinstance(storage, dict):
        seal, until = storage.get("seal") or [], storage.get("keep_until")
        sealed = f"encrypted: {', '.join(map(str, seal))}" if seal else "nothing is encrypted"
        said = f"{sealed}; kept until {until or 'no day that is set'}"
    return [declared(view, "What is encrypted, and until when is it kept?", said, "the section “storage”")]
