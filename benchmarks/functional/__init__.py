"""A functional test of detectors of hate: what a sentence does, not which words it holds.

Every sentence is a template of one function (a threat, a quotation that is refuted, a neutral mention,
...) filled with a word for a group of people. The idea of testing by function is that of Röttger et al.
2021, "HateCheck" (ACL 2021); functions, templates, words and groups here are our own. The suite is a
test and nothing else: no training script may read it, no training sentence may come near one of its
templates, and half of its groups are named in no training source (`tests/detect/test_functional.py`
holds all three).
"""

from functional.cases import Case, cases
from functional.groups import GROUPS, Group

__all__ = ["GROUPS", "Case", "Group", "cases"]
