"""What only people can say of a data set: the questions that a study may answer for each of its sources."""

from __future__ import annotations

from collections.abc import Mapping

ABOUT: Mapping[str, tuple[str, str]] = {
    "made_for": ("Why it was put together", "For what was it first made, and who paid for it?"),
    "people": ("Whom it is about", "Who are the people in it, and what do they not know about being in it?"),
    "harm": ("Whom it is about", "Who could be harmed by it, and how?"),
    "collected": ("How it was collected", "How was it collected, and by whom?"),
    "period": ("How it was collected", "When?"),
    "ethics": ("How it was collected", "Who reviewed that, and what did they say?"),
    "labelled": ("How it was collected", "Who labelled it, by which guideline, and how were they paid?"),
    "uses": ("What it may be used for", "For what is it fit?"),
    "not_for": ("What it may be used for", "For what must it not be used?"),
    "shared": ("Who has it and looks after it", "Who may have it?"),
    "kept": (
        "Who has it and looks after it",
        "Who looks after it, until when is it kept, and who hears of errors?",
    ),
}
"""Key in a study (`about: {collected: ...}`) -> section of the data card, and the question."""
