"""Known runs of words: found as a plain search finds them, with and without the compiled library."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecare.core import StudyError
from duecare.detect.kernel import build as building
from duecare.detect.overlap import passages_of
from duecare.detect.runs import LEAST, WITHIN, known_runs

said = st.lists(st.sampled_from("ab"), max_size=24).map(" ".join)


def plainly(items, passage, width):
    """Whether a passage holds an item, in plain Python."""
    words = re.findall("[a-z0-9]+", passage.lower())
    for item in items:
        own = re.findall("[a-z0-9]+", item.lower())
        size = min(len(own), width)
        runs = [own[i : i + size] for i in range(len(own) - size + 1)]
        within = [words[i : i + size] for i in range(len(words) - size + 1)]
        if (size >= WITHIN and any(run in within for run in runs)) or (size >= LEAST and words == own):
            return True
    return False


@pytest.mark.parametrize("kernel", ["", "off"])
@pytest.mark.parametrize("width", [8, 13])
@given(items=st.lists(said, max_size=3), passages=st.lists(said, max_size=6))
def test_what_is_found_is_what_a_plain_search_finds(kernel, width, items, passages):
    known = known_runs(items, width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_KERNEL", kernel)
        found = known.find(passages_of(pa.array(passages, pa.string())))
    assert [each >= 0 for each in found] == [plainly(items, each, width) for each in passages]
    for item, passage in zip(found.tolist(), passages, strict=True):
        assert item < 0 or plainly([items[item]], passage, width)


@pytest.mark.skipif(building.compiler() is None, reason="no C compiler is on the PATH")
@given(
    items=st.lists(said | st.text(max_size=60), max_size=4), passages=st.lists(said | st.text(), max_size=6)
)
def test_the_library_and_the_fallback_give_the_same_bytes(items, passages):
    known, made = known_runs(items, 8), passages_of(pa.array(passages + items, pa.string()))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DUECARE_KERNEL", raising=False)
        compiled = known.find(made).tobytes()
        patch.setenv("DUECARE_KERNEL", "off")
        assert known.find(made).tobytes() == compiled


def test_which_items_are_looked_for_is_said():
    known = known_runs(["a b c", "a b c d", "", " ".join("abcdefghi"), " ".join("abcdefghijklmnop")])
    assert known.compared.tolist() == [False, True, False, True, True]
    assert known.widths == (13, 9)


def test_a_width_out_of_range_is_refused():
    for width in (7, 65):
        with pytest.raises(StudyError, match="width"):
            known_runs([], width)
