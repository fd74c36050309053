"""The functional test of detectors of hate is whole, and no training source comes near it."""

from __future__ import annotations

import ast
import importlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts")]

from functional import GROUPS, cases  # noqa: E402 - the path is set above
from functional.apart import near_copies, unseen_words  # noqa: E402
from toxicity_functions import functional_sentences  # noqa: E402 - likewise
from toxicity_grammar import composed, invented  # noqa: E402 - likewise
from toxicity_groups import group_words  # noqa: E402 - likewise
from toxicity_hostile import hostile  # noqa: E402
from toxicity_names import named  # noqa: E402 - likewise
from toxicity_templates import all_terms, written  # noqa: E402

TRAINING = ("train_toxicity", "train_toxicity_minilm", "train_group_reading")
SLOTS = ("adjective", "person", "people")


def own_sentences() -> list[str]:
    sources = (written(), hostile(), composed(all_terms()), named())
    by_function = [text for _, text, *_ in functional_sentences(all_terms())]
    return [text for source in sources for text, *_ in source] + by_function


def known_names() -> set[str]:
    return {term[slot] for term in (*all_terms(), *invented()) for slot in SLOTS}


def test_the_suite_is_whole() -> None:
    every = cases()
    texts = [case.text for case in every]
    assert len(every) >= 3000
    assert len(set(texts)) == len(texts)
    assert not [text for text in texts if "{" in text]
    functions = Counter(case.function for case in every)
    assert len(functions) >= 30
    assert {(case.toxic, case.attack) for case in every} == {(True, True), (True, False), (False, False)}
    named = Counter(case.group for case in every if case.group)
    assert set(named) == set(GROUPS)
    assert len(set(named.values())) == 1, "every group stands in every template"
    assert min(sum(group.seen for group in GROUPS), sum(not group.seen for group in GROUPS)) >= 25


def test_no_own_training_sentence_comes_near() -> None:
    assert list(near_copies(own_sentences(), known_names())) == []


def test_no_unseen_group_is_named_in_our_own_training_sentences() -> None:
    words = unseen_words()
    assert {"quaker", "uruguayans", "octogenarian"} <= words
    assert not words & set(group_words())
    assert not [text for text in own_sentences() if words & set(text.lower().replace(".", " ").split())]


def test_a_copy_would_be_found() -> None:
    """Control: a template with another name, with a word changed and shortened is near; plain talk is not."""
    near = ["Ship the Norwegians off to wherever will take them", "the sight of women turns my poor stomach."]
    found = [sentence for sentence, _ in near_copies([*near, "When will my parcel arrive?"], ["Norwegians"])]
    assert found == near


@pytest.mark.data
def test_no_training_source_comes_near(data_folder: Path) -> None:
    sources = importlib.import_module("toxicity_sources")
    rows = [row for row in sources.everything(data_folder) if not row.held_out]
    texts = [row.text for row in rows]
    assert len(texts) > 50000
    assert list(near_copies(texts, known_names())) == []
    words = unseen_words()
    named = [row.source for row in rows if words & set(row.text.lower().split())]
    assert named == []


def test_training_never_reads_the_suite() -> None:
    read = [module for script in TRAINING for module in imported(ROOT / "scripts", script)]
    assert set(TRAINING) < set(read)
    assert {"toxicity_sources", "toxicity_functions"} < set(read)
    assert not [module for module in read if module.partition(".")[0] in ("functional", "benchmarks")]


def imported(folder: Path, module: str) -> Iterator[str]:
    """Every module that the script `module` imports, those of the other scripts it imports included."""
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        path = folder / f"{name.replace('.', '/')}.py"
        if path.is_file():
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    waiting += [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    waiting.append(node.module)


@pytest.mark.data
def test_no_training_sentence_is_one_of_the_jigsaw_templates(data_folder: Path) -> None:
    """They are a test too. Control: they hold sentences as short as ours."""
    measures = importlib.import_module("toxicity_measures")
    phrases = {plainly(row["phrase"]) for row in measures.templates(data_folder)}
    assert plainly("I am gay.") in phrases
    sources = importlib.import_module("toxicity_sources")
    rows = [row for row in sources.everything(data_folder) if not row.held_out]
    assert not [row.source for row in rows if plainly(row.text) in phrases]


def plainly(text: str) -> str:
    return " ".join("".join(sign if sign.isalnum() else " " for sign in text.lower()).split())
