"""What each suite's figures are, for scripts/suite_table.py: a few neutral sentences, without results."""

from __future__ import annotations

# ruff: noqa: E501 - prose is read whole, on its line
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Suite:
    """How one suite is read.

    - says: what is asked and how its figures are to be read
    - main: the figures of its first table
    - even: figure to the value that means even treatment of a group
    """

    says: str
    main: Sequence[str]
    even: Mapping[str, float] = field(default_factory=dict)


SUITES: Mapping[str, Suite] = {
    "toxicity-by-group": Suite(
        "Everyday requests that differ only in the group named are answered, and a detector scores the answers: the share of toxic ones, the highest score to be expected among a prompt's answers, and the share of refusals, by group.",
        ("toxicity.rate", "toxicity.expected_max", "refusal.rate"),
        {"toxicity.difference": 0.0, "refusal.difference": 0.0, "toxicity.disparate_impact_ratio": 1.0},
    ),
    "twins": Suite(
        "How much likelier one fixed, respectful answer is when a prompt names one group and not another, in nats per token; 0 is even.",
        ("twins.gap", "twins.gap.dismissive"),
        {"twins.gap": 0.0, "twins.gap.dismissive": 0.0},
    ),
    "heldout": Suite(
        "Rows that training never saw: perplexity of their answers (lower is better) and the overlap of the model's own answer with them (ROUGE-L, higher is better).",
        ("heldout.perplexity", "heldout.rouge_l"),
    ),
    "crows-pairs": Suite(
        "Of two sentences that differ in the group named, the share in which the more stereotyping one is likelier; one half is even.",
        ("crows-pairs.stereotyped",),
        {"crows-pairs.stereotyped": 0.5},
    ),
    "bbq": Suite(
        "Questions about two people whose context does not say who did it (ambiguous), or says it. Accuracy, and whether answers lean to the stereotype (bias, -1 to 1, 0 is even). Where one letter is chosen nearly always, a bias near 0 says nothing.",
        ("bbq.accuracy", "bbq.bias_ambiguous", "bbq.bias_disambiguated", "bbq.accuracy_gap", "bbq.letter"),
        {"bbq.bias_ambiguous": 0.0, "bbq.bias_disambiguated": 0.0},
    ),
    "stereoset": Suite(
        "Sentences that stereotype, contradict the stereotype, or make no sense. Language: how often sense is likelier (1 is best); stereotype: how often the stereotype is likelier than its opposite (one half is even); ICAT joins both (1 is best).",
        ("stereoset.language", "stereoset.stereotype", "stereoset.icat"),
        {"stereoset.stereotype": 0.5},
    ),
    "winobias": Suite(
        "Whom a pronoun means, in sentences that go with the stereotype of an occupation (pro) and against it (anti). The gap is the accuracy of the first less that of the second; 0 is even.",
        ("winobias.accuracy", "winobias.gap", "winobias.lean"),
        {"winobias.gap": 0.0, "winobias.lean": 0.0},
    ),
    "winogender": Suite(
        "Whom a pronoun means where nothing but its gender differs. Gap: women's and neutral pronouns less men's; sensitivity: share of sentences in which he and she are given to different people; correlation: with the share of women in the occupation. 0 is even in all of them.",
        (
            "winogender.accuracy",
            "winogender.gap",
            "winogender.gotcha",
            "winogender.sensitivity",
            "winogender.lean",
            "winogender.correlation",
            "winogender.lean_correlation",
        ),
        {"winogender.gap": 0.0, "winogender.lean_by_occupation": 0.0},
    ),
    "discrim-eval": Suite(
        "Yes or no to a person, where yes is good for the person: the logit of yes less that of the same person with the baseline's age (60), gender (male) or race (white); below 0 the group is worse off.",
        ("discrim-eval.score",),
        {"discrim-eval.score": 0.0},
    ),
    "own-prompts": Suite(
        "Prompts of bank customers, worded for four groups: share of toxic answers and of refusals, words of an answer, and likeness to a reference (ROUGE-L).",
        ("own-prompts.toxicity", "own-prompts.refusal", "own-prompts.length", "own-prompts.rouge_l"),
        {f"own-prompts.{name}.difference": 0.0 for name in ("toxicity", "refusal", "length", "rouge_l")},
    ),
    "bold": Suite(
        "Sentences about people of a group are continued: share of toxic continuations, mean sentiment and mean regard for the people (0 to 1, higher is kinder), by group within a domain.",
        ("bold.toxicity", "bold.sentiment", "bold.regard"),
        {f"bold.{name}.difference": 0.0 for name in ("toxicity", "sentiment", "regard")},
    ),
    "real-toxicity-prompts": Suite(
        "Beginnings of sentences from the web are continued: highest score among a prompt's continuations, share of prompts with a toxic one, and share of toxic ones, after toxic and non-toxic beginnings. The first two grow with the number of samples.",
        tuple(f"real-toxicity-prompts.{name}" for name in ("expected_max", "probability", "fraction")),
    ),
    "holistic-bias": Suite(
        "Sentences in which only the descriptor of a person differs: the share of pairs of descriptors on an axis whose perplexities differ (0 is even), and how much a bucket of descriptors surprises the model, in nats per token beyond the mean. Drawn in small, so the share is below the paper's.",
        ("holistic-bias.likelihood_bias",),
        {"holistic-bias.surprise": 0.0},
    ),
    "holistic-bias-answers": Suite(
        "The same kind of sentence is answered: share of toxic answers and mean regard, by bucket of descriptors against all others on the axis.",
        ("holistic-bias-answers.toxicity", "holistic-bias-answers.regard"),
        {f"holistic-bias-answers.{name}.difference": 0.0 for name in ("toxicity", "regard")},
    ),
    "over-refusal": Suite(
        "Safe prompts that sound dangerous, and unsafe ones with the same words: the share of each that is refused, and how far the two are told apart (1 is best, 0 means that both are refused alike).",
        ("over-refusal.safe", "over-refusal.unsafe", "over-refusal.told_apart"),
        {"over-refusal.safe.difference": 0.0, "over-refusal.unsafe.difference": 0.0},
    ),
    "harmful-requests": Suite(
        "Harmful requests, plain and in six wrappings: the share of answers that do not refuse, and of requests that were not refused at least once. Not refused is not the same as useful: a weak model that talks of something else counts here.",
        ("harmful-requests.complied", "harmful-requests.any"),
        {"harmful-requests.complied.difference": 0.0},
    ),
}
"""In the order in which a study names them."""
