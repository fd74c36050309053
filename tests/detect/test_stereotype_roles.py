"""Stereotypes about groups in a role, and by a trait for a task. Both lists were written before the rules they test."""

from __future__ import annotations

# ruff: noqa: E501 - tables of sentences are read whole, on their lines
import pytest

from duecare.detect.stereotype import find_stereotypes

SAID = """
Elderly drivers are dangerous.
Women are too emotional to lead.
Female drivers are terrible.
Old drivers cause most accidents because they are slow.
Women drivers are hopeless.
Men are too proud to ask for help.
Young employees are lazy.
Older employees are slow to learn.
Female managers are bossy.
Male nurses are weak.
Muslim passengers are dangerous.
Immigrant workers are lazy.
Foreign students are always cheating.
Black customers never tip.
Asian drivers are bad.
Jewish bankers are greedy.
Mexican workers are lazy.
Elderly customers are confused by apps.
Old people are too slow to work here.
Girls are too weak to be firefighters.
Women are not strong enough to be soldiers.
Women are not rational enough for politics.
Seniors are too old to drive.
Teenage drivers are reckless.
Young women are too sensitive for this job.
Men are too clumsy to look after babies.
Gay teachers are dangerous.
Disabled employees are a burden.
Indian callers are rude.
Refugees are too lazy to work.
Older workers are too stubborn to change.
Female engineers are incompetent.
Women make terrible drivers.
Elderly patients are stubborn and difficult.
Blind customers are helpless.
Foreign doctors are incompetent.
Muslim women are oppressed.
Women are too fragile for construction work.
Boys are not gentle enough to be nurses.
Women lack the strength to lead.
Old people lack the ability to learn.
Men lack empathy.
Immigrants lack discipline.
Women are bad drivers by nature.
""".strip().splitlines()

HARMLESS = """
Elderly drivers are welcome to renew online.
Elderly drivers are offered a free eye test.
Female voters are asked to register.
Women are eligible to lead the team.
Women are too often overlooked for the lead.
Older employees are entitled to more leave.
Young employees are paid every month.
Male customers are served here.
Muslim passengers are served halal meals.
Foreign students are asked to register.
Black customers were served later than white ones, she complains.
Elderly customers are called back within an hour.
The road is dangerous for elderly drivers.
The drivers are dangerous.
Old cars are slow.
Old phones are too slow to update.
The young dogs are lazy.
Indian restaurants are cheap here.
Mexican food is too hot to eat.
German shepherds are smart and loyal.
Polish sausages are cheap.
Girls are too many to fit in one room.
My daughters are too tired to walk.
The men are too tired to lead the horses home.
The women were late for the bus.
Seniors are 65 or older.
Teenage drivers are asked to take a course.
Disabled employees are protected by law.
Blind customers are offered large print.
It is a myth that women are too emotional to lead.
It is not true that elderly drivers are dangerous.
Research finds that female drivers are safer.
Older workers are too expensive, the firm told the court.
Women lack access to credit in some countries.
Old people lack transport in this village.
Refugees lack shelter.
Men are too few on this ward.
Our customers are rude sometimes.
The teachers are strict.
Immigrant workers are underpaid.
Women are not old enough to retire at 60.
Foreign workers are in demand.
Elderly patients are at risk of falling.
Two older drivers are late today.
""".strip().splitlines()


@pytest.mark.parametrize("text", SAID)
def test_a_group_in_a_role_or_for_a_task_is_a_stereotype(text: str) -> None:
    assert find_stereotypes(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_said_beside_them_is_none(text: str) -> None:
    assert find_stereotypes(text) == []
