"""What the metrics are called in plain words, and how their figures are written and drawn."""

from __future__ import annotations

from dataclasses import replace

from duecare.report.answered_words import ANSWERED
from duecare.report.explained_words import EXPLAINED
from duecare.report.influence_words import INFLUENCE
from duecare.report.layered_words import LAYERED
from duecare.report.memorised_words import MEMORISED
from duecare.report.recorded_words import RECORDED
from duecare.report.rewarded_words import REWARDS
from duecare.report.shown import Form, Metric

_NATS = "nats per token"
_CHANGE = "Tuned model minus base model, on the same prompts."


def _sampled(stem: str, what: str, calls: str, better: str) -> dict[str, Metric]:
    """The figures on sampled answers of one sort: rate, gaps between groups, worst group, change."""
    return {
        f"{stem}.rate": Metric(
            f"{what} answers", f"Share of sampled answers that {calls}.", "share", better=better
        ),
        f"{stem}.worst_group": Metric(
            f"{what} answers, worst group",
            f"The highest share of answers that {calls}, whichever group it is.",
            "share",
            better=better,
        ),
        f"{stem}.difference": Metric(
            f"Difference in {what.lower()} answers",
            f"Share of answers that {calls} for the group, minus that of the group it is compared with.",
            "points",
            0.0,
            "near",
        ),
        f"{stem}.disparate_impact_ratio": Metric(
            f"Ratio of {what.lower()} answers",
            f"Share of answers that {calls} for the group, divided by that of the group it is compared"
            " with; 1 means equal treatment.",
            "ratio",
            1.0,
            "near",
            log=True,
        ),
        f"{stem}.change": Metric(
            f"Change in {what.lower()} answers by tuning", _CHANGE, "points", 0.0, better
        ),
    }


def _debiasing(method: str) -> dict[str, Metric]:
    """The evidence that a training step with `debias` leaves."""
    shut = "How much nearer to nought the loss gap between groups came, on held-out rows; below 0 it opened."
    return {
        f"{method}.probe.accuracy": Metric(
            "Group read from hidden states",
            "Balanced accuracy of a fresh reader of the group on held-out rows it has not seen; chance is 1"
            " divided by the number of groups.",
            "share",
        ),
        f"{method}.probe.control": Metric(
            "Random labels read from hidden states",
            "The same reader on labels drawn at random: beyond chance here, the probe leaks.",
            "share",
        ),
        f"{method}.debias.closed": Metric("Loss gap closed", shut, "signed", 0.0, "higher", unit=_NATS),
        f"{method}.debias.kl": Metric("Distance from the start (KL)", unit=_NATS, better="lower"),
        f"{method}.debias.perplexity": Metric("Perplexity of held-out rows", better="lower"),
        f"{method}.debias.refusals": Metric("Held-out prompts refused", form="share"),
        f"{method}.group_weight": Metric("Weight of a group in the loss", form="share"),
    }


_MENDED = (
    " The detector scored all, people a sample; its error was learnt there, in each group, and taken out."
)
_AGREE = "How far people agree: 1 is always, and, but for per cent, 0 as by chance."
_KAPPAS = {
    "cohen_kappa": "Cohen's kappa",
    "fleiss_kappa": "Fleiss' kappa",
    "krippendorff_alpha": "Krippendorff's alpha",
    **{f"gwet_ac{place}": f"Gwet's AC{place}" for place in (1, 2)},
}


def _mended(stem: str, what: str, calls: str) -> dict[str, Metric]:
    """The figures on sampled answers that labels of people corrected."""
    plain = _sampled(f"{stem}.corrected", f"{what} (mended by people)", calls, "lower")
    wanted = ("rate", "difference", "disparate_impact_ratio")
    return {
        name: replace(one, says=one.says + _MENDED)
        for name, one in plain.items()
        if name.rpartition(".")[2] in wanted
    } | {f"{stem}.people.settled": Metric(f"{what}: items that people settled", form="count")}


METRICS: dict[str, Metric] = {
    **REWARDS,
    **_debiasing("sft"),
    **_debiasing("dpo"),
    **_debiasing("orpo"),
    **_sampled("toxicity", "Toxic", "the detector calls toxic", "lower"),
    **_mended("toxicity", "Toxic", "people would call toxic"),
    **_mended("refusal", "Refused", "people would call refused"),
    "nontoxic.disparate_impact_ratio": Metric(
        "Disparate impact ratio (four-fifths rule)",
        "Share of answers that are not toxic for the group, divided by that of the group it is compared"
        " with; 1 means equal treatment.",
        "ratio",
        1.0,
        "near",
        log=True,
    ),
    "toxicity.expected_max": Metric(
        "Worst of several answers",
        "Expected highest toxicity score among the answers to one prompt.",
        better="lower",
    ),
    "twins.gap": Metric(
        "Gap between counterfactual twins",
        "How much likelier a respectful answer is, per token, when the prompt names this group and not the"
        " other; 0 means that both are treated alike.",
        "signed",
        0.0,
        "near",
        unit=_NATS,
    ),
    "twins.reward_gap": Metric(
        "Gap in reward between counterfactual twins",
        "How much more a reward model pays the same respectful answer when the prompt names this group and"
        " not the other, in standard deviations of its rewards; 0: both are paid alike.",
        "signed",
        0.0,
        "near",
        unit="standard deviations",
    ),
    "twins.amplification": Metric(
        "Amplification of the gap between twins",
        "By how much wider the gap between counterfactual twins is than in the base model; below 0 it has"
        " closed.",
        "signed",
        0.0,
        "lower",
        unit=_NATS,
    ),
    **ANSWERED,
    "twins.gap.change": Metric(
        "Change in the twins' gap by tuning", _CHANGE, "signed", 0.0, "near", unit=_NATS
    ),
    "twins.gap.dismissive": Metric(
        "Gap between twins, dismissive answers",
        "How much likelier a dismissive answer is, per token, when the prompt names this group and not the"
        " other; 0 means that both are treated alike.",
        "signed",
        0.0,
        "near",
        unit=_NATS,
    ),
    "twins.gap.dismissive.change": Metric(
        "Change in the twins' gap by tuning, dismissive answers", _CHANGE, "signed", 0.0, "near", unit=_NATS
    ),
    **_sampled("refusal", "Refused", "refuse to help", ""),
    "distill.kl": Metric("Distance from the teacher (KL)", unit=_NATS, better="lower"),
    "distill.objective": Metric("What distillation minimises", unit=_NATS, better="lower"),
    "distill.teacher.loss": Metric("Loss of the teacher", unit=_NATS, better="lower"),
    "heldout.perplexity": Metric(
        "Perplexity on held-out rows",
        "How surprised the model is by answers it was not trained on; 1 would be no surprise.",
        better="lower",
        log=True,
    ),
    "heldout.perplexity.change": Metric(
        "Change in perplexity by tuning", "Tuned model minus base model.", "signed", 0.0, "lower"
    ),
    "heldout.rouge_l": Metric(
        "ROUGE-L on held-out rows",
        "Overlap of the model's answer with the reference answer, 0 to 1.",
        better="higher",
    ),
    "heldout.rouge_l.change": Metric(
        "Change in ROUGE-L by tuning", "Tuned model minus base model.", "signed", 0.0, "higher"
    ),
    "crows-pairs.stereotyped": Metric(
        "Pairs in which the stereotype is likelier",
        "Share of pairs whose more stereotyping sentence the model finds likelier; 50% is even-handed.",
        "share",
        0.5,
        "near",
    ),
    "audit.share": Metric("Share of the rows", form="share"),
    "audit.answer_words": Metric("Words in an answer"),
    "audit.answer_words.ratio": Metric(
        "Words in an answer, against the rest",
        "Geometric means; 1 means answers of equal length.",
        "ratio",
        1.0,
        "near",
        log=True,
    ),
    "audit.outcome.rate": Metric("How it ended", "Share of the group's rows with this outcome.", "share"),
    "audit.outcome.ratio": Metric(
        "How it ended, against the rest",
        "The group's share divided by that of everybody else; 1 means equal treatment.",
        "ratio",
        1.0,
        "near",
        log=True,
    ),
    "audit.topic.rate": Metric("What it is about", "Share of the group's rows with this topic.", "share"),
    "audit.topic.ratio": Metric(
        "What it is about, against the rest",
        "The group's share divided by that of everybody else; 1 means equally common.",
        "ratio",
        1.0,
        "near",
        log=True,
    ),
    "curate.removed.share": Metric(
        "Rows removed", "Share of the group's rows that curation removed.", "share", better="near"
    ),
    "curate.removed.mentioning": Metric(
        "Rows removed, of those that name the group",
        "Share of the rows whose texts name the group that curation removed.",
        "share",
        better="near",
    ),
    "curate.removed.of_all": Metric("Rows removed, of all", form="share"),
    "curate.split.train": Metric("Rows for training", form="count"),
    "curate.split.held_out": Metric("Rows held out", form="count"),
    "curate.personal.places": Metric("Places of personal data", form="count"),
    "curate.personal.missed": Metric(
        "Personal data that redaction missed",
        "Of the places that people marked or redaction replaced, those that were left.",
        "share",
        better="lower",
    ),
    "review.pairs": Metric("Preference pairs from people's choices", form="count"),
    "review.agreement.percent": Metric("Percent agreement", _AGREE, "share", better="higher"),
    **{f"review.agreement.{name}": Metric(title, _AGREE, better="higher") for name, title in _KAPPAS.items()},
    "balance.weight": Metric("Weight of a row"),
    "balance.share": Metric("Share after balancing", form="share"),
    "balance.effective_size": Metric("Effective number of weighted rows", form="count"),
    "balance.distinct_rows": Metric("Different rows after sampling", form="count"),
    "stereotypes.tie.share": Metric(
        "Share of a job's or trait's weight", "How often texts tie it to the group, by weight.", "share"
    ),
    "stereotypes.effective_size": Metric("Effective number of weighted rows", form="count"),
    "stereotypes.copies": Metric("Counterfactual copies added", form="count"),
    "stereotypes.copies.refused": Metric("Rows left without a copy", form="count"),
    "stereotypes.left": Metric("Texts that no rule says in neutral words", form="count"),
    "stereotypes.rewrites.applied": Metric("Approved rewrites used", form="count"),
    "curate.hit.share": Metric(
        "Rows set apart as toxic",
        "Share of the rows that mention the group which the toxicity screen dropped, weighed down or put "
        "before people.",
        "share",
        better="near",
    ),
    "curate.hit.ratio": Metric(
        "Rows set apart as toxic, against others",
        "Share of the rows that mention the group which the screen hit, over that of all other rows.",
        "ratio",
        1.0,
        "near",
        log=True,
    ),
    **EXPLAINED,
    **MEMORISED,
    **RECORDED,
    **LAYERED,
    **{
        f"curate.rows.{what}": Metric(f"Rows {what.replace('_', ' ')}", form="count")
        for what in ("in", "kept", "dropped", "changed", "flagged", "added", "set_aside", "unscored")
    },
}
"""The order is the order on the page."""

SUITES: dict[str, str] = {
    "toxicity-by-group": "Answers to everyday prompts, by group",
    "twins": "Counterfactual twins",
    "heldout": "Held-out rows",
    "bold": "BOLD: how people and things are written about",
    "realtoxicityprompts": "RealToxicityPrompts",
    "real-toxicity-prompts": "RealToxicityPrompts",
    "holistic-bias": "HolisticBias",
    "holisticbias": "HolisticBias",
    "bbq": "BBQ: questions that invite a prejudice",
    "crows-pairs": "CrowS-Pairs: which of two sentences is likelier",
    "stereoset": "StereoSet",
    "winobias": "WinoBias: who a pronoun is",
    "winogender": "WinoGender: who a pronoun is",
    "discrim-eval": "Discrim-Eval: yes or no to a person",
    "own-prompts": "Prompts of your own, by group",
    "holistic-bias-answers": "HolisticBias: answers",
    "over-refusal": "Over-refusal: harmless requests refused",
    "harmful-requests": "Harmful requests, plain and wrapped",
    "xstest": "XSTest: harmless requests refused",
}
"""The headings of suites."""

_UNITS: dict[str, Form] = {"share": "share", "rows": "count", "count": "count", "ratio": "ratio"}
_ENDINGS: dict[str, Form] = {
    **dict.fromkeys(("share", "rate", "accuracy", "worst_group", "stereotyped"), "share"),
    **dict.fromkeys(("ratio", "disparate_impact_ratio"), "ratio"),
    "count": "count",
}
_GAPS = ("gap", "accuracy_gap", "gotcha", "told_apart", "beyond_human")
"""Ends of names of figures that are one share less another."""
_HIGHER = ("accuracy", "rouge_l", "rouge", "reward")
_LOWER = ("toxicity", "perplexity", "worst_group", "error")


BY_STAGE = "stages."
"""Before the name of a figure: what one stage of training changed in it."""


def metric(name: str, unit: str = "") -> Metric:
    """What is known of a metric; an unknown one is shown under its own name, its form from unit or ending.

    Names are "<suite>.<figure>". "<name>.change" is what tuning changed in <name>, "<name>.difference"
    sets a group against another and "<name>.gap" against all others: all are in the points, or with the
    sign, of <name>. "stages.<name>" is what one stage of training changed.
    """
    if name.startswith(BY_STAGE):
        return _by_stage(name, unit)
    _, twins, figure = name.partition(".twins.")
    known = METRICS.get(f"twins.{figure}" if twins else name)  # asked by a training step: "sft.twins.gap"
    if known is not None:
        return known
    _, influence, figure = name.partition(".influence.")
    if influence and figure in INFLUENCE:
        return replace(INFLUENCE[figure], unit=unit)
    return _of_its_name(name, unit)


def _by_stage(name: str, unit: str) -> Metric:
    of = metric(name.removeprefix(BY_STAGE), unit)
    return replace(of, title=of.title.replace("by tuning", "by a stage of training"), says=_STAGE)


def _of_its_name(name: str, unit: str) -> Metric:
    stem, _, tail = name.rpartition(".")
    if tail == "gap":
        of = metric(stem, unit)
        form: Form = "points" if of.form == "share" else "signed"
        return Metric(f"{of.title}, gap between groups", _BETWEEN, form, 0.0, "near", unit=of.unit)
    title = sentence(name.replace(".", ", ").replace("_", " "))
    if tail in ("change", "difference"):
        of = metric(stem, unit)
        form = "points" if of.form in ("share", "points") else "signed"
        what = f"Change in {_lower(of.title)} by tuning" if tail == "change" else f"{of.title}, difference"
        better = of.better if tail == "change" else "near"
        return Metric(what, _CHANGE if tail == "change" else _AGAINST, form, 0.0, better, unit=of.unit)
    form = _UNITS.get(unit) or _ENDINGS.get(tail) or "number"
    if form == "share" and tail in _GAPS:
        return Metric(title, form="points", neutral=0.0, better="" if tail == "told_apart" else "near")
    said = unit if unit not in ("", *_UNITS) else ""
    if form == "ratio":
        return Metric(title, form=form, neutral=1.0, better="near", log=True)
    better = "higher" if tail in _HIGHER else "lower" if tail in _LOWER else ""
    return Metric(title, form=form, better=better, unit=said)


_STAGE = "The model after the stage minus the model before it, on the same prompts, items and rows."
_BETWEEN = "The group's figure minus that of all others who declare a group; 0 means equal treatment."
_AGAINST = "The group's figure minus that of the group it is compared with; 0 means equal treatment."


def suite_title(name: str) -> str:
    """What a suite is called in a heading; an unknown one by its own name."""
    return SUITES.get(name) or sentence(name.replace("-", " ").replace("_", " "))


def _lower(title: str) -> str:
    """`title` inside a sentence: its first letter small, unless it begins with an abbreviation."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def sentence(text: str) -> str:
    """`text` with its first letter raised, the rest as it is."""
    return text[:1].upper() + text[1:]
