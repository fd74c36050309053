"""What only people can say of a data set and of a system: the questions that a study may answer."""

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

SYSTEM: Mapping[str, tuple[str, str]] = {
    "benefits": ("Benefits", "What good is it to do, and for whom?"),
    "users": ("Users", "Who is meant to use it?"),
    "affected": ("Who is affected, and how", "Whom do its answers touch, and how could they be harmed?"),
    "not_for": ("What it is not for", "For what must it not be used?"),
    "version": ("Version", "Which version is it, and how does it stand to earlier ones?"),
    "contact": ("Contact for errors and complaints", "Who hears of errors and complaints?"),
    "setting": (
        "Other systems it works with",
        "With which other systems, software and hardware does it work together?",
    ),
    "shipped": ("Forms in which it is handed over", "In which forms is it handed over?"),
    "hardware": ("Hardware", "On which hardware is it to run?"),
    "interface": (
        "Interface and instructions",
        "Through what do people meet it, and which instructions do they get?",
    ),
    "input": ("Input", "What may be put into it?"),
    "choices": (
        "Choices of design and trade-offs",
        "Which choices of design and which trade-offs were made, and why?",
    ),
    "risks": (
        "Risks and what is done about them",
        "Which risks were found, how likely and how bad are they, and what is done about each?",
    ),
    "oversight": ("Oversight in use", "Who oversees it in use, and how can they step in?"),
    "figures": ("Why these figures", "Why are the figures that were taken the right ones for it?"),
    "law": (
        "Laws, standards, specifications",
        "Which laws, standards and specifications were followed, and how far?",
    ),
    "declaration": ("Declaration of conformity", "Where is the declaration of conformity?"),
    "changes": (
        "Changes that are foreseen",
        "Which later changes are foreseen, and what holds them within bounds?",
    ),
    "monitoring": (
        "Watching it in use, and its end",
        "How is it watched once it is in use, and how is it taken out of use?",
    ),
    "energy": ("Energy", "What did making it, and what does running it, use in energy?"),
}
"""Key in a study (`study: {about: {users: ...}}`) -> a heading, and what only people can say."""
