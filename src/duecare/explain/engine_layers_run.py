"""The work of the step `layers`: every model in turn, then tables, figures and verdicts. Imports JAX."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import numpy as np
from jax.sharding import Mesh

from duecare.core import Artifacts, DataError, Estimate, Note, Outcome, Progress, Tell
from duecare.core.wire import encode
from duecare.explain import causal, layers_table, probes
from duecare.explain import lens as lenses
from duecare.explain.declared import declared
from duecare.explain.engine_causal import erased, sites_tested
from duecare.explain.engine_course import Standing, course
from duecare.explain.engine_layers import chunked, depth_of, effects, guessed_heads, of_sides, vectors_at
from duecare.explain.layers_kept import Found, again, keep, mark
from duecare.explain.patching import Effects, depths, estimates, grid, halves, mapped, strongest
from duecare.explain.twinned import Pair, Side, neutral_of, pairs_of
from duecare.model.activation import lens
from duecare.model.load import Loaded
from duecare.model.mesh import make_mesh

if TYPE_CHECKING:
    from duecare.explain.layers import Layers

DATA = "data:"


def of_rows(axis: str) -> str:
    """What a declared axis is called beside that of twins, which may have its name."""
    return f"{axis}, as rows declare it"


def run(step: Layers, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """See `Layers.run`."""
    if "base" not in inputs:
        raise DataError("layers: expected an input named base")
    splits = {name: each.path for name, each in inputs.items() if name.startswith(DATA)}
    if step.declared and not splits:
        raise DataError("layers.declared: expected a split of the data, whose held-out rows declare it")
    mesh, mine = None if step.mesh is None else make_mesh(*step.mesh), mark(step, inputs)
    models = course(inputs, snapshots=step.snapshots)
    if step.snapshots and not any(each.step for each in models):
        text = "no training step left a snapshot: only models at the end of a step are read"
        tell(Note(topic="explain.layers.snapshots", text=text))
    parts: dict[str, Found] = {}
    for model in models:
        folder = out / ".resume" / quote(model.name, safe="@:")
        found = again(folder, mine)
        if found is None:
            found = _read(step, model, mesh, splits, tell)
            keep(found, folder, mine)
        parts[model.name] = found
    found = Found.together(parts.values())
    found.estimates += _changes(models, parts)
    for finding in found.findings:
        tell(finding)
    (out / "estimates.json").write_bytes(encode(found.estimates))
    return Outcome(
        files=found.write(out) | {"estimates": "estimates.json"},
        estimates=tuple(found.estimates),
        findings=tuple(found.findings),
    )


def _read(step: Layers, model: Standing, mesh: Mesh | None, splits: Mapping[str, Path], tell: Tell) -> Found:
    """What is found of one model; its memory is free again afterwards."""
    found = Found()
    work = _Work(step, model.open(mesh), model, tell, found)
    for axis in step.axes:
        found.known[axis] = work.explained(axis)
    for axis in step.declared:
        found.known[of_rows(axis)] = work.declared(axis, splits)
    del work
    gc.collect()
    return found


def _changes(models: Sequence[Standing], parts: Mapping[str, Found]) -> Iterator[Estimate]:
    """By how much each later model's layers are read better than the base's, in the order of training."""
    for model in models[1:]:
        for axis, known in parts[model.name].known.items():
            about = {"model": model.name, "axis": axis}
            for each in probes.changes(known, parts["base"].known[axis], about, "base"):
                yield at_step(each, model)


def at_step(estimate: Estimate, model: Standing) -> Estimate:
    """An Estimate of a state on the way says after which training step."""
    return estimate if model.step is None else msgspec.structs.replace(estimate, step=model.step)


@dataclass(frozen=True, slots=True)
class _Work:
    """One model at work."""

    step: Layers
    loaded: Loaded
    model: Standing
    tell: Tell
    found: Found

    def explained(self, axis: str) -> list[probes.Known]:
        """All of one axis; of a model between base and last one what its layers know, not where it acts."""
        step = self.step
        pairs = pairs_of(self.loaded.tokenizer, [axis], step.issues, step.groups, (step.manner,))
        about = {"model": self.model.name, "axis": axis}
        chosen = [0, *depths(depth_of(self.loaded), step.every)]
        self._lens(pairs, about, chosen)
        known = self._probes(pairs, about, chosen)
        if self.model.whole:
            self._erasure(pairs, known, about)
            for group in dict.fromkeys(pair.group for pair in pairs) if step.patched else ():
                mine = [pair for pair in pairs if pair.group == group][: step.patched]
                self._map(mine, {**about, "group": group, "against": mine[0].against})
        return known

    def _progress(self, what: str) -> Any:
        done = 0

        def tick(count: int) -> None:
            nonlocal done
            done += count
            self.tell(Progress(done, None, "texts", f"{self.model.name}: {what}"))

        return tick

    def _lens(self, pairs: Sequence[Pair], about: dict[str, str], chosen: Sequence[int]) -> None:
        tick, seen = self._progress("logit lens"), list[lenses.Lens]()
        texts = of_sides(self.loaded, [side for pair in pairs for side in (pair.mine, pair.other)])
        for batch, count in chunked(texts):
            logps, ranks = lens(self.loaded, batch, chosen)
            seen += lenses.by_answer(logps, ranks, batch.counted)[:count]
            tick(count)
        for group in dict.fromkeys(pair.group for pair in pairs):
            mine = [place for place, pair in enumerate(pairs) if pair.group == group]
            where = {**about, "group": group, "against": pairs[mine[0]].against}
            told = list(
                lenses.estimates(
                    [seen[2 * place] for place in mine],
                    [seen[2 * place + 1] for place in mine],
                    [pairs[place].cluster for place in mine],
                    where,
                    chosen,
                )
            )
            self._keep(told, {})

    def _probes(
        self, pairs: Sequence[Pair], about: dict[str, str], chosen: Sequence[int]
    ) -> list[probes.Known]:
        sides, names, clusters = _texts(pairs)
        return self._known(sides, names, clusters, about, chosen)

    def declared(self, axis: str, folders: Mapping[str, Path]) -> list[probes.Known]:
        """What the layers know of a group that held-out rows of the study declare."""
        step = self.step
        rows = declared(self.loaded.tokenizer, folders, axis, step.rows, step.seed)
        chosen = [0, *depths(depth_of(self.loaded), step.every)]
        about = {"model": self.model.name, "axis": of_rows(axis)}
        columns = [each.side for each in rows], [each.group for each in rows], [each.cluster for each in rows]
        return self._known(*columns, about, chosen)

    def _known(
        self,
        sides: Sequence[Side],
        names: Sequence[str],
        clusters: Sequence[str],
        about: dict[str, str],
        chosen: Sequence[int],
    ) -> list[probes.Known]:
        order, tick = sorted(set(names)), self._progress("what layers know")
        vectors = vectors_at(self.loaded, sides, chosen, self.step.at, tick)
        group = np.array([order.index(name) for name in names], dtype=np.int64)
        known = probes.by_depth(vectors, group, clusters, self.step.seed)
        self._keep(list(probes.estimates(known, about)), {each.depth: each.found for each in known})
        first = probes.first_known(known)
        said = "cannot be read for certain at any layer"
        if first is not None:
            said = f"can be read from layer {first} on"
        text = f"{about['axis']}: the group {said} ({self.step.at} position)"
        self.tell(Note(topic="explain.layers", text=text, data=about))
        return known

    def _erasure(self, pairs: Sequence[Pair], known: Sequence[probes.Known], about: dict[str, str]) -> None:
        """The group erased where it is first known and where it is read best."""
        tick, neutral = self._progress("erasing"), neutral_of(self.loaded.tokenizer, self.step.neutral)
        at = erasure_depths(known, self.step.sites)
        seen = [
            erased(self.loaded, pairs, [side for side, _ in neutral], depth, self.step.seed, tick=tick)
            for depth in at
        ]
        for each in seen:
            self.found.estimates += each.estimates(about)
        self.found.findings += causal.erasure_findings(seen, about)

    def _map(self, pairs: Sequence[Pair], about: dict[str, str]) -> None:
        step, tick = self.step, self._progress(f"patching, {about['group']}")
        seen = effects(self.loaded, pairs, grid(depth_of(self.loaded), step.every), tick=tick)
        told = mapped(seen)
        self.found.estimates += estimates(told, about)
        self.found.patching += layers_table.of_map(told, about)
        sites = sites_tested(self.loaded, pairs, seen, step.sites, step.seed, tick=tick)
        if step.heads:
            sites += self._heads(pairs)
        for site in sites:
            self.found.estimates += site.estimates(about)
        self.found.findings += causal.site_findings(sites, about)

    def _heads(self, pairs: Sequence[Pair]) -> list[causal.Site]:
        """Heads that look strongest to first order on one half, patched in truth on the other."""
        tick, first = self._progress("heads"), halves([pair.cluster for pair in pairs], self.step.seed)
        half = [pair for pair, here in zip(pairs, first, strict=True) if here]
        rest = [pair for pair, here in zip(pairs, first, strict=True) if not here]
        guess = guessed_heads(self.loaded, half, tick)
        cells = [guess.cells[number] for number in strongest(guess, self.step.heads)]
        if not cells:
            return []
        real = effects(self.loaded, rest, cells, tick=tick)
        lots = np.random.default_rng([self.step.seed, 0x4D])
        by_lot: list[Effects] = [
            effects(self.loaded, rest, cells, lots=lots, tick=tick) for _ in range(causal.DRAWS)
        ]
        return causal.sites(real, by_lot)

    def _keep(self, told: Sequence[Estimate], found: dict[int, bool]) -> None:
        told = [at_step(each, self.model) for each in told]
        self.found.estimates += told
        self.found.layers += layers_table.of_estimates(told, found)


def erasure_depths(known: Sequence[probes.Known], most: int) -> list[int]:
    """Where the group is erased: the lowest depth at which it is known, then those where it is read best.

    The embedded tokens are left out; where no depth knows the group, the one that comes closest is taken.
    """
    inner = [each for each in known if each.depth > 0]
    order = sorted(inner, key=lambda each: (-(each.selectivity.value or 0.0), each.depth))
    first = probes.first_known(inner)
    ranked = ([] if first is None else [first]) + [each.depth for each in order]
    chosen = list(dict.fromkeys(ranked))[: min(most, 2)]
    return sorted(chosen)


def _texts(pairs: Sequence[Pair]) -> tuple[list[Side], list[str], list[str]]:
    """Every prompt once, with its group and cluster: a reference group's stands in several pairs."""
    seen: dict[tuple[str, str], tuple[Side, str, str]] = {}
    for pair in pairs:
        issue = pair.pair.removesuffix(f"/{pair.group}")
        for group, side in ((pair.against, pair.other), (pair.group, pair.mine)):
            seen.setdefault((issue, group), (side, group, pair.cluster))
    return (
        [each for each, _, _ in seen.values()],
        [each for _, each, _ in seen.values()],
        [each for _, _, each in seen.values()],
    )
