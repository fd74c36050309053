"""Rounds of GRPO a minute: duecare against Tunix's GRPOLearner, the same work in one run.

    python benchmarks/reinforcement.py [model] [prompts] [samples] [tokens] [rounds]

A model (SmolLM2-135M-Instruct, or a folder) answers prompts of some 50 tokens, `samples` answers to each,
every answer exactly `tokens` long (no token ends it); a constant reward is given, the reference asked, and
one update made to low-rank weights of rank 8 on queries and values, with beta 0.04. The reward is asked once
a round: its calls are the clock of both. Two rounds are for compiling and are left out; figures are medians
over the rest, by the wall and by processor time (which other load disturbs less). Tunix's learner trains the
model that duecare loaded, with its rotary base put right, and pads with a token that stands in no prompt.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generation import Adapted

SETTLING = 2
CLOCK: list[tuple[float, float]] = []


def tick(prompts: Sequence[str], completions: Sequence[str], **_: Any) -> list[float]:
    """A constant reward that notes when it was asked."""
    CLOCK.append((time.perf_counter(), time.process_time()))
    return [0.5] * len(completions)


def rounds() -> tuple[float, float]:
    """Median seconds from one round to the next, wall and processor, and the clock set back."""
    apart = [
        (b[0] - a[0], b[1] - a[1]) for a, b in zip(CLOCK[SETTLING:], CLOCK[SETTLING + 1 :], strict=False)
    ]
    CLOCK.clear()
    return statistics.median(each[0] for each in apart), statistics.median(each[1] for each in apart)


def questions(count: int) -> list[str]:
    """Different questions of one length."""
    text = "tell me please what to do when my card was lost on the way home from work"
    return [f"{number:04d}: {text}" for number in range(count)]


def by_tunix(folder: Path, asked: list[str], sizes: tuple[int, int, int, int]) -> tuple[float, float]:
    """Tunix's learner on vanilla rollout."""
    import jax
    import numpy as np
    import optax
    import qwix
    from jax.sharding import Mesh
    from tunix.rl import rl_cluster
    from tunix.rl.grpo.grpo_learner import GRPOConfig, GRPOLearner
    from tunix.rl.rollout.base_rollout import RolloutConfig

    from duecare.core import Message
    from duecare.model.load import load
    from duecare.train.lora import PATHS

    prompts, samples, tokens, count = sizes
    loaded = load(folder)
    turns = [loaded.tokenizer.chat([Message(role="user", content=each)], answer=True) for each in asked]
    longest = max(len(loaded.tokenizer.encode(each)) for each in turns)
    provider = qwix.LoraProvider(module_path=PATHS["q-v"], rank=8, alpha=8.0)
    actor = qwix.apply_lora_to_model(loaded.model, provider, **loaded.model.get_model_input())
    mesh = Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("fsdp", "tp"))
    role = rl_cluster.Role
    config = rl_cluster.ClusterConfig(
        role_to_mesh={role.ACTOR: mesh, role.REFERENCE: mesh, role.ROLLOUT: mesh},
        training_config=rl_cluster.RLTrainingConfig(
            actor_optimizer=optax.adam(1e-5), eval_every_n_steps=10**6, max_steps=count
        ),
        rollout_config=RolloutConfig(
            max_tokens_to_generate=tokens,
            max_prompt_length=longest,
            kv_cache_size=longest + tokens + 1,
            temperature=1.0,
        ),
    )
    cluster = rl_cluster.RLCluster(
        actor=actor,
        reference=load(folder).model,
        tokenizer=Adapted(loaded.tokenizer, endless=True),
        cluster_config=config,
    )
    learner = GRPOLearner(cluster, GRPOConfig(num_generations=samples, beta=0.04), reward_fns=tick)
    batches = [{"prompts": np.array(turns[place::count][:prompts])} for place in range(count)]
    learner.train(batches)
    return rounds()


def by_duecare(folder: Path, asked: list[str], sizes: tuple[int, int, int, int]) -> tuple[float, float]:
    """The step `grpo` on the same questions."""
    import pyarrow.parquet as pq

    from duecare.core import Artifact, Example, Message
    from duecare.core.table import table
    from duecare.model.fetch import Fetch
    from duecare.model.tokenize import Tokenizer
    from duecare.train import Grpo

    prompts, samples, tokens, count = sizes
    Tokenizer.eos_ids = property(lambda self: (), lambda self, _: None)  # type: ignore[assignment]  # no ends here
    rows = [
        Example(
            row=f"chats:{number}",
            key=f"{number:064x}",
            source="chats",
            kind="chat",
            messages=(Message(role="user", content=each),),
        )
        for number, each in enumerate(asked)
    ]
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        for part, some in (("train", rows), ("held_out", [])):
            pq.write_table(table(some), here / f"{part}.parquet")
        for part in ("base", "out"):
            (here / part).mkdir()
        Fetch(name=str(folder)).run({}, here / "base", lambda told: None)
        step = Grpo(
            on="chats",
            reward={"__main__:tick": 1.0},
            samples=samples,
            steps=count,
            every=count,
            batch_size=prompts,
            max_prompt_tokens=512,
            max_answer_tokens=tokens,
            learning_rate=1e-5,
            held_out=0,
        )
        inputs = {"data": Artifact("data", here, "0"), "base": Artifact("base", here / "base", "0")}
        step.run(inputs, here / "out", lambda told: None)
    return rounds()


def main() -> None:
    """Measure and print."""
    from duecare.model.fetch import resolve

    given = dict(enumerate(sys.argv))
    model = given.get(1, "smollm2-135m-instruct")
    prompts, samples, tokens, count = (
        int(given.get(place, default)) for place, default in ((2, 4), (3, 4), (4, 32), (5, 6))
    )
    folder, sizes = resolve(model), (prompts, samples, tokens, count)
    asked = questions(prompts * count)
    print(f"{model}: {prompts} prompts, {samples} answers each, {tokens} tokens; seconds a round")
    found = {"Tunix": by_tunix(folder, asked, sizes), "duecare": by_duecare(folder, asked, sizes)}
    for name, (wall, work) in found.items():
        print(f"{name:8} wall {wall:7.2f}  processor {work:7.2f}")
    ratios = [a / b for a, b in zip(found["Tunix"], found["duecare"], strict=True)]
    print(
        f"duecare makes {ratios[0]:.1f} times the rounds by the wall, {ratios[1]:.1f} times by processor time"
    )


if __name__ == "__main__":
    main()
