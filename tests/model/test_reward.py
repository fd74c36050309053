"""Scores of reward models are those of transformers, and depend on nothing but prompt and answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import models
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from duecare.core import Example, Message, ModelError

pytestmark = [pytest.mark.jax, pytest.mark.usefixtures("here")]


@pytest.fixture(scope="module")
def rewards(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The reward model that is made of a tiny model, as a folder."""
    root = tmp_path_factory.mktemp("rewards")

    @cache
    def folder(name: str) -> Path:
        from duecare.model.export import export_reward

        export_reward(*models.rewarding(name, root), root / f"{name}-reward")
        return root / f"{name}-reward"

    return folder


def prompts(model: Any) -> list[str]:
    return [
        model.loaded.tokenizer.chat([Message(role="user", content=asked)], answer=True)
        for asked in models.ASKED
    ]


@pytest.mark.parametrize("name", models.TUNED)
def test_scores_are_those_of_transformers(name: str, rewards: Callable[[str], Path]) -> None:
    from duecare.model.reward import load_reward

    model = load_reward(rewards(name))
    with np.load(models.GOLDEN / "rewards.npz") as kept:
        expected, counts = kept[f"{name}.scores"], kept[f"{name}.tokens"]
    both = list(zip(prompts(model), models.SAID, strict=True))
    assert [len(model.tokens(*each)[0]) for each in both] == counts.tolist()
    found = model.scores(prompts(model), models.SAID)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    # Control: one token earlier, or without the end of turn, it is another score.
    cut = model.scores(prompts(model), models.SAID, ended=[False] * len(both))
    assert np.abs(np.subtract(cut, expected)).min() > 0.05


def test_padding_that_ends_a_turn_gives_way(rewards: Callable[[str], Path]) -> None:
    """Where the end of turn were padding, transformers would read the score one token too early."""
    described = json.loads((rewards("qwen2") / "config.json").read_text())
    settings = json.loads((rewards("qwen2") / "tokenizer_config.json").read_text())
    assert (described["pad_token_id"], settings["pad_token"]) == (0, "<|endoftext|>")
    assert json.loads((rewards("llama") / "config.json").read_text())["pad_token_id"] == 0


class Specials:
    """A tokenizer of nothing but special tokens, the first of which it pads with."""

    def __init__(self, ends: tuple[int, ...], *names: str) -> None:
        self.eos_ids, self.pad_id = ends, 0
        self.special = dict(enumerate(names))


@pytest.mark.parametrize(
    ("tokenizer", "expected"),
    [
        (Specials((1,), "<pad>", "<end>"), None),
        (Specials((0,), "<end>", "<begin>", "<right_pad>"), (2, "<right_pad>")),
        (Specials((0, 1), "<end>", "<eot>", "<begin>"), (2, "<begin>")),
    ],
)
def test_another_padding_is_one_called_so_else_the_first(tokenizer: Any, expected: object) -> None:
    from duecare.model.tokenize import padding

    assert padding(tokenizer) == expected


def test_no_padding_at_all_is_refused() -> None:
    from duecare.model.tokenize import padding

    with pytest.raises(ModelError, match="no special token to pad with"):
        padding(Specials((0, 1), "<end>", "<eot>"))  # type: ignore[arg-type]  # all that is used of one


def test_neighbours_and_order_change_no_bit(rewards: Callable[[str], Path]) -> None:
    from duecare.model.reward import load_reward

    model = load_reward(rewards("llama"), batch=3)
    asked = [f"{prompt}{number}" for number, prompt in enumerate(prompts(model) * 5)]
    said = list(models.SAID) * 5
    found = model.scores(asked, said)
    assert model.scores(asked[::-1], said[::-1]) == found[::-1]
    assert model.scores(asked[7:9], said[7:9]) == found[7:9]
    other = load_reward(rewards("llama"), batch=64).scores(asked, said)
    assert other == pytest.approx(found, abs=1e-4)
    assert len({round(each, 3) for each in found}) > 10
    assert model.scores([], []) == []
    states = model.states(asked, said)
    assert states.shape == (len(asked), 32)
    np.testing.assert_allclose(states @ np.asarray(model.head), found, atol=1e-4)


@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma3"])
def test_a_prompt_is_read_once_for_all_its_answers(
    name: str, rewards: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from duecare.model import reward

    model = reward.load_reward(rewards(name))
    one, two = prompts(model)[:2]
    asked = [one, two, one, one, one, two]
    said = [*models.SAID, "", "né"]
    ended = [True, True, True, False, False, True]
    alone = [model.scores([a], [b], ended=[c])[0] for a, b, c in zip(asked, said, ended, strict=True)]
    read: list[int] = []
    states = reward._shared_states

    def counted(*given: Any, share: int) -> Any:
        read.append(share)
        return states(*given, share=share)

    monkeypatch.setattr(reward, "_shared_states", counted)
    found = model.scores(asked, said, ended=ended)
    np.testing.assert_allclose(found, alone, atol=1e-4)
    assert sorted(read) == ([] if name == "gemma3" else [2, 3]), "the empty answer is read in its prompt"
    assert len({round(each, 3) for each in found}) == len(found)


def test_training_reads_the_same_tokens(rewards: Callable[[str], Path]) -> None:
    from duecare.model.reward import load_reward
    from duecare.train.rows import pair

    model = load_reward(rewards("llama"))
    for asked, said in zip(models.ASKED, models.SAID, strict=True):
        turns = (Message(role="user", content=asked),)
        row = Example(
            row="a:1", key="0" * 64, source="a", kind="preference", messages=turns, chosen=said, rejected="?"
        )
        read = pair(row, model.loaded.tokenizer, 512, 512)
        prompt = model.loaded.tokenizer.chat(turns, answer=True)
        assert ([*read.prompt, *read.chosen], len(read.prompt)) == model.tokens(prompt, said)


def test_identity_is_that_of_the_files(rewards: Callable[[str], Path], tmp_path: Path) -> None:
    from duecare.model.reward import load_reward

    moved = Path(shutil.copytree(rewards("llama"), tmp_path / "moved"))
    assert load_reward(moved).identity == load_reward(rewards("llama")).identity
    tensors = load_file(moved / "model.safetensors")
    tensors["score.weight"] = tensors["score.weight"] * 2
    save_file(tensors, moved / "model.safetensors", metadata={"format": "pt"})
    changed = load_reward(moved)
    assert changed.identity != load_reward(rewards("llama")).identity
    before = load_reward(rewards("llama")).scores(prompts(changed), models.SAID)
    assert changed.scores(prompts(changed), models.SAID) == pytest.approx([2 * x for x in before], abs=1e-4)


def test_what_is_no_reward_model_is_refused(
    rewards: Callable[[str], Path], tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    from duecare.model.load import load
    from duecare.model.reward import load_reward

    with pytest.raises(ModelError, match="LlamaForCausalLM is no reward model"):
        load_reward(tiny("llama"))
    with pytest.raises(ModelError, match="writes no answers"):
        load(rewards("llama"))
    with pytest.raises(ModelError, match="batch = 0"):
        load_reward(rewards("llama"), batch=0)
    model = load_reward(rewards("llama"))
    with pytest.raises(ModelError, match="2 prompts, 1 answers"):
        model.scores(["a", "b"], ["c"])
    with pytest.raises(ModelError, match="no tokens but padding"):
        model.scores(["<|endoftext|>"], [""], ended=[False])
    for name, change in (("labels", {"num_labels": 2}), ("none", {"num_labels": None})):
        folder = Path(shutil.copytree(rewards("llama"), tmp_path / name))
        described = json.loads((folder / "config.json").read_text()) | change
        (folder / "config.json").write_text(json.dumps(described))
        with pytest.raises(ModelError, match="num_labels = "):
            load_reward(folder)


@pytest.mark.parametrize(
    ("change", "said"), [("missing", "is missing"), ("wide", "expected"), ("nan", "finite")]
)
def test_a_broken_head_is_refused(
    rewards: Callable[[str], Path], tmp_path: Path, change: str, said: str
) -> None:
    from duecare.model.reward import load_reward

    folder = Path(shutil.copytree(rewards("llama"), tmp_path / "broken"))
    tensors = load_file(folder / "model.safetensors")
    head = tensors.pop("score.weight")
    more = {"missing": {}, "wide": {"score.weight": np.ones((2, 32), np.float32)}}
    tensors |= more.get(change, {"score.weight": head * np.float32("nan")})
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=said):
        load_reward(folder).scores(["Hello"], ["you"])
