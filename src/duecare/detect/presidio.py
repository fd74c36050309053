"""Presidio's recognisers as a detector: those a user has already, beside or instead of our own.

A recogniser is any object with Presidio's interface: `supported_entities`, and `analyze(text, entities,
nlp_artifacts)`, which answers with results that have `entity_type`, `start`, `end` and `score`. Nothing of
Presidio is imported for that. A package brings its own under the entry point group "duecare.detectors":

    def detector():
        return Recognisers([Badge(), Ward()], name="clinic", what="Badges and wards of our clinic.")

Where `presidio-analyzer` is installed (`pip install duecare[presidio]`), the detector "presidio" has the
recognisers of patterns that it ships; they are asked without its language model, so without context words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import pyarrow as pa

from duecare.core.errors import DuecareError
from duecare.detect.card import Card
from duecare.detect.spans import Span, longest, span_batch

LABELS = {
    "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "CREDIT_CARD": "CARD", "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP", "MAC_ADDRESS": "MAC", "CRYPTO": "WALLET", "US_SSN": "SSN", "US_ITIN": "ITIN",
    "US_PASSPORT": "PASSPORT", "US_DRIVER_LICENSE": "LICENCE", "US_BANK_NUMBER": "ACCOUNT", "UK_NHS": "NHS",
    "UK_NINO": "NINO", "ES_NIF": "DNI", "ES_NIE": "DNI", "IT_FISCAL_CODE": "CODICE_FISCALE",
    "IT_PASSPORT": "PASSPORT", "IT_DRIVER_LICENSE": "LICENCE", "IN_AADHAAR": "AADHAAR", "IN_PAN": "PAN",
    "IN_PASSPORT": "PASSPORT", "AU_TFN": "TFN", "AU_ABN": "ABN", "AU_MEDICARE": "MEDICARE", "CA_SIN": "SIN",
    "DE_TAX_ID": "STEUER_ID", "BR_CPF": "CPF", "FR_INSEE": "INSEE", "PL_PESEL": "PESEL",
    "SG_NRIC_FIN": "NRIC",
    "FI_PERSONAL_IDENTITY_CODE": "HETU", "KR_RRN": "RRN", "SE_PERSONNUMMER": "PERSONNUMMER",
}  # fmt: skip
"""Presidio's name of a kind -> ours, so that its surrogates are ours; other kinds keep their name."""

LEAST = 0.4
"""Score from which a result counts. Presidio gives less to patterns that need a context word; without its
language model that word is not looked for, and such results would be nearly all wrong."""


class Result(Protocol):
    """What a recogniser says of one place: code points [start, end), a kind, a score in 0..1."""

    entity_type: str
    start: int
    end: int
    score: float


class Recogniser(Protocol):
    """The part of Presidio's `EntityRecognizer` that is used."""

    supported_entities: Sequence[str]

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: Any) -> Iterable[Result]: ...


class Recognisers:
    """Points at what any of the recognisers finds; of places that overlap the longest stays."""

    def __init__(
        self,
        recognisers: Iterable[Recogniser],
        *,
        name: str,
        what: str,
        version: str = "1",
        least: float = LEAST,
        licence: str = "of the recognisers",
    ) -> None:
        """`what` is said of it in its card; `least` is the score from which a result counts.

        Raises DuecareError where there is no recogniser, or an object is none.
        """
        self._recognisers = tuple(recognisers)
        strange = [
            type(each).__name__
            for each in self._recognisers
            if not callable(getattr(each, "analyze", None)) or not getattr(each, "supported_entities", None)
        ]
        if strange or not self._recognisers:
            found = ", ".join(strange) or "none"
            raise DuecareError(
                f"detector {name}: {found}, expected recognisers with supported_entities and analyze"
            )
        self._least, self.instrument = least, f"{name}@{version}"
        self.card = Card(
            name=name,
            version=version,
            kind="span",
            what=what,
            measured_on=(),
            limits=("Not measured by duecare: how much it misses, and in whose texts, is not known.",),
            not_for=("Calling data anonymous.",),
            licence=licence,
        )

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        return span_batch(texts, self.instrument, self.find)

    def find(self, text: str) -> list[Span]:
        """What is found in one text, in order of start, without overlaps."""
        found = []
        for each in self._recognisers:
            for result in each.analyze(text, list(each.supported_entities), None) or ():
                if result.score >= self._least and 0 <= result.start < result.end <= len(text):
                    label = LABELS.get(result.entity_type, result.entity_type)
                    found.append(Span(result.start, result.end, label, min(1.0, float(result.score))))
        return longest(found)


def predefined() -> Recognisers:
    """The recognisers of patterns that Presidio ships, for English texts.

    Raises DuecareError where Presidio is not installed.
    """
    try:
        from importlib.metadata import version

        from presidio_analyzer import RecognizerRegistry
    except ImportError as error:
        raise DuecareError(
            "detector presidio: presidio-analyzer is missing; pip install duecare[presidio]"
        ) from error
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    return Recognisers(
        [each for each in registry.recognizers if hasattr(each, "patterns")],
        name="presidio",
        version=version("presidio-analyzer"),
        what="Presidio's recognisers of patterns, with their checks, without its language model.",
        licence="MIT",
    )
