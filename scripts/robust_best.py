"""Where rewards on SmolLM2 lead it: best of n by a head, judged by heads that other people's pairs made.

    python scripts/robust_best.py FOLDER      # after robust_states.py and robust_pool.py

Each of five seeds deals the 900 pairs out in two halves. On one the reward is fitted, plain or robust, on the
other the held-out reward (a plain head), which is so another sample of people's judgement, if by the same
states. Told for every n, in standard deviations of the policy's own answers: reward, held-out reward, words,
toxicity, refusals; means over prompts with 95 % intervals for the first seed, and over seeds for the held-out
reward at the largest n.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import robust_rewards

from duecare.measure.best_of import best_of_kl
from duecare.measure.interval import cluster_mean, mean_t
from duecare.model.heads import Heads
from duecare.reward.over import HELD_OUT, REWARD, Course, Pool, course_of, finding
from duecare.train.heads import Robust, States, fit_heads

WAYS = ("plain head", "8 heads, mean - 1 sd", "8 heads averaged, padding and twins 3")
SEEDS = 5


def fitted(data: robust_rewards.Read, rows: np.ndarray, way: Robust, centre: np.ndarray, seed: int) -> Heads:
    """Heads on some of the pairs."""
    told = list(robust_rewards.sides(data.names, fitted=True))
    longer = data.lengths[:, 0] - data.lengths[:, 1]
    mine, other = ([each[side] for each in told] for side in (1, 2))
    states = States(
        chosen=data.pairs[rows, 0] - centre,
        rejected=data.pairs[rows, 1] - centre,
        weights=np.ones(len(rows)),
        longer=longer[rows],
        apart=data.twins[mine] - data.twins[other],
        padded=(data.filled - data.pairs[:, 0])[rows][np.isfinite(data.filled[rows]).all(axis=1)],
    )
    start = np.zeros(len(centre))
    return fit_heads(states, way, centring=robust_rewards.CENTRING, start=start, seed=seed)


def course(data: robust_rewards.Read, pool: dict[str, np.ndarray], way: Robust, seed: int) -> Course:
    """The best of n by one way to fit, with one deal of the pairs."""
    order = np.random.default_rng(seed).permutation(len(data.pairs))
    own, others = order[: len(order) // 2], order[len(order) // 2 :]
    centre = data.pairs[own].reshape(-1, data.pairs.shape[2]).mean(axis=0)
    shape, flat = pool["states"].shape[:2], pool["states"].reshape(-1, len(centre)) - centre
    values = {
        REWARD: fitted(data, own, way, centre, seed).scores(flat).reshape(shape),
        HELD_OUT: fitted(data, others, robust_rewards.WAYS["plain head"], centre, seed)
        .scores(flat)
        .reshape(shape),
        **{name: pool[name].astype(float) for name in ("words", "toxicity", "refusal")},
    }
    return course_of(Pool(values, {}))


def main() -> None:
    """Print the course of every way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    data = robust_rewards.read(folder)
    pieces = [np.load(path) for path in sorted(folder.glob("pool-*.npz"))]
    pool = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0].files}
    print(f"{pool['states'].shape[0]} prompts, {pool['states'].shape[1]} answers each")
    for name in WAYS:
        courses = [course(data, pool, robust_rewards.WAYS[name], seed) for seed in range(SEEDS)]
        for place, n in enumerate(courses[0].steps):
            cells = [f"{n}", f"{best_of_kl(n):.2f}"]
            for values in courses[0].values.values():
                known = values[place][np.isfinite(values[place])]
                found = cluster_mean(known)
                bounds = "" if found.low is None else f" [{found.low:.2f}, {found.high:.2f}]"
                cells.append(f"{np.mean(known):.2f}{bounds}")
            print(f"| {name} | " + " | ".join(cells) + " |")
        last = mean_t([float(each.values[HELD_OUT][-1].mean()) for each in courses])
        said = [finding(each, 0.1, 0.05, {}).verdict for each in courses]
        print(
            f"{name}: held-out reward at the end {last.value:.2f} [{last.low:.2f}, {last.high:.2f}]; {said}"
        )


if __name__ == "__main__":
    main()
