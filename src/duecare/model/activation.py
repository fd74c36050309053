"""What stands between the layers of a model, and what its answer becomes when some of it is replaced. Imports
JAX.

Three places of every layer can be read and replaced, in every family: the residual stream behind it
("stream", whose depth 0 is the embedded tokens), what each attention head adds before the output projection
("heads") and what the feed-forward block adds ("mlp", in Gemma 3 before the norm behind it). The seams are
Tunix's public attributes `attn.o_proj` (`attn.attn_vec_einsum` in Gemma 3) and `mlp`; a layer that lacks one
is refused.

Replacing what one run computed by what another run computed at the same place is activation patching (Vig et
al. 2020, arXiv 2004.12265; Meng et al. 2022, arXiv 2202.05262). Which cells are replaced is an argument of
the compiled program, so that a whole map is one program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import ModelError
from duecare.model.forward import blocks, causal, logits, places
from duecare.model.load import Loaded
from duecare.model.logprob import padded_length
from duecare.model.merge import Merged
from duecare.model.mesh import rows_over

Kind = Literal["stream", "heads", "mlp"]
KINDS: tuple[Kind, ...] = ("stream", "heads", "mlp")
PROJECTIONS = ("o_proj", "attn_vec_einsum")
Hook = Callable[[int, jax.Array], jax.Array]
Arrays = Mapping[str, jax.Array]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Asked:
    """Texts with the answers that are scored, padded behind to one shape.

    tokens int32 [B, T], real bool [B, T]; place int32 [B, A] is the position that predicts each token of the
    answer, target int32 [B, A] that token, counted bool [B, A] whether there is one.
    """

    tokens: npt.NDArray[np.int32]
    real: npt.NDArray[np.bool_]
    place: npt.NDArray[np.int32]
    target: npt.NDArray[np.int32]
    counted: npt.NDArray[np.bool_]

    def arrays(self) -> tuple[Any, ...]:
        """All five, in order."""
        return self.tokens, self.real, self.place, self.target, self.counted

    def rows(self, chosen: slice | Sequence[int]) -> Asked:
        """Some of the texts."""
        return Asked(*(each[chosen] for each in self.arrays()))


def asked(rows: Sequence[tuple[Sequence[int], int]], pad: int) -> Asked:
    """`rows` (token ids, place of the answer's first token) as arrays; what `tokenize.joined` gives."""
    if not rows or any(not 0 < first < len(tokens) for tokens, first in rows):
        raise ModelError("expected texts with an answer of at least one token behind at least one token")
    length = padded_length(max(len(tokens) for tokens, _ in rows))
    most = max(len(tokens) - first for tokens, first in rows)
    ids, real = np.full((len(rows), length), pad, np.int32), np.zeros((len(rows), length), bool)
    place, target = np.zeros((2, len(rows), most), np.int32)
    counted = np.zeros((len(rows), most), bool)
    for row, (tokens, first) in enumerate(rows):
        count = len(tokens) - first
        ids[row, : len(tokens)], real[row, : len(tokens)] = tokens, True
        place[row, :count] = np.arange(first - 1, len(tokens) - 1)
        target[row, :count], counted[row, :count] = tokens[first:], True
    return Asked(ids, real, place, target, counted)


def plain(loaded: Loaded) -> Loaded:
    """`loaded`, its LoRA added to the weights where it has one on top."""
    if jax.tree.leaves(nnx.state(loaded.model, nnx.LoRAParam)):
        return Merged(loaded).now()
    return loaded


def expect_seams(model: Any) -> None:
    """Refuse a model whose layers lack a place to read: ModelError names the layer and what is missing."""
    for name in ("embedder", "layers", "final_norm"):
        if not hasattr(model, name):
            raise ModelError(f"{type(model).__name__} has no `{name}`: its layers cannot be read one by one")
    for number, layer in enumerate(model.layers):
        attention = getattr(layer, "attn", None)
        if not any(hasattr(attention, name) for name in PROJECTIONS):
            expected = " or ".join(f"attn.{name}" for name in PROJECTIONS)
            raise ModelError(f"layer {number} of {type(model).__name__} has no {expected}: no heads to read")
        if not callable(getattr(layer, "mlp", None)):
            raise ModelError(f"layer {number} of {type(model).__name__} has no mlp that can be called")


class _Before(nnx.Module):  # type: ignore[misc]  # flax.nnx is untyped
    """A projection whose input goes through a hook first; attributes are the projection's own."""

    def __init__(self, inner: Any, hook: Callable[[jax.Array], jax.Array]) -> None:
        self.inner, self.hook, self.shape = inner, hook, inner.shape

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.inner(self.hook(x))


class _Behind(nnx.Module):  # type: ignore[misc]  # flax.nnx is untyped
    """A block whose output goes through a hook."""

    def __init__(self, inner: Any, hook: Callable[[jax.Array], jax.Array]) -> None:
        self.inner, self.hook = inner, hook

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.hook(self.inner(x))


def tapped(model: Any, hooks: Mapping[Kind, Hook]) -> Any:
    """`model` with hooks on its heads and feed-forward blocks; changes it, so give it a merged copy.

    A hook takes the layer's number from 0 and heads [B, T, N, H] or mlp [B, T, D]; what it returns goes on.
    """
    expect_seams(model)
    for number, layer in enumerate(model.layers):
        if "heads" in hooks:
            name = next(name for name in PROJECTIONS if hasattr(layer.attn, name))
            inner = getattr(layer.attn, name)
            setattr(layer.attn, name, _Before(inner, partial(hooks["heads"], number)))
        if "mlp" in hooks:
            layer.mlp = _Behind(layer.mlp, partial(hooks["mlp"], number))
    return model


def _as_it_is(_: int, x: jax.Array) -> jax.Array:
    return x


def walk(model: Any, tokens: jax.Array, real: jax.Array, hooks: Mapping[Kind, Hook]) -> jax.Array:
    """Final-norm states [B, T, D] of `model`, a merged copy, through all hooks; "stream" is given depths
    from 0, the embedded tokens."""
    stream = hooks.get("stream", _as_it_is)
    x = stream(0, model.embedder.encode(tokens))
    ready = tapped(model, hooks)
    states, _ = blocks(
        ready, x, places(real), None, causal(real), after=lambda number, each: stream(number + 1, each)
    )
    return states


def answer_logprob(
    model: Any, states: jax.Array, place: jax.Array, target: jax.Array, counted: jax.Array
) -> jax.Array:
    """Mean log-probability per token of each answer, float32 [B], from final-norm states [B, T, D]."""

    def row(each: tuple[jax.Array, ...]) -> jax.Array:
        own, at, wanted, real = each
        found = jax.nn.log_softmax(logits(model, own[at][None])[0], axis=-1)
        picked = jnp.take_along_axis(found, wanted[:, None], axis=-1)[:, 0]
        return jnp.sum(jnp.where(real, picked, 0.0)) / jnp.sum(real)

    return jax.lax.map(row, (states, place, target, counted))


@partial(jax.jit, static_argnums=(0, 1))
def _recorded(graph: Any, kinds: tuple[Kind, ...], state: Any, *asked: jax.Array) -> tuple[Any, jax.Array]:
    kept: dict[Kind, list[jax.Array]] = {kind: [] for kind in kinds}

    def keep(kind: Kind, _: int, x: jax.Array) -> jax.Array:
        kept[kind].append(x)
        return x

    model, (tokens, real, *answer) = nnx.merge(graph, state), asked
    states = walk(model, tokens, real, {kind: partial(keep, kind) for kind in kinds})
    return {kind: jnp.stack(each) for kind, each in kept.items()}, answer_logprob(model, states, *answer)


def recorded(
    loaded: Loaded, texts: Asked, kinds: Sequence[Kind] = ("stream",)
) -> tuple[dict[str, jax.Array], Floats]:
    """What stands at the places of `kinds`, and the mean log-probability of each answer, float32 [B].

    "stream" is [L + 1, B, T, D] (depth 0 is the embedded tokens), "heads" [L, B, T, N, H], "mlp" [L, B, T,
    D]."""
    ready = plain(loaded)
    expect_seams(ready.model)
    graph, state = nnx.split(ready.model)
    found, logps = _recorded(graph, tuple(kinds), state, *rows_over(loaded.mesh, *texts.arrays()))
    return found, np.asarray(logps)


@partial(jax.jit, static_argnums=0)
def _patched(graph: Any, state: Any, asked: tuple[Any, ...], donors: Arrays, masks: Arrays) -> jax.Array:
    def put(kind: Kind, number: int, x: jax.Array) -> jax.Array:
        chosen = masks[kind][number][..., None]
        return jnp.where(chosen, donors[kind][number].astype(x.dtype), x)

    model, (tokens, real, *answer) = nnx.merge(graph, state), asked
    hooks: dict[Kind, Hook] = {kind: partial(put, kind) for kind in KINDS if kind in masks}
    return answer_logprob(model, walk(model, tokens, real, hooks), *answer)


def patched(
    loaded: Loaded,
    texts: Asked,
    donors: Arrays,
    masks: Mapping[Kind, npt.NDArray[np.bool_]],
    *,
    batch: int = 16,
) -> Floats:
    """Mean log-probability of each answer, float32 [B], with the marked places replaced by the donors'.

    `donors` are as `recorded` gives them, of B rows or of one row for all; their positions are those of
    `texts`. A mask is bool [L + 1, B, T] for "stream", [L, B, T] for "mlp", [L, B, T, N] for "heads". Rows of
    one text may differ in their masks: `texts` of one row stands for all of them. `batch` rows at a time.
    """
    ready, count = plain(loaded), next(iter(masks.values())).shape[1]
    expect_seams(ready.model)
    graph, state = nnx.split(ready.model)
    found = []
    for start in range(0, count, batch):
        rows = np.minimum(np.arange(start, start + batch), count - 1)
        own = texts.rows([0] * batch if len(texts.tokens) == 1 else rows.tolist())
        given = {kind: each if each.shape[1] == 1 else each[:, rows] for kind, each in donors.items()}
        chosen = {kind: jnp.asarray(mask[:, rows]) for kind, mask in masks.items()}
        said = _patched(
            graph, state, rows_over(loaded.mesh, *own.arrays()), {kind: given[kind] for kind in masks}, chosen
        )
        found.append(np.asarray(said))
    return np.concatenate(found)[:count]


@partial(jax.jit, static_argnums=0)
def _slopes(graph: Any, state: Any, asked: tuple[Any, ...], around: Arrays) -> Arrays:
    def total(change: Arrays) -> jax.Array:
        def add(kind: Kind, number: int, x: jax.Array) -> jax.Array:
            return x + change[kind][number].astype(x.dtype)

        model, (tokens, real, *answer) = nnx.merge(graph, state), asked
        hooks: dict[Kind, Hook] = {kind: partial(add, kind) for kind in KINDS if kind in change}
        return jnp.sum(answer_logprob(model, walk(model, tokens, real, hooks), *answer))

    found: Arrays = jax.grad(total)({kind: jnp.zeros_like(each) for kind, each in around.items()})
    return found


def slopes(loaded: Loaded, texts: Asked, around: Arrays) -> Arrays:
    """How fast the answer's mean log-probability moves with each of the activations `around` (see
    `recorded`).

    Times the difference to a donor it is the first-order guess of what patching would do (attribution
    patching, Nanda 2023): one pass backwards for all cells, good for choosing which to patch in truth.
    """
    ready = plain(loaded)
    graph, state = nnx.split(ready.model)
    return dict(_slopes(graph, state, rows_over(loaded.mesh, *texts.arrays()), dict(around)))


@partial(jax.jit, static_argnums=(0, 1))
def _lens(
    graph: Any, depths: tuple[int, ...] | None, state: Any, *asked: jax.Array
) -> tuple[jax.Array, jax.Array]:
    kept: list[jax.Array] = []

    def keep(number: int, x: jax.Array) -> jax.Array:
        if depths is None or number in depths:
            kept.append(x)
        return x

    model, (tokens, real, place, target, _) = nnx.merge(graph, state), asked
    walk(model, tokens, real, {"stream": keep})
    at = jnp.stack([jnp.take_along_axis(each, place[..., None], axis=1) for each in kept])

    def depth(states: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = logits(model, model.final_norm(states))
        wanted = jnp.take_along_axis(found, target[..., None], axis=-1)
        rank = 1 + jnp.sum(found > wanted, axis=-1)
        return (wanted - jax.nn.logsumexp(found, axis=-1, keepdims=True))[..., 0], rank

    found: tuple[jax.Array, jax.Array] = jax.lax.map(depth, at)
    return found


def lens(
    loaded: Loaded, texts: Asked, depths: Sequence[int] | None = None
) -> tuple[Floats, npt.NDArray[np.int32]]:
    """The logit lens (nostalgebraist 2020): log-probability [L + 1, B, A] and rank, from 1, of each token of
    the answers if the final norm and the head stood behind each depth. What is not `counted` means nothing.

    At depth L it is the model's own answer. With `depths`, which ascend, of these alone: [depths, B, A].
    """
    ready = plain(loaded)
    expect_seams(ready.model)
    graph, state = nnx.split(ready.model)
    chosen = None if depths is None else tuple(depths)
    logps, rank = _lens(graph, chosen, state, *rows_over(loaded.mesh, *texts.arrays()))
    return np.asarray(logps), np.asarray(rank)


@dataclass(frozen=True, slots=True)
class Change:
    """An affine change of the stream at one depth: x - scale * left right (x - mean), one for each region.

    mean float32 [R, D], left [R, D, K], right [R, K, D]; `measure.leace.Eraser` gives such three for a
    region."""

    depth: int
    mean: Floats
    left: Floats
    right: Floats

    def arrays(self) -> tuple[Any, ...]:
        """Depth and the three arrays."""
        return np.int32(self.depth), self.mean, self.left, self.right


@partial(jax.jit, static_argnums=(0, 1))
def _changed(
    graph: Any,
    compare: bool,
    state: Any,
    asked: tuple[Any, ...],
    change: tuple[Any, ...],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    region, depth, mean, left, right = change
    # Each position is given the matrices of its region once, not each depth every region.
    inside, which = (region >= 0)[..., None], jnp.maximum(region, 0)
    centre, out, into = mean[which], left[which], right[which]

    def move(number: int, x: jax.Array) -> jax.Array:
        wide = x.astype(jnp.float32)
        told = jnp.einsum("btd,btkd->btk", wide - centre, into)
        moved = jnp.where(inside, jnp.einsum("btk,btdk->btd", told, out), 0.0)
        return jnp.where(number == depth, (wide - moved).astype(x.dtype), x)

    tokens, real, place, target, counted = asked
    model = nnx.merge(graph, state)
    after = walk(model, tokens, real, {"stream": move})
    before = walk(model, tokens, real, {}) if compare else after

    def row(each: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        own, other, at, wanted, there = each
        was, now = (jax.nn.log_softmax(logits(model, x[at][None])[0], axis=-1) for x in (own, other))
        kl = jnp.sum(jnp.exp(was) * (was - now), axis=-1)
        picked = [jnp.take_along_axis(x, wanted[:, None], axis=-1)[:, 0] for x in (was, now)]
        return tuple(jnp.sum(jnp.where(there, x, 0.0)) / jnp.sum(there) for x in (*picked, kl))

    was, now, kl = jax.lax.map(row, (before, after, place, target, counted))
    return was, now, kl


def changed(
    loaded: Loaded,
    texts: Asked,
    region: npt.NDArray[np.int32],
    change: Change,
    *,
    batch: int = 16,
    compare: bool = True,
) -> tuple[Floats, Floats, Floats]:
    """Of each answer, float32 [B]: its mean log-probability before and after the change, and the KL per token
    from the model to the changed one.

    `region` int32 [B, T] says which of the change's regions each position is in, -1 for none. Without
    `compare` the model as it is is not asked: half the time, the first figure equals the second, the KL is 0.
    """
    ready = plain(loaded)
    expect_seams(ready.model)
    graph, state = nnx.split(ready.model)
    found, count = [], len(texts.tokens)
    for start in range(0, count, batch):
        rows = np.minimum(np.arange(start, start + batch), count - 1)
        own = rows_over(loaded.mesh, *texts.rows(rows.tolist()).arrays())
        there = rows_over(loaded.mesh, region[rows])
        found.append(_changed(graph, compare, state, own, (*there, *change.arrays())))
    was, now, kl = (np.concatenate([np.asarray(each[part]) for each in found])[:count] for part in range(3))
    return was, now, kl
