"""Pairs a second of preference tuning: our DPO step against Tunix's own `DPOTrainer`, in one run.

    python benchmarks/preferences.py [steps] [rounds] [pairs] [prompt tokens] [answer tokens]

SmolLM2-135M-Instruct with the same LoRA (rank 8, query and value) reads the pairs of hh-rlhf-harmless
(DUECARE_DATA names the folder of the public data sets), cut alike, in the same order, in one process and by
turns: `steps` steps each, `rounds` times over. Shown are both rates on both clocks and how many times as many
pairs ours reads, with the lowest and highest of the rounds. Four minutes of two processor cores as it stands.

- Tunix: `DPOTrainer` as it comes, prompts padded on the left and answers on the right to their limits, each
  prompt read twice, the reference model asked at every step.
- duecare: the step that `Dpo` compiles, prompts shared by both answers, figures of every pair among it, and
  the references, which are asked once for each pair before training: their time is added pair by pair, as if
  each pair were read once.

What compiles does not count.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "smollm2-135m-instruct"
RANK = 8
FILE = "hh-rlhf-harmless/harmless-base_test_first1500.jsonl"
Clocks = Any
"""Wall and processor seconds, float64 [2]."""


def clocks() -> Clocks:
    """Now, by both clocks."""
    return np.array([time.perf_counter(), time.process_time()])


def prepared(folder: Path, batch: int, tokens: tuple[int, int], steps: int) -> tuple[Any, Any, Path]:
    """The pairs as our training reads them, the step, and the folder of the model."""
    from duecare.core import Artifact
    from duecare.curate import Read, Split
    from duecare.model.fetch import Fetch, folder_of
    from duecare.model.tokenize import Tokenizer
    from duecare.train import Dpo
    from duecare.train.engine_loop import read_parts
    from duecare.train.engine_prefer import Pairs, give_shape, read_pairs

    for name in ("base", "read", "data"):
        (folder / name).mkdir()
    Fetch(name=MODEL).run({}, folder / "base", lambda _: None)
    source = str(Path(os.environ["DUECARE_DATA"]) / FILE)
    Read(source=source, kind="preference", study="speed").run({}, folder / "read", lambda _: None)
    read = {"examples": Artifact("read:pairs", folder / "read", "")}
    Split(held_out=0.05).run(read, folder / "data", lambda _: None)
    step = Dpo(
        on="pairs",
        steps=steps,
        batch_size=batch,
        lora_rank=RANK,
        max_prompt_tokens=tokens[0],
        max_answer_tokens=tokens[1],
        held_out=batch,
    )
    model = folder_of(folder / "base")
    data, held = read_parts({"data": Artifact("split:pairs", folder / "data", "")}, ())
    taught, probed = read_pairs(step, Tokenizer(model), data, held, Pairs)
    give_shape(step, taught, probed, None)
    return taught, step, model


def ours(taught: Any, step: Any, folder: Path) -> tuple[Callable[[range], Clocks], Callable[[int], Clocks]]:
    """Training by numbers of steps; and asking the references of so many batches."""
    from tunix.sft.peft_trainer import TrainingConfig

    from duecare.train.engine_loop import adapted
    from duecare.train.engine_prefer import measured, treatment
    from duecare.train.lora import optimiser

    _, model = adapted(step, folder)
    method = treatment(step, taught.part, taught)
    trainer = method.trainer(model, optimiser(step), TrainingConfig(eval_every_n_steps=10_000))
    trainer.is_managed_externally = True  # it may be called again, and skips no batch
    trainer.after_step = lambda _: None
    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch}).with_loss_fn(method.loss, has_aux=True)

    def train(numbers: range) -> Clocks:
        begin = clocks()
        trainer.train(method.batch(number, taught.step(number, step.batch_size)) for number in numbers)
        return clocks() - begin

    def refer(count: int) -> Clocks:
        begin = clocks()
        for number in range(count):
            np.asarray(measured(model, taught.step(number, step.batch_size))[0])
        return clocks() - begin

    return train, refer


def theirs(taught: Any, step: Any, folder: Path) -> Callable[[range], Clocks]:
    """Tunix as it comes, on the same pairs."""
    import qwix
    from flax import nnx
    from tunix.sft.dpo.dpo_trainer import DPOTrainer, DPOTrainingConfig, TrainingInput

    from duecare.model.load import load
    from duecare.train.lora import PATHS, optimiser

    plain = load(folder).model
    provider = qwix.LoraProvider(module_path=PATHS["q-v"], rank=RANK, alpha=RANK)
    model = qwix.apply_lora_to_model(plain, provider, rngs=nnx.Rngs(0), **plain.get_model_input())
    config = DPOTrainingConfig(eval_every_n_steps=10_000, beta=step.beta)
    trainer = DPOTrainer(model, load(folder).model, optimiser(step), config)
    trainer.is_managed_externally = True

    def padded(rows: list[Any], length: int, *, left: bool) -> tuple[Any, Any]:
        tokens = np.full((len(rows), length), taught.pad_id, np.int32)
        mask = np.zeros((len(rows), length), np.bool_)
        for line, row in enumerate(rows):
            where = slice(length - len(row), length) if left else slice(0, len(row))
            tokens[line, where], mask[line, where] = row, True
        return tokens, mask

    def batches(numbers: range) -> Iterator[Any]:
        for number in numbers:
            chosen = [taught.plan.read[i] for i in taught.plan.step(number, step.batch_size)]
            prompt = padded([one.prompt for one in chosen], step.max_prompt_tokens, left=True)
            good = padded([one.chosen for one in chosen], step.max_answer_tokens, left=False)
            bad = padded([one.rejected for one in chosen], step.max_answer_tokens, left=False)
            yield TrainingInput(*prompt, *good, *bad)

    def train(numbers: range) -> Clocks:
        begin = clocks()
        trainer.train(batches(numbers))
        return clocks() - begin

    return train


def main(steps: int = 1, rounds: int = 3, batch: int = 4, prompt: int = 256, answer: int = 128) -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    with tempfile.TemporaryDirectory() as name:
        every = 1 + steps * rounds
        taught, step, folder = prepared(Path(name), batch, (prompt, answer), every)
        train, refer = ours(taught, step, folder)
        plain = theirs(taught, step, folder)
        for way in (lambda: train(range(1)), lambda: refer(1), lambda: plain(range(1))):
            way()  # compiles
        spent = []
        for number in range(rounds):
            numbers = range(1 + number * steps, 1 + (number + 1) * steps)
            spent.append(np.stack([plain(numbers), train(numbers), refer(steps)]))
    each = np.sum(spent, axis=0) / (steps * rounds * batch)
    print(f"pairs of up to {prompt} and {answer} tokens, {batch} a step, lines of {taught.length} tokens")
    for who, seconds in (("Tunix", each[0]), ("duecare", each[1] + each[2])):
        print(f"{who:8} {1 / seconds[0]:.2f} pairs a second, {1 / seconds[1]:.2f} a processor second")
    gained = each[0] / (each[1] + each[2])
    rounds_gained = np.array([one[0] / (one[1] + one[2]) for one in spent])
    for clock, by in enumerate(("wall", "processor")):
        low, high = rounds_gained[:, clock].min(), rounds_gained[:, clock].max()
        print(f"duecare is {gained[clock]:.2f} times by the {by} ({low:.2f} to {high:.2f})")
    print(f"of a pair's time the reference takes {each[2][1] / (each[1] + each[2])[1]:.0%}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
