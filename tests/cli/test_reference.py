"""The reference of the study file says what the code says, and explains every key."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from duecare.cli.reading import SECTIONS
from duecare.cli.steps import KINDS
from duecare.evaluate.limit import GateSpec

ROOT = Path(__file__).parent.parent.parent


def script():
    spec = importlib.util.spec_from_file_location("study_reference", ROOT / "scripts" / "study_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = script()
PAGE = REFERENCE.PAGE.read_text("utf-8")


def test_the_page_is_what_the_classes_say():
    assert REFERENCE.renewed(PAGE) == PAGE, "run scripts/study_reference.py"
    edited = PAGE.replace("| `limit` |", "| `limits` |")
    assert edited != PAGE
    assert REFERENCE.renewed(edited) == PAGE  # the control: an edited table is seen


def test_every_section_and_every_step_stands_in_the_page():
    headings = set(re.findall(r"^##+ ([\w-]+)$", PAGE, re.M))
    assert set(SECTIONS) - {"seed"} <= headings
    assert {kind.name for kind in KINDS if kind.section in ("curate", "train")} <= headings
    assert set(re.findall(r"<!-- begin ([\w-]+) -->", PAGE)) == set(REFERENCE.blocks())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_key_is_explained_where_its_class_is(kind):
    cls = GateSpec if kind.name == "gate" else kind.load()
    said = REFERENCE.meanings(cls)
    for field in REFERENCE.fields(cls) if kind.name == "gate" else kind.settings():
        assert said.get(field.name), f"{cls.__name__}: the docstring does not say what {field.name} means"
