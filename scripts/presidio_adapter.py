"""Runs Presidio's own recognisers through the adapter, beside our forms, on a few made texts.

    pip install duecare[presidio] && python scripts/presidio_adapter.py

Shows that the interface which `detect/presidio.py` leans on is that of the installed release: the tests
use an object of the same shape. Presidio may try to fetch a list of domain suffixes, and does without it.
Fails where a plain e-mail address or card number is not found.
"""

from __future__ import annotations

from importlib.metadata import version

from duecare.detect.patterns import find_forms
from duecare.detect.presidio import predefined
from duecare.detect.spans import longest

TEXTS = (
    "Mail ada.brown@acme.example.org or pay with 4111 1111 1111 1111.",
    "IBAN DE89 3704 0044 0532 0130 00, from 81.2.69.142, at 3c:22:fb:1a:0e:9d.",
    "The public policy of order 5081134670 is a business matter.",
)


def main() -> None:
    """Print what each finds."""
    presidio = predefined()
    print(f"presidio-analyzer {version('presidio-analyzer')}: {presidio.instrument}")
    labels = set()
    for text in TEXTS:
        theirs = [(span.label, text[span.start : span.end]) for span in presidio.find(text)]
        ours = [(span.label, text[span.start : span.end]) for span in longest(find_forms(text))]
        print(f"{text}\n  presidio {theirs}\n  forms    {ours}")
        labels |= {label for label, _ in theirs}
    if missing := {"EMAIL", "CARD"} - labels:
        raise SystemExit(f"not found through the adapter: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main()
