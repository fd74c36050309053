"""Useful tokens a second of supervised fine-tuning: ours, packed, against Tunix's own padded path.

    python benchmarks/packing.py DATA [steps] [rounds] [batch_tokens] [max_tokens]

DATA is sgd-support, hh-rlhf-harmless or self-instruct; DUECARE_DATA names the folder of the public data sets.
SmolLM2-135M-Instruct is trained with the same LoRA (rank 8, query and value) by both, in one process and by
turns: `steps` training steps each, `rounds` times over.

- Tunix: `PeftTrainer` as it comes, with its default loss and its own helpers for positions and mask, in the
  order that duecare would read padded rows, padded to 512 (sgd-support: to its longest row), as many rows a
  step as make about as many tokens as ours.
- duecare: the step that `Sft(batch_tokens=...)` compiles, per-row figures among it, rows cut at its line.

Useful are tokens of rows, prompts among them; padding is not. The time of a step does not depend on what
the padding hides, so the share of useful tokens is taken over a whole epoch, not over the few steps timed,
and the step has room for the fullest batch of that epoch. What compiles does not count.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BARS = {"sgd-support": 2.0, "hh-rlhf-harmless": 2.5, "self-instruct": 3.5}
MODEL = "smollm2-135m-instruct"
PADDED_TO, LONGEST = 512, {"sgd-support": 4096}
"""Rows are cut at this many tokens; sgd-support, padded to its longest row, is not."""
PAD = 0
"""SmolLM2's <|endoftext|>, which no conversation holds."""
RANK = 8
Clocks = tuple[float, float]


def conversations(name: str) -> Iterator[list[tuple[str, str]]]:
    """The conversations of a data set as (role, text) turns."""
    folder = Path(os.environ["DUECARE_DATA"]) / name
    (path,) = (each for each in folder.glob("*.jsonl"))
    for line in path.read_text("utf-8").splitlines():
        record = json.loads(line)
        if name == "sgd-support":
            yield [("user" if who == "USER" else "assistant", said) for who, said in record["turns"]]
        elif name == "self-instruct":
            for one in record["instances"]:
                yield [
                    ("user", f"{record['instruction']}\n\n{one['input']}".strip()),
                    ("assistant", one["output"]),
                ]
        else:
            parts = re.split(r"\n\n(Human|Assistant): ?", record["chosen"])[1:]
            roles = ("user" if who == "Human" else "assistant" for who in parts[::2])
            yield list(zip(roles, parts[1::2], strict=True))


def write_rows(name: str, folder: Path) -> None:
    """All rows of a data set to train on, none held out."""
    import pyarrow.parquet as pq

    from duecare.core import Example, Message
    from duecare.core.table import table

    rows = [
        Example(
            row=f"{name}:{number}",
            key=f"{number:064x}",
            source=name,
            kind="chat",
            messages=tuple(Message(role=role, content=text) for role, text in turns),
        )
        for number, turns in enumerate(conversations(name))
    ]
    folder.mkdir()
    pq.write_table(table(rows), folder / "train.parquet")


@dataclass(frozen=True)
class Way:
    """One way to train: `run` does the batches it is given; `share` of their `places` tokens is useful."""

    name: str
    run: Callable[[Iterator[Any]], None]
    batches: Callable[[int], Any]
    places: int
    share: float

    def go(self, first: int, steps: int) -> Clocks:
        """Train `steps` batches from number `first` on; wall and processor seconds."""
        begin = (time.perf_counter(), time.process_time())
        self.run(self.batches(number) for number in range(first, first + steps))
        return time.perf_counter() - begin[0], time.process_time() - begin[1]


def ours(folder: Path, data: Any, steps: int, tokens: tuple[int, int]) -> Way:
    """The training step of `Sft(batch_tokens=..., max_tokens=...)`, planned for an epoch of `steps`."""
    from tunix.sft.peft_trainer import TrainingConfig

    from duecare.model.tokenize import Tokenizer
    from duecare.train import engine_sft
    from duecare.train.engine_loop import Trainer, adapted
    from duecare.train.lora import optimiser
    from duecare.train.packing import useful
    from duecare.train.sft import Sft

    step = Sft(on="x", lora_rank=RANK, steps=steps, batch_tokens=tokens[0], max_tokens=tokens[1], held_out=0)
    taught, _ = engine_sft.read_passages(step, Tokenizer(folder), data, data)
    _, model = adapted(step, folder)
    trainer = Trainer(model, optimiser(step), TrainingConfig(eval_every_n_steps=steps))
    trainer.is_managed_externally = True  # it may be called again, and skips no batch
    trainer.after_step = lambda _: None
    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch})
    trainer.with_loss_fn(engine_sft.sft_loss, has_aux=True)
    share = useful(taught.plan) / taught.places
    return Way("duecare, packed", trainer.train, lambda n: taught.step(n % steps), tokens[0], share)


def theirs(folder: Path, passages: list[Any], length: int, rows: int) -> Way:
    """Tunix as it comes, on `rows` padded rows a step."""
    import qwix
    from flax import nnx
    from tunix.sft import utils
    from tunix.sft.peft_trainer import PeftTrainer, TrainingConfig, TrainingInput

    from duecare.model.load import load
    from duecare.train.lora import PATHS, optimiser
    from duecare.train.sft import Sft

    plain = load(folder).model
    provider = qwix.LoraProvider(module_path=PATHS["q-v"], rank=RANK, alpha=RANK)
    model = qwix.apply_lora_to_model(plain, provider, rngs=nnx.Rngs(0), **plain.get_model_input())
    del plain
    trainer = PeftTrainer(model, optimiser(Sft(on="x")), TrainingConfig(eval_every_n_steps=1000))
    trainer.is_managed_externally = True

    def inputs(batch: Any) -> dict[str, Any]:
        real = batch.input_tokens != PAD
        return {
            "input_tokens": batch.input_tokens,
            "input_mask": batch.input_mask,
            "positions": utils.build_positions_from_mask(real),
            "attention_mask": utils.make_causal_attn_mask(real),
        }

    def batch(number: int) -> Any:
        tokens = np.full((rows, length), PAD, np.int32)
        taught = np.zeros((rows, length), np.bool_)
        for line in range(rows):
            one = passages[(number * rows + line) % len(passages)]
            tokens[line, : len(one.tokens)], taught[line, : len(one.tokens)] = one.tokens, one.taught
        return TrainingInput(input_tokens=tokens, input_mask=taught)

    trainer.with_gen_model_input_fn(inputs)
    share = sum(len(one.tokens) for one in passages) / (len(passages) * length)
    return Way("Tunix, padded", trainer.train, batch, rows * length, share)


def ways(name: str, folder: Path, batch_tokens: int, max_tokens: int | None) -> tuple[Way, Way]:
    """Tunix's and ours on one data set."""
    from duecare.model.fetch import Fetch, folder_of
    from duecare.model.tokenize import Tokenizer
    from duecare.train.batch import draw
    from duecare.train.engine_loop import read_data
    from duecare.train.rows import passage

    (folder / "base").mkdir()
    Fetch(name=MODEL).run({}, folder / "base", lambda _: None)
    model = folder_of(folder / "base")
    write_rows(name, folder / "data")
    data = read_data(folder / "data" / "train.parquet", ())
    tokenizer = Tokenizer(model)
    longest = LONGEST.get(name, PADDED_TO)
    plan = draw(data.names, lambda i: passage(data.example(i), tokenizer, longest), len(data.names), 0)
    passages = list(plan.read)
    if any((one.tokens == PAD).any() for one in passages):
        raise SystemExit("a row holds the token that stands for padding")
    length = max(len(one.tokens) for one in passages)
    epoch = sum(len(one.tokens) for one in passages) // batch_tokens
    lines = batch_tokens if max_tokens is None else max_tokens
    print(
        f"{name}: {len(passages)} rows, {plan.met - len(passages)} unusable,"
        f" "
        f"mean {np.mean([len(one.tokens) for one in passages]):.0f} tokens, longest {length}"
    )
    rows = max(1, round(batch_tokens / length))
    return theirs(model, passages, length, rows), ours(model, data, epoch, (batch_tokens, lines))


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    name = sys.argv[1] if len(sys.argv) > 1 else "self-instruct"
    steps, rounds, batch_tokens, max_tokens = (
        int(sys.argv[place]) if len(sys.argv) > place else default
        for place, default in ((2, 3), (3, 2), (4, 1024), (5, None))
    )
    with tempfile.TemporaryDirectory() as folder:
        both = ways(name, Path(folder), batch_tokens, max_tokens)
        for way in both:
            begin = time.perf_counter()
            way.go(0, 1)  # compiles
            print(f"{way.name}: one step and compiling {time.perf_counter() - begin:.0f} s", flush=True)
        spent = {way.name: np.zeros(2) for way in both}
        for number in range(rounds):
            for way in both:
                spent[way.name] += way.go(1 + number * steps, steps)
    rates = []
    for way in both:
        each = spent[way.name] / (rounds * steps)
        rates.append(way.places * way.share / each)
        print(
            f"{way.name}: {way.places} tokens a step, {way.share:.1%} useful;"
            f" {each[0]:.2f} s wall, {each[1]:.2f} s processor a step;"
            f" {rates[-1][0]:.0f} useful tokens a second, {rates[-1][1]:.0f} a processor second"
        )
    gained = rates[1] / rates[0]
    print(f"{name}: {gained[0]:.2f} times by the wall, {gained[1]:.2f} by the processor (bar {BARS[name]})")


if __name__ == "__main__":
    main()
