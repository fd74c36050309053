"""The sections `people` and `rules` of a study: what is refused, with its line, and what is recorded."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sound import SOUND, read

import duecare
from duecare.core import StudyError
from duecare.ledger.digest import value_digest
from duecare.ledger.people import Person, Rules, listing_of

KEYS = [f"{number:02x}" + "5a" * 31 for number in range(8)]
PEOPLE = f"""\
people:
  li: {{roles: [owner, deployer], key: {KEYS[0]}}}
  dana: {{roles: trainer, key: {KEYS[1]}, records: {KEYS[2]}}}
  noor: {{roles: [data-steward, reviewer], key: {KEYS[3]}}}
  ada: {{roles: [approver], key: {KEYS[4]}}}
rules:
  waiver_days: 30
"""
FIRST = len(SOUND.splitlines()) + 1
"""The line of `people:`."""


def problems(folder, text):
    with pytest.raises(StudyError) as caught:
        read(folder, text)
    return [(each.line, each.where, each.expected) for each in caught.value.problems]


def test_people_and_rules_are_read_and_recorded_with_every_default(folder):
    study = read(folder, SOUND + PEOPLE)
    assert study.people["dana"] == Person(roles=("trainer",), key=KEYS[1], records=KEYS[2])
    assert study.rules == Rules(waiver_days=30)
    recorded = study.settings()
    assert tuple(recorded["people"]["li"]["roles"]) == ("owner", "deployer")
    assert recorded["rules"]["waivers"] == 2
    assert listing_of(recorded) == study.listing
    usual = read(folder, SOUND + PEOPLE.partition("rules:")[0])
    assert usual.rules is None
    assert usual.settings()["rules"]["waiver_days"] == 90


def test_a_study_without_people_is_recorded_as_before(folder):
    settings = read(folder, SOUND).settings()
    assert list(settings)[:2] == ["study", "model"]
    assert not {"people", "rules"} & set(settings)


def test_a_list_enters_no_job(folder):
    """Who answers for it changes no result: every job keeps its key."""
    from duecare.cli.compose import compose

    plain, listed = (compose(read(folder, text)) for text in (SOUND, SOUND + PEOPLE))
    told = [[(job.id, value_digest(job.settings)) for job in plan.jobs] for plan in (plain, listed)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("old", "new", "line", "where", "expected"),
    [
        ("roles: [approver]", "role: [approver]", 4, "people.ada.role", "one of roles, key, records"),
        ("roles: [approver]", "roles: [aprover]", 4, "people.ada.roles.0", "did you mean"),
        ("roles: [approver]", "roles: []", 4, "people.ada.roles", "one role or more"),
        ("roles: [approver]", "roles: [approver, approver]", 4, "people.ada.roles", "each once"),
        (KEYS[4], "short", 4, "people.ada.key", "64 lower-case hex digits"),
        (KEYS[4], f"'{'00' * 32}'", 4, "people.ada.key", "Ed25519 public key"),
        (KEYS[4], KEYS[3], 4, "people.ada.key", "noor has this one"),
        (KEYS[4], KEYS[2], 4, "people.ada.key", "dana has this one"),
        (KEYS[2], KEYS[1], 2, "people.dana.records", "another than `key`"),
        (
            "roles: trainer",
            "roles: [trainer, approver]",
            2,
            "people.dana.roles",
            "not both trainer and approver",
        ),
        ("  ada:", "  li:", 4, "li", "each key once"),
        ("  ada:", "  LI:", 4, "people.LI", "two that read alike"),
        ("[owner, deployer]", "[deployer]", 0, "people", "an owner"),
        ("[owner, deployer]", "[owner]", 0, "rules.deploy", "a role that somebody in people has"),
        ("waiver_days: 30", "waiver_days: 0", 6, "rules.waiver_days", "1 to 365 days"),
        ("waiver_days: 30", "waiver_day: 30", 6, "rules.waiver_day", "did you mean"),
        ("waiver_days: 30", "waivers: 1", 6, "rules.waivers", "one alone never waives"),
        ("waiver_days: 30", "approvals: {data: [ethics]}", 6, "rules.approvals.data", "no ethics"),
        ("waiver_days: 30", "separate: [[owner, owner]]", 6, "rules.separate", "two different roles"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder, old, new, line, where, expected):
    assert old in PEOPLE
    found = problems(folder, SOUND + PEOPLE.replace(old, new))
    mine = [each for each in found if each[1].startswith(where)]
    assert mine, found
    assert any(expected in each[2] for each in mine), mine
    if line:
        assert {each[0] for each in mine} == {FIRST + line}


def test_rules_without_people_and_people_without_anybody_are_refused(folder):
    ((line, where, expected),) = problems(folder, SOUND + "rules: {waivers: 2}\n")
    assert (line, where) == (FIRST, "rules")
    assert "a section `people`" in expected
    found = problems(folder, SOUND + "people:\n")
    assert found == [(FIRST, "people", "at least an owner")]
    with pytest.raises(StudyError, match="rules are about them"):
        duecare.Study(name="x", rules=Rules()).check()


def test_a_broken_person_is_told_alone(folder):
    """No word about rules that only lost their people to that mistake."""
    found = problems(folder, SOUND + PEOPLE.replace(KEYS[4], "short"))
    assert [each[1] for each in found] == ["people.ada.key"]


def test_a_check_of_a_study_without_people_loads_no_keys(folder):
    (folder / "study.yaml").write_text(SOUND)
    code = (
        "import sys, duecare; duecare.Study.read('study.yaml'); print('duecare.ledger.people' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_study_built_in_python_is_held_to_the_same(folder):
    both = Person(roles=("owner", "deployer", "data-steward", "reviewer", "trainer"), key=KEYS[0])
    study = duecare.Study(name="x", people={"li": both, "ada": Person(roles=("approver",), key=KEYS[0])})
    with pytest.raises(StudyError) as caught:
        study.check()
    said = [(each.where, each.expected) for each in caught.value.problems]
    assert ("people.ada.key", "a key of one's own: li has this one") in said
    assert ("people.li.roles", "not both trainer and owner (rules.separate)") in said
