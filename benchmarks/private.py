"""What privacy costs a step: the private LoRA step against the plain ones, on the same rows of SmolLM2-135M.

    python benchmarks/private.py [rounds] [rows] [tokens] [together]

All steps are those that train: forward, backward and Adam, compiled, on the same `rows` rows of at most
`tokens` tokens (rank 8, query and value). `plain` is the step of `Sft` without privacy, `tunix` that of
`PeftTrainer` as it comes, with its default loss. The private one clips each row's gradient, adds noise, and
runs in arrays with room for a large draw, as in training. Steps of all kinds alternate in one process; shown
are steps a second and the medians on both clocks, with the lowest and highest ratio of neighbouring steps.
`bar` is what the private step may take against `plain`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BAR = 1.25
MODEL = "smollm2-135m-instruct"
ROWS, RANK = 200, 8
ANSWER = (
    "I have read what you wrote, and I am sorry for the trouble. The parcel was handed to another carrier on"
    " the way, which is why the number no longer works. I have asked them for the new one and will send it to"
    " you as soon as it is here. If nothing arrives by the end of the week, we will send the goods once more."
)


def write_rows(folder: Path) -> None:
    """Rows of different length, from a third of the answer to three times."""
    import pyarrow.parquet as pq

    from duecare.core import Example, Message
    from duecare.core.table import table

    def row(number: int) -> Example:
        words = (ANSWER + " ").split(" ") * 3
        said = " ".join(words[: 20 + (37 * number) % 160])
        turns = (
            Message(role="user", content=f"Case {number}: where is my parcel?"),
            Message(role="assistant", content=said),
        )
        return Example(row=f"c:{number}", key=f"{number:064x}", source="c", kind="chat", messages=turns)

    folder.mkdir()
    pq.write_table(table([row(number) for number in range(ROWS)]), folder / "train.parquet")
    pq.write_table(table([row(ROWS)]), folder / "held_out.parquet")


def prepared(folder: Path, rows: int, tokens: int, together: int | None) -> tuple[Any, Any, Any, Any]:
    """The plain and the private trainer on one model, and a batch for each, of the same rows."""
    import numpy as np
    from tunix.sft.peft_trainer import TrainingConfig

    from duecare.core import Artifact
    from duecare.model.fetch import Fetch
    from duecare.privacy import Promise, Secret, plan
    from duecare.train import Privacy, Sft, units
    from duecare.train.batch import ASKED_TOGETHER, most_asked
    from duecare.train.engine_loop import Trainer, adapted, read_parts, start_folder
    from duecare.train.engine_private import world_of
    from duecare.train.engine_sft import Passages, sft_loss
    from duecare.train.lora import optimiser
    from duecare.train.private_methods import SftMethod

    write_rows(folder / "data")
    (folder / "base").mkdir()
    Fetch(name=MODEL).run({}, folder / "base", lambda _: None)
    inputs = {"base": Artifact("base", folder / "base", ""), "data": Artifact("data", folder / "data", "")}
    privacy = Privacy(epsilon=8, delta=1e-5)
    step = Sft(on="c", steps=60, batch_size=rows, max_tokens=tokens, held_out=1, privacy=privacy)
    method = SftMethod(step, start_folder(inputs), *read_parts(inputs, ()))
    _, model = adapted(step, start_folder(inputs))
    every = units.members(method.data, method.taught.rows, privacy)
    method.prepare(every, None)
    promise = Promise(epsilon=8, delta=1e-5)
    made = plan(promise, units=len(every), batch=rows, steps=60, noise_multiplier=0.8)
    if together is not None:
        units.Shape.of = staticmethod(  # type: ignore[method-assign]  # another group size is tried
            lambda every, capacity, expected: units.Shape(-(-capacity // together) * together, 1, together)
        )
    world = world_of(step, made, every, method, model, Secret.fresh())
    chosen = np.arange(rows)
    private = {**world.batches.batch(chosen), "key": Secret.fresh().noise_key(0)}
    taught = np.array([one.taught[1:].sum() for one in method.taught.read], dtype=np.int64)
    length = world.batches.read(np.arange(1))["tokens"].shape[1]
    shape = (length, most_asked(taught, [chosen]))
    plain = Passages(method.data, method.taught, shape, method.pad_id).batch(chosen)
    trainer = Trainer(model, optimiser(step), TrainingConfig(eval_every_n_steps=60))
    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch}).with_loss_fn(sft_loss, has_aux=True)
    alone = world.batches.read(np.arange(1))["target"].shape[0]
    print(
        f"{rows} rows of up to {length} tokens; log-probabilities asked: plain {shape[1]}, private"
        f" {rows} x {alone} (chunks of {ASKED_TOGETHER}); room for {world.batches.shape.capacity} rows,"
        f" {world.batches.shape.together} worked on together"
    )
    return trainer, plain, world.trainer, private


def theirs(folder: Path, plain: Any) -> tuple[Any, Any]:
    """Tunix's own trainer as it comes, and the rows of the batch `plain` as it takes them."""
    import numpy as np
    import qwix
    from flax import nnx
    from tunix.sft import utils
    from tunix.sft.peft_trainer import PeftTrainer, TrainingConfig, TrainingInput

    from duecare.model.fetch import folder_of
    from duecare.model.load import load
    from duecare.train import Sft
    from duecare.train.lora import PATHS, optimiser

    base = load(folder_of(folder / "base")).model
    provider = qwix.LoraProvider(module_path=PATHS["q-v"], rank=RANK, alpha=RANK)
    model = qwix.apply_lora_to_model(base, provider, rngs=nnx.Rngs(0), **base.get_model_input())
    real, counted = plain["real"].astype(bool), plain["counts"] > 0

    def inputs(batch: Any) -> dict[str, Any]:
        return {
            "input_tokens": batch.input_tokens,
            "input_mask": batch.input_mask,
            "positions": utils.build_positions_from_mask(real),
            "attention_mask": utils.make_causal_attn_mask(real),
        }

    taught = np.zeros(real.shape, np.bool_)
    # What is asked after a place is the token behind it.
    taught[plain["asked_row"][counted], plain["asked_place"][counted] + 1] = True
    trainer = PeftTrainer(model, optimiser(Sft(on="c", steps=60)), TrainingConfig(eval_every_n_steps=60))
    trainer.with_gen_model_input_fn(inputs)
    return trainer, TrainingInput(input_tokens=plain["tokens"], input_mask=taught)


def timed(step: Callable[[Any], Any], batch: Any) -> tuple[float, float]:
    """Wall and processor time of one step, in seconds."""
    import jax

    begin = time.perf_counter(), time.process_time()
    jax.block_until_ready(step(batch))
    return time.perf_counter() - begin[0], time.process_time() - begin[1]


def main(rounds: int = 6, rows: int = 8, tokens: int = 128, together: int | None = None) -> None:
    """Time the steps in turn and show the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        trainer, plain, private_trainer, private = prepared(Path(folder), rows, tokens, together)
        stranger, own = theirs(Path(folder), plain)
        both = ((trainer, plain), (stranger, own), (private_trainer, private))
        steps = [(each.jit_train_and_eval_step()[0], batch) for each, batch in both]
        for step, batch in steps:
            timed(step, batch)  # compiles
        found = [[timed(step, batch) for step, batch in steps] for _ in range(rounds)]
    for clock, name in enumerate(("wall", "processor")):
        times = [[each[kind][clock] for each in found] for kind in range(3)]
        middle = [statistics.median(each) for each in times]
        shown = ", ".join(
            f"{kind} {took:.2f} s ({1 / took:.3f} steps/s)"
            for kind, took in zip(("plain", "tunix", "private"), middle, strict=True)
        )
        print(f"{name:>9}: {shown}")
        for kind, against in ((0, "plain"), (1, "tunix")):
            ratios = [b / a for a, b in zip(times[kind], times[2], strict=True)]
            bar = f", bar {BAR}" if against == "plain" else ""
            print(
                f"           private / {against}: {middle[2] / middle[kind]:.2f}"
                f" ({min(ratios):.2f} to {max(ratios):.2f}){bar}"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
