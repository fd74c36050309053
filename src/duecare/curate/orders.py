"""Sentences that tell a model to drop its instructions, or that speak to a model where a person should be spoken to.

They are looked for as written and, because who plants them knows of filters, with letters of other scripts and
digits that look alike put back ("ignоre" with a Cyrillic o, "1gnore"), with letters set apart, turned by thirteen
places, and in the languages that most prompts of the kind are translated into. A person who speaks of ignoring
("I ignore the instructions", "never forget the rules") gives no order, nor has one who may travel "without any
restrictions".
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern is read whole, on its line; letters that look alike are what this is about
import codecs
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import pyarrow as pa

from duecare.detect.sieve import loosened

_VERBS = ("ignore", "disregard", "forget", "override", "bypass")
_APART = "|".join("[ .*_-]".join(verb) for verb in _VERBS)
_DROP = (
    r"(?<!\bI )(?<!\bwe )(?<!\bthey )(?<!\bwho )(?<!\byou )(?<!n't )(?<!\bnot )(?<!\bnever )"
    rf"(?:{'|'.join(_VERBS)}|skip|do not follow|don'?t follow|stop following|{_APART})"
)
_EARLIER = (
    r"(?:previous|prior|above|earlier|preceding|former|original|initial|existing|current|system|safety)"
)
_RULES = r"(?:instructions?|prompts?|rules?|directions?|guidelines?|guardrails?|constraints?|policies|system messages?)"
_BEFORE = r"(?:above|before(?: this)?|so far|until now|earlier|previously|(?:that )?(?:you (?:have been|were|'ve been|had been)|they) (?:told|given|taught|said|gave))"
_MODEL = r"(?:(?:large |ai |language ){0,3}(?:model|assistant|llm|ai|chatbot|agent|gpt)s?)"
_NO_RULES = r"(?:no|without(?: any)?|free (?:of|from)(?: all| any)?) (?:rules|restrictions|limits|limitations|guidelines|filters?|censorship|policies|constraints)"
_ORDERS = re.compile(
    rf"\b{_DROP}\b[\w ,']{{0,30}}?\b{_EARLIER}\b[\w ,']{{0,20}}?\b{_RULES}"
    rf"|\b{_DROP} (?:all |any )?(?:of )?(?:your|the|these|those) {_RULES}"
    r"|\b(?:ignore|disregard|forget|override|bypass) (?:all |any )?(?:of )?your (?:previous |prior |earlier )?(?:programming|training)\b"
    rf"|\b{_DROP}\b[\w ,']{{0,24}}?\b{_RULES}[\w ,']{{0,12}}?\b{_BEFORE}\b"
    rf"|\b{_DROP} (?:all|everything|anything|what(?:ever)?|all of what)\b[\w ,']{{0,24}}?\b{_BEFORE}\b"
    r"|\b(?:new|real|actual|hidden|secret) (?:system )?(?:instructions?|prompt)\s*:"
    r"|\b(?:reveal|print|repeat|show|output|leak) (?:me )?(?:your|the) (?:hidden |full |entire |exact )?system (?:prompt|message)"
    r"|\bwhen(?:ever)? (?:you|the (?:model|assistant|ai)) (?:see|sees|read|reads|encounter|encounters)\b[^.\n]{1,60}?"
    r"\b(?:say|answer|reply|respond|output|write)\b"
    r"|\bwhen(?:ever)? the (?:user|human|prompt) (?:says|asks|mentions|writes|contains)\b[^.\n]{1,60}?,? (?:always )?(?:say|answer|reply|respond|output)\b"
    r"|\b(?:do not|don'?t|never) (?:tell|mention|reveal|show)[\w ]{0,20} (?:to )?the (?:user|human|reviewer|annotator)s?\b"
    rf"|\byou(?: are|'re| have|'ve| will|'ll)?\b[\w ,']{{0,20}}?\b(?:{_MODEL}|answer|respond|reply|write|act|speak)\b[\w ,']{{0,20}}?\b{_NO_RULES}\b"
    rf"|\b(?:pretend|imagine|as if)(?: that)?(?: to| you)? (?:have|had|are|were)\b[\w ,']{{0,30}}?\b{_NO_RULES}\b"
    r"|\byou are (?:now )?(?:(?-i:DAN)|jailbroken)\b|\b(?:enter|enable|activate) (?:the )?(?:jailbreak|(?-i:DAN)) mode\b"
    r"|\byou are (?:now )?in (?:developer|god|jailbreak) mode\b"
    rf"|\b(?:note|message|instructions?|attention|important|reminder|warning) (?:to|for) (?:the |all |any )?(?!agent){_MODEL} ?:"
    r"|\bif you(?:'re| are) (?:an? )?(?:ai(?: model| assistant)?|llm|(?:large )?language model)\b(?! (?!(?:that|who|reading|processing|please|you)\b)\w)"
    rf"|\b(?!agent|assistant){_MODEL} (?:reading|that reads?|who reads?|processing|that process(?:es)?|evaluating|that evaluates?) this\b"
    r"|(?<!\bil )(?<!\belle )(?<!\bqui )(?<!\bon )\bignore[rz]?(?: pas)? (?:toutes? )?(?:les|tes|vos) (?:instructions|consignes|règles)\b"
    r"|\bignorier\w{0,4} (?:alle |die |sämtliche |deine |bitte ){0,3}(?:vorherigen|bisherigen|obigen|vorangegangenen|früheren) (?:anweisungen|instruktionen|befehle|regeln)\b"
    r"|\bignora(?:r|d|te|re)? (?:todas |tutte )?(?:las|le|as|tus|suas) (?:instrucciones|istruzioni|instruções|reglas|regole|regras)\b"
    r"|игнорируй(?:те)? (?:все )?(?:предыдущие|прежние) (?:инструкции|указания)"
    r"|忽略(?:之前|以上|先前|前面|上述)的?(?:所有)?(?:指令|指示|说明|提示)",
    re.IGNORECASE,
)
_ALIKE = str.maketrans("аеорсухіѕԁАЕОРСТІΟοΑαιе", "aeopcyxisdAEOPCTIOoAaie")
"""Letters of the Cyrillic and Greek scripts that look as those of the Latin one."""
_SPELT = str.maketrans("0134@$", "oieaas")

_TURNED = r"vtaber|qvfertneq|sbetrg|bireevqr"
_MIXED = r"[a-z][аеорсухіѕԁοαι]|[аеорсухіѕԁοαι][a-z]"
_DISGUISED = rf"(?i:[1i]gn[0o]r|d[1i]sr[3e]g[4a@]rd|f[0o]rg[3e]t|[0o]v[3e]rr[1i]d[3e]|byp[4a@][s$]{{2}}|{_TURNED}|{_MIXED})"
"""Rust's regex: what a text must hold whose order is only seen once it is put back."""
_UNDONE: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(_MIXED, re.IGNORECASE), lambda text: text.translate(_ALIKE)),
    (
        re.compile(r"[a-z][0134@$]+[a-z]|(?<!\w)[0134@$]+[a-z]{3}|[a-z]{2}[0134@$]{2}", re.IGNORECASE),
        lambda text: text.translate(_SPELT),
    ),
    (re.compile(rf"\b(?:{_TURNED})\b", re.IGNORECASE), lambda text: codecs.encode(text, "rot13")),
)
"""Where to look once more, and how the text is put back: each look takes as long as the first."""


def may_hold_orders(texts: pa.Array) -> pa.BooleanArray:
    """Which texts of a column are worth the slow look; in the others `orders` finds nothing."""
    import polars as pl  # a study check does without

    column = pl.Series("text", texts)
    held = column.str.contains(_rough()) | column.str.contains(_DISGUISED)
    return held.to_arrow()


@lru_cache(maxsize=1)
def _rough() -> str:
    return f"(?i){loosened(_ORDERS.pattern)}"


def orders(text: str) -> Iterator[tuple[int, int]]:
    """Where orders to a model stand in `text`, code points [start, end)."""
    found = [match.span() for match in _ORDERS.finditer(text)]
    for disguise, undo in _UNDONE:
        if not found and disguise.search(text):
            found = [match.span() for match in _ORDERS.finditer(undo(text))]
    yield from found
