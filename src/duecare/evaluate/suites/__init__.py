"""What a model is asked: prompts of our own, written so that only the group named in them changes."""

from duecare.evaluate.suites.toxicity_by_group import Prompt, prompts
from duecare.model.people import AXES, REFERENCE, Wording, fill
from duecare.model.twins import MANNERS, Twin, twins

SUITES = ("toxicity-by-group", "twins", "heldout")
"""Names a study may list: sampled answers per group; paired log-probabilities; rows held out."""

__all__ = ["AXES", "MANNERS", "REFERENCE", "SUITES", "Prompt", "Twin", "Wording", "fill", "prompts", "twins"]
