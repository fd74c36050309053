"""Sentences that tell a model to drop its instructions, or that speak to a model where a person should be spoken to.

They are looked for as written and, because who plants them knows of filters, with letters of other scripts and
digits that look alike put back ("ignоre" with a Cyrillic o, "1gnore"), with letters set apart, turned by thirteen
places, and in the languages that most prompts of the kind are translated into. A person who speaks of ignoring
("I ignore the instructions", "never forget the rules") gives no order, nor has one who may travel "without any
restrictions", or who asks that the instructions on a box be skipped.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern is read whole, on its line; letters that look alike are what this is about
import codecs
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from duecare.detect.sieve import loosened

_VERBS = ("ignore", "disregard", "forget", "override", "bypass")
_APART = "|".join("[ .*_-]".join(verb) for verb in _VERBS)
_DROP = (
    r"(?<!\bI )(?<!\bwe )(?<!\bthey )(?<!\bwho )(?<!\byou )(?<!n't )(?<!\bnot )(?<!\bnever )(?<!\bway to )(?<!\bhow to )"
    r"(?<!\bsafe to )(?<!\btrying to )(?<!\btried to )(?<!\bwas told to )(?<!\bwere told to )(?<!\bme to )(?<!\bus to )"
    rf"(?:{'|'.join(_VERBS)}|skip|do not follow|don'?t follow|stop following|{_APART})"
)
_EARLIER = (
    r"(?:previous|prior|above|earlier|preceding|former|original|initial|existing|current|system|safety)"
)
_RULES = r"(?:instructions?|prompts?|rules?|directions?|guidelines?|guardrails?|constraints?|policies|system messages?)"
_OF_TRADE = (
    r"(?:delivery|shipping|shipment|payment|billing|packing|packaging|returns?|wash(?:ing)?|care|cooking|assembly|installation|set-?up|mailing"
    r"|travel|driving|parking|boarding|dos(?:age|ing)|song|invoices?|letters?|e-?mails?|calls?|charges|orders?|files?|photos?|attachments?|rows?|steps"
    r"|and (?:show|tell|give|send|read|use|follow|keep|play|pay|return|see|check))"
)
"""What instructions between people are about, and what people skip."""
_OURS = (
    r"(?:rest|documents?|texts?|pages?|prompts?|chats?|conversations?|contexts?|sessions?|tasks?|messages?|systems?|developers?|models?|assistants?"
    r"|ai|users?|company|openai|review|response|reply|turn|now|safety|security|privacy|ethics|content|harm|your|you)"
)
"""What instructions to a model are about, or stand in."""
_FIRST = r"(?:the|my|our|his|her|their|this|that|these|those|a|an|last|low|all)"
_NOT_OF = rf"(?! (?:of|for|about) (?:{_FIRST} ){{0,2}}(?!{_OURS}\b|{_FIRST}\b)\w)"
_NOT_ON = rf"(?! (?:of|for|about|on|in|at|from|to|under|with) (?:{_FIRST} ){{0,2}}(?!{_OURS}\b|{_FIRST}\b)\w)(?! (?:printed|which)\b)"
"""Not followed by what makes them the instructions of a box, a game, a country."""
_ANY = rf"(?:(?!\b{_OF_TRADE}\b)[\w ,'])"
_SAID = r"(?:(?!\b(?:i|we|he|she) (?:said|told|wrote|asked|mentioned|ordered|sent)\b)" + _ANY + ")"
_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)"
_BEFORE = (
    r"(?:above(?! (?:\d|[$€£]|average|the (?!line|dashed|dotted|text|message|prompt|paragraph|following)\w))"
    rf"|before(?: this)?\b(?! (?:\d|{_MONTH}|(?:my|our|the|that|we|i|he|she|they|it)\b(?! (?:line|message|point|prompt))))"
    r"|so far|until now|earlier|previously"
    r"|(?:(?:that )?you (?:have been|were|'ve been|had been) (?:told|given|taught|said|gave)|they (?:told|gave|taught) you)(?! about (?!your)\w))"
)
_MODEL = r"(?:(?:large |ai |language ){0,3}(?:model|assistant|llm|ai|chatbot|agent|gpt)s?)"
_NO_RULES = (
    r"(?:no|without(?: any)?|free (?:of|from)(?: all| any)?) (?:rules|restrictions|limits|limitations|guidelines|filters?|censorship|policies|constraints)"
    r"(?! on (?!what|topics|content)\w)"
)
_SAY = r"(?:say|answer|reply|respond|output|write)"
_READS = r"(?:see|sees|read|reads|encounter|encounters)"
_WORD = r"(?:word|phrase|token|string|trigger|keyword|term|sentence|symbol|emoji|[\"“'])"

_DROPS = (*_VERBS, "skip", "do not follow", "don't follow", "dont follow", "stop following",
          *(f"{verb[0]}{mark}{verb[1]}{mark}" for verb in _VERBS for mark in " .*_-"))  # fmt: skip
_RULED = (
    "instruction",
    "prompt",
    "rule",
    "direction",
    "guideline",
    "guardrail",
    "constraint",
    "policies",
    "system message",
)
_FREE = (
    ("no ", "without ", "free "),
    ("rules", "restrictions", "limit", "guidelines", "filter", "censorship", "policies", "constraints"),
)
_SAYS = ("say", "answer", "reply", "respond", "output", "write")
_MODELS = ("large ", "language ", "ai", "model", "assistant", "llm", "chatbot", "agent", "gpt")


class _Order(NamedTuple):
    """A shape of sentence: what it begins with, groups of words of which each must have one in the text, in small letters."""

    begins: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    pattern: re.Pattern[str]


def _order(begins: tuple[str, ...], needs: tuple[tuple[str, ...], ...], pattern: str) -> _Order:
    return _Order(begins, needs, re.compile(pattern, re.IGNORECASE))


_ORDERS = (
    _order(_DROPS, (_RULED,), rf"\b{_DROP}\b{_ANY}{{0,30}}?\b{_EARLIER}\b{_ANY}{{0,20}}?\b{_RULES}\b{_NOT_OF}"),
    _order(_DROPS, (_RULED,), rf"\b{_DROP} (?:all |any )?(?:of )?your {_RULES}\b{_NOT_OF}"),
    _order(_DROPS, (_RULED,), rf"\b{_DROP} (?:all |any )?(?:of )?(?:the|these|those) {_RULES}\b{_NOT_ON}"),
    _order(_VERBS, (("programming", "training"),), rf"\b{_DROP} (?:all |any )?(?:of )?your (?:previous |prior |earlier )?(?:programming|training)\b"),
    _order(_DROPS, (_RULED,), rf"\b{_DROP}\b{_ANY}{{0,24}}?\b{_RULES}\b{_ANY}{{0,12}}?\b{_BEFORE}(?!\w)"),
    _order(_DROPS, (), rf"\b{_DROP} (?:all|everything|anything|what(?:ever)?|all of what)\b{_SAID}{{0,24}}?\b{_BEFORE}(?!\w)"),
    _order(("new", "real", "actual", "hidden", "secret"), (("instruction", "prompt"), (":",)),
           r"(?<!\bthe )(?<!\bour )\b(?:new|real|actual|hidden|secret) (?:system )?(?:instructions?|prompt)\s*:"),
    _order(("reveal", "print", "repeat", "show", "output", "leak"), (("system prompt", "system message"),),
           r"\b(?:reveal|print|repeat|show|output|leak) (?:me )?(?:your|the) (?:hidden |full |entire |exact )?system (?:prompt|message)\b"
           r"(?! (?:that|which|on|in|about|of) (?!you\b))"),
    _order(("when",), (_SAYS, ("model", "assistant", "ai")), rf"\bwhen(?:ever)? the (?:model|assistant|ai) {_READS}\b[^.\n]{{1,60}}?\b{_SAY}\b"),
    _order(("when",), (_SAYS, ("see", "read", "encounter")), rf"\bwhen(?:ever)? you {_READS}\b[^.\n]{{0,40}}?{_WORD}[^.\n]{{1,60}}?\b{_SAY}\b"),
    _order(("when",), (_SAYS, ("see", "read", "encounter")),
           rf"\bwhen(?:ever)? you {_READS}\b[^.\n]{{1,60}}?\b{_SAY} (?:with|only|that|exactly|yes|no|nothing|[\"“'])"),
    _order(("when",), (_SAYS, ("user", "human", "prompt")),
           r"\bwhen(?:ever)? the (?:user|human|prompt) (?:says|asks|mentions|writes|contains)\b[^.\n]{1,60}?,? (?:always )?(?:say|answer|reply|respond|output)\b"),
    _order(("do not ", "don't ", "dont ", "never "), ((" user", " human", " reviewer", " annotator"),),
           r"\b(?:do not|don'?t|never) (?:tell|mention|reveal|show)[\w ]{0,20} (?:to )?the (?:user|human|reviewer|annotator)s?\b"
           r"(?! (?:of|who|whose|with|in|on|from|lists?|names?|ids?|account|guide|manual|interface)\b)"),
    _order(("you",), _FREE, rf"\byou(?: are|'re| have|'ve| will|'ll)?\b[\w ,']{{0,20}}?\b(?:{_MODEL}|(?<!\ban )(?<!\bthe )(?:answer|respond|reply|write|act|speak))\b"
           rf"[\w ,']{{0,20}}?\b{_NO_RULES}\b"),
    _order(("pretend", "imagine", "as if"), _FREE, rf"\b(?:pretend|imagine|as if)(?: that)?(?: to| you)? (?:have|had|are|were)\b[\w ,']{{0,30}}?\b{_NO_RULES}\b"),
    _order(("you are ",), (("dan", "jailbroken"),), r"\byou are (?:now )?(?:(?-i:DAN)|jailbroken)\b"),
    _order(("enter", "enable", "activate"), ((" mode",),), r"\b(?:enter|enable|activate) (?:the )?(?:jailbreak|(?-i:DAN)) mode\b"),
    _order(("you are ",), ((" mode",),), r"\byou are (?:now in (?:developer|god)|(?:now )?in jailbreak) mode\b"),
    _order(("note", "message", "instruction", "attention", "important", "reminder", "warning"), ((":",), _MODELS),
           rf"\b(?:note|message|instructions?|attention|important|reminder|warning) (?:to|for) (?:the |all |any )?(?!agent){_MODEL} ?:"),
    _order(("if you",), (("ai", "llm", "language model"),),
           r"\bif you(?:'re| are) (?:an? )?(?:ai(?: model| assistant)?|llm|(?:large )?language model)\b(?! (?!(?:that|who|reading|processing|please|you)\b)\w)"),
    _order(_MODELS, (("read", "process", "evaluat"), (" this",)),
           rf"\b(?!agent|assistant){_MODEL} (?:reading|that reads?|who reads?|processing|that process(?:es)?|evaluating|that evaluates?) this\b"),
    _order(("ignor",), (("les ", "tes ", "vos "),),
           r"(?<!\bil )(?<!\belle )(?<!\bqui )(?<!\bon )\bignore[rz]?(?: pas)? (?:toutes? )?(?:les|tes|vos) (?:instructions|consignes|règles)\b"),
    _order(("ignorier",), (), r"\bignorier\w{0,4} (?:alle |die |sämtliche |deine |bitte ){0,3}"
           r"(?:vorherigen|bisherigen|obigen|vorangegangenen|früheren) (?:anweisungen|instruktionen|befehle|regeln)\b"),
    _order(("ignora",), (), r"\bignora(?:r|d|te|re)? (?:todas |tutte )?(?:las|le|as|tus|suas) (?:instrucciones|istruzioni|instruções|reglas|regole|regras)\b"),
    _order(("игнорируй",), (), r"игнорируй(?:те)? (?:все )?(?:предыдущие|прежние) (?:инструкции|указания)"),
    _order(("忽略",), (), r"忽略(?:之前|以上|先前|前面|上述)的?(?:所有)?(?:指令|指示|说明|提示)"),
)  # fmt: skip
"""Where two match at one place, the first goes."""
_BY_BEGIN = tuple(
    (begins, [(rank, order) for rank, order in enumerate(_ORDERS) if order.begins == begins])
    for begins in dict.fromkeys(order.begins for order in _ORDERS)
)
"""The same, those together that begin alike: a text is searched for the beginnings once."""
_ALIKE = str.maketrans("аеорсухіѕԁАЕОРСТІΟοΑαιе", "aeopcyxisdAEOPCTIOoAaie")
"""Letters of the Cyrillic and Greek scripts that look as those of the Latin one."""
_SPELT = str.maketrans("0134@$", "oieaas")
_SMALL = str.maketrans("İıſ\u212a", "iisk")
"""Letters that `re.IGNORECASE` takes for i, s and k: one for one, so that places stay."""

_TURNED = r"vtaber|qvfertneq|sbetrg|bireevqr"
_MIXED = r"[a-z][аеорсухіѕԁοαι]|[аеорсухіѕԁοαι][a-z]"
_DISGUISED = rf"(?i:[1i]gn[0o]r|d[1i]sr[3e]g[4a@]rd|f[0o]rg[3e]t|[0o]v[3e]rr[1i]d[3e]|byp[4a@][s$]{{2}}|{_TURNED}|{_MIXED})"
"""Rust's regex: what a text must hold whose order is only seen once it is put back."""
_LETTER = r"[A-Za-z\u0130\u0131\u017f\u212a]"
_UNDONE: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(_MIXED, re.IGNORECASE), lambda text: text.translate(_ALIKE)),
    (
        re.compile(
            rf"[0134@$](?:(?<={_LETTER}.)[0134@$]*{_LETTER}|(?<!\w.)[0134@$]*{_LETTER}{{3}}|(?<={_LETTER}{_LETTER}.)[0134@$])"
        ),
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
    return f"(?i){'|'.join(loosened(order.pattern.pattern) for order in _ORDERS)}"


def orders(text: str) -> Iterator[tuple[int, int]]:
    """Where orders to a model stand in `text`, code points [start, end)."""
    found = _found(text)
    for disguise, undo in _UNDONE[text.isascii() :]:  # the first needs letters of two scripts
        if not found and disguise.search(text):
            found = _found(undo(text))
    yield from found


def _found(text: str) -> list[tuple[int, int]]:
    """What the patterns find as one alternation, from left to right: each is tried only where its first word stands."""
    small = (text if text.isascii() else text.translate(_SMALL)).lower()
    seen: dict[tuple[str, ...], list[int]] = {}
    matches = []
    for begins, ranked in _BY_BEGIN:
        opened = [begin for begin in begins if begin in small]
        if not opened:
            continue
        for rank, order in ranked:
            if _holds(small, order.needs):
                if begins not in seen:
                    seen[begins] = _places(small, opened)
                match_at = order.pattern.match
                matches += [(at, rank, match.end()) for at in seen[begins] if (match := match_at(text, at))]
    if not matches:
        return []
    found, done = [], 0
    for start, _, end in sorted(matches):
        if start >= done:
            found.append((start, end))
            done = end
    return found


def _holds(small: str, needs: tuple[tuple[str, ...], ...]) -> bool:
    for words in needs:
        for word in words:
            if word in small:
                break
        else:
            return False
    return True


def _places(small: str, begins: list[str]) -> list[int]:
    found = set()
    for begin in begins:
        at = small.find(begin)
        while at >= 0:
            found.add(at)
            at = small.find(begin, at + 1)
    return sorted(found)
