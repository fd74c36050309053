"""Who answers for a run: what people sign counts only where it holds, and what is missing is said."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from answered_run import (
    FAILED_GATE,
    KEYS,
    NOW,
    approve_all,
    draft,
    faults,
    known,
    listing,
    make,
    of_people,
    outsider,
    people,
    put,
    say,
    start,
    step,
    work,
)
from small_run import KEY, OTHER_KEY, SOFTWARE, failures, make_run, open_run

from duecare.core import INSUFFICIENT, PASS, StudyError
from duecare.ledger import verify
from duecare.ledger.duties import missing
from duecare.ledger.outside.ed25519 import NEUTRAL, bytes_of, multiplied, point_of
from duecare.ledger.people import WEAK_KEYS, Approvals, Listing, Person, Rules, listing_of
from duecare.ledger.sign import holds
from duecare.ledger.statement import Statement
from duecare.ledger.waiver import Waived, waivers


def test_a_run_without_people_hears_nothing_of_them(tmp_path: Path) -> None:
    found = verify(make_run(tmp_path / "run"))
    assert not [finding for finding in found if "people" in finding.name]


def test_all_approvals_and_a_release_hold(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    assert of_people(run)["duty"] == [(PASS, "Approvals, waivers and duties are as the rules ask.")]
    say(run, "release", "kim")
    found = of_people(run)
    assert found["signature"][0][0] == PASS
    ((verdict, detail),) = found["release"]
    assert verdict == INSUFFICIENT  # signed, but the bundle is not on record
    assert "interrupted" in detail
    with open_run(run) as recorder:
        recorder.append("released")
    assert of_people(run)["release"] == [(PASS, "Released by kim, entry 10.")]
    assert not failures(run, now=NOW)
    code, said = outsider(run, tmp_path)
    assert code == 2  # no head was given: a roll-back cannot be seen
    assert "Entry 10 releases the run, and nothing was missing then." in said
    assert "Approvals and waivers are as the rules of the study ask." in said
    assert "entry 10: kim (deployer) released the run" in said


def test_what_is_missing_is_said_at_once(tmp_path: Path) -> None:
    run = make(
        tmp_path / "run", FAILED_GATE, listed=listing(dana=dataclasses.replace(people()["dana"], records=""))
    )
    said = "\n".join(missing(known(run), NOW))
    for part in (
        "no owner has signed the list",
        f"{KEY.public}, is nobody's on the list",
        "the data is not approved by a person as data-steward",
        "the training is not approved by a person as approver",
        "the evaluation is not approved by a person as reviewer",
        "the release is not approved by a person as approver",
        "2 different people have to waive it, 0 did",
    ):
        assert part in said
    assert {verdict for verdict, _ in of_people(run)["duty"]} == {INSUFFICIENT}
    assert not failures(run)  # nothing is false, it is only not done


def test_an_approval_of_an_earlier_state_counts_no_more(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    assert not missing(known(run), NOW)
    with open_run(run) as recorder:
        start(recorder, listing())
        work(recorder, run, data=b"two")
    lacking = missing(known(run), NOW)
    assert len(lacking) == 4
    assert all("approved an earlier state" in each for each in lacking)


def test_a_new_run_of_the_same_results_keeps_approvals(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    with open_run(run) as recorder:
        before = [entry for entry in recorder.entries if entry.happened == "step.finished"]
        start(recorder, listing())
        kept = ("job", "step", "step_key", "settings", "seed", "outputs", "software")
        for entry in before:
            recorder.append("step.finished", **{name: getattr(entry, name) for name in kept})
        recorder.append("run.finished")
    assert not missing(known(run), NOW)


# The list of people.


def test_a_changed_list_counts_only_once_an_owner_signed_it(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    eve = Person(roles=("approver",), key=OTHER_KEY.public)
    with open_run(run) as recorder:
        start(recorder, listing(eve=eve))
        work(recorder, run, data=b"two")
    assert "lists other people or rules, and no owner has signed that" in faults(run)
    assert "no owner signed that" in outsider(run, tmp_path)[1]
    said = draft(run, "approve", "ada", about="training")
    put(run, msgspec.structs.replace(said, person="eve"), OTHER_KEY)
    assert "'eve' is not on the list" in faults(run)


def test_an_owner_signs_a_changed_list(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    eve = Person(roles=("approver",), key=OTHER_KEY.public)
    with open_run(run) as recorder:
        start(recorder, listing(eve=eve))
        work(recorder, run)
    say(run, "people", "li")
    assert not faults(run)
    assert "eve" in known(run).listed.listing.people  # type: ignore[union-attr]
    assert any("release is not approved" in each for each in missing(known(run), NOW))  # of the list before


def test_only_an_owner_of_the_list_before_signs_a_new_one(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    mallory = Person(roles=("owner",), key=OTHER_KEY.public)
    with open_run(run) as recorder:
        start(recorder, listing(li=dataclasses.replace(people()["li"], roles=("reviewer",)), mallory=mallory))
        work(recorder, run)
    said = draft(run, "people", "li")
    put(run, msgspec.structs.replace(said, person="mallory"), OTHER_KEY)
    assert "'mallory' is not on the list" in faults(run)


def test_a_study_that_drops_its_people_is_found(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    with open_run(run) as recorder:
        start(recorder, None)
        work(recorder, run)
    assert "lists nobody any more" in faults(run)
    assert outsider(run, tmp_path)[0] == 1


def test_whoever_is_taken_off_the_list_counts_no_more(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    stranger = dataclasses.replace(people()["ada"], key=OTHER_KEY.public)
    with open_run(run) as recorder:
        start(recorder, listing(ada=stranger))
        work(recorder, run)
    say(run, "people", "li")
    assert not faults(run)
    assert any("training is not approved" in each for each in missing(known(run), NOW))


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"eve": Person(roles=("approver",), key=KEYS["rei"].public)}, "has this one"),
        ({"dana": Person(roles=("trainer", "approver"), key=KEYS["dana"].public)}, "not both trainer"),
        ({"eve": Person(roles=("approver",), key="ab" * 32, records=KEY.public)}, "has this one"),
        ({"LI": Person(roles=("owner",), key=OTHER_KEY.public)}, "two that read alike"),
    ],
)
def test_one_person_under_two_names_is_refused_also_by_verify(
    tmp_path: Path, changed: dict[str, Person], found: str
) -> None:
    """Whoever records wrote the list past the check of the study."""
    listed = listing(**changed)
    assert any(found in str(problem) for problem in listed.problems())
    run = make(tmp_path / "run", listed=listed)
    assert found in faults(run)
    assert outsider(run, tmp_path)[0] == 1
    assert not listing().problems()  # the control


@pytest.mark.parametrize(
    "weaker",
    [
        {"waivers": 1},
        {"waivers": 0},
        {"waiver_days": 5000},
        {"forget": 5},
        {"forget": "data-steward"},
        {"forget": [5]},
        {"forget": ["data-steward"]},
        {"deploy": "deployer"},
    ],
    ids=str,
)
def test_rules_weaker_than_any_may_be_are_no_list_for_either_verifier(
    tmp_path: Path, weaker: dict[str, Any]
) -> None:
    run, plain = tmp_path / "run", msgspec.to_builtins(listing().plain())
    plain["rules"] |= weaker
    with open_run(run) as recorder:
        recorder.append("run.started", settings={"study": {"name": "x"}, **plain}, software=SOFTWARE)
        work(recorder, run)
    assert "list of people is " in faults(run)  # malformed, or not as it was written
    code, said = outsider(run, tmp_path)
    assert code == 1
    assert "lists people in a form" in said


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (Listing({}), "an owner, who signs this list"),
        (Listing(people(), Rules(approvals=Approvals(data=("reviewer", "ethics")))), ""),
        (Listing({"li": people()["li"]}), "a role that somebody in people has: no data-steward"),
        (Listing(people() | {"Li ": people()["li"]}), "printable characters"),
        (Listing(people() | {"LI": Person(roles=("owner",), key="ab" * 32)}), "two that read alike"),
        (Listing(people() | {"a.b": Person(roles=("owner",), key="ab" * 32)}), "without . / :"),
    ],
)
def test_a_list_that_cannot_work_is_refused(listed: Listing, found: str) -> None:
    said = "\n".join(map(str, listed.problems()))
    assert found in said if found else not said


def test_weak_keys_are_refused_and_are_weak() -> None:
    proper = [point for key in WEAK_KEYS if (point := point_of(bytes.fromhex(key))) is not None]
    assert len(proper) == 8
    assert all(bytes_of(multiplied(8, point)) == bytes_of(NEUTRAL) for point in proper)
    orders = [bytes_of(point).hex() for point in proper]
    for key in WEAK_KEYS:  # anybody can make a signature that holds, also where it is spelled as none should
        forged = [start + "00" * 32 for start in orders]
        assert any(holds(key, each, b"%d" % number) for each in forged for number in range(30)), key
        with pytest.raises(StudyError, match=r"people\.key"):
            Person(roles=("owner",), key=key)
    other = (2**255 - 19 + 3).to_bytes(32, "little").hex()  # a point, by another spelling than its own
    with pytest.raises(StudyError, match=r"people\.key"):
        Person(roles=("owner",), key=other)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"separate": (("owner", "owner"),)}, "separate"),
        ({"waivers": 1}, "waivers"),
        ({"waiver_days": 0}, "waiver_days"),
        ({"waiver_days": 400}, "waiver_days"),
        ({"waive": ()}, "waive"),
        ({"answer": ()}, "answer"),
        ({"deploy": ()}, "deploy"),
    ],
)
def test_rules_that_weaken_everything_are_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(StudyError, match=rf"rules\.{field}"):
        Rules(**given)


def test_a_list_is_read_back_as_it_was_written() -> None:
    listed = listing(Rules(waivers=3, approvals=Approvals(data=())))
    again = listing_of(msgspec.json.decode(msgspec.json.encode(listed.plain())))
    assert again == listed
    assert again is not None
    assert again.digest == listed.digest
    assert listing_of({"study": {}}) is None


# Gates and waivers.


def _waive(run: Path, *names: str) -> None:
    for name in names:
        say(run, "waive", name)
    say(run, "approve", "ada", about="release")


def test_a_failed_gate_takes_two_different_people(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run", FAILED_GATE))
    _waive(run, "wren", "wren")  # one person twice
    (lacking,) = missing(known(run), NOW)
    assert "2 different people have to waive it, 1 did" in lacking
    _waive(run, "li")
    assert missing(known(run), NOW) == []


def test_a_waiver_runs_out_also_after_a_release(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run", FAILED_GATE))
    _waive(run, "wren", "li")
    say(run, "release", "kim")
    assert not faults(run)
    late = datetime(2030, 3, 2, tzinfo=UTC)
    assert "Released, but the gate gate.toxicity.gap" in faults(run, late)
    assert "the waiver of li ran out on 2030-03-01" in faults(run, late)
    assert not faults(run, datetime(2030, 3, 1, tzinfo=UTC) - timedelta(seconds=1))


def test_a_waiver_of_people_ends_when_the_first_of_those_it_needs_does(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run", FAILED_GATE))

    def told() -> tuple[Waived, ...]:
        found = known(run)
        return waivers(found.entries, FAILED_GATE, found)

    say(run, "waive", "wren", expires="2030-02-20T00:00:00+00:00")
    assert told() == ()  # one alone waives nothing
    say(run, "waive", "li", expires="2030-02-10T00:00:00+00:00")
    (one,) = told()
    assert (one.people, one.expires.day) == (("wren", "li"), 10)
    say(run, "waive", "ada", expires="2030-02-15T00:00:00+00:00")
    (one,) = told()
    assert (one.people, one.expires.day) == (("wren", "ada"), 15)


def test_a_waiver_is_of_one_finding_alone(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run", FAILED_GATE))
    _waive(run, "wren", "li")
    worse = msgspec.structs.replace(FAILED_GATE, detail="The gap is 0.9.")
    with open_run(run) as recorder:
        start(recorder, listing())
        work(recorder, run, worse, data=b"two")
    assert any("0 did" in each for each in missing(known(run), NOW))


def test_a_gate_told_midway_is_heard_also_when_verifying(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with open_run(run) as recorder:
        start(recorder, listing())
        step(recorder, run, "read", "curate", b"one")
        step(recorder, run, "sft", "train", b"one")
        recorder.append("told", job="gate", step_key=None, findings=(FAILED_GATE,))
        step(recorder, run, "gate", "evaluate", b"one", FAILED_GATE)
        recorder.append("run.finished")
    assert any("have to waive it" in detail for _, detail in of_people(run)["duty"])


# Incidents and releases.


def test_an_incident_reopens_the_study_until_it_is_answered(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    say(run, "release", "kim")
    place = say(run, "incident", "dana", about="serious", text="It names a person.")
    assert 'dana reported an incident (serious): "It names a person."' in faults(run)
    assert f"Incidents are open: entries {place}." in outsider(run, tmp_path)[1]
    assert "not released as it is" in of_people(run)["release"][0][1]
    lacking = missing(known(run), NOW)
    assert any(f"the incident of entry {place}" in each for each in lacking)
    say(run, "answer", "li", of=place, text="The rows were taken out.")
    assert not faults(run)
    (lacking,) = missing(known(run), NOW)
    assert "the release is not approved" in lacking  # the approval of before is not of what is now known
    assert "Nobody approved the release, as it is" in outsider(run, tmp_path)[1]
    say(run, "approve", "ada", about="release")
    assert missing(known(run), NOW) == []
    assert "lacks" not in outsider(run, tmp_path)[1]


def test_a_release_without_its_conditions_is_found_for_ever(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    say(run, "people", "li")
    say(run, "release", "kim")
    assert "releases the run, but the data is not approved" in faults(run)
    assert "releases the run, but: Nobody approved the data" in outsider(run, tmp_path)[1]
    for matter, name in (("data", "noor"), ("training", "ada"), ("evaluation", "rei"), ("release", "ada")):
        say(run, "approve", name, about=matter)
    assert "releases the run, but the data is not approved" in faults(run)


def test_a_release_of_another_state_or_beside_what_cannot_stand_is_found(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))
    put(run, msgspec.structs.replace(draft(run, "release", "kim"), subject="00" * 32))
    assert "it is signed for another state of the run" in faults(run)
    other = approve_all(make(tmp_path / "other"))
    put(other, draft(other, "entry", "rei", of=1), OTHER_KEY)
    say(other, "release", "kim")
    assert "something on record then could not stand" in faults(other)


def test_a_statement_takes_no_other_form() -> None:
    assert set(Statement.__struct_fields__) == {
        *("run", "size", "root", "act", "person", "role", "time", "about", "of", "subject", "expires", "text")
    }
