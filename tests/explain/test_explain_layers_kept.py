"""What was found of a model comes back as it was, or not at all. Needs no JAX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from duecare.core import Artifact, Estimate, Finding
from duecare.explain import Layers, probes
from duecare.explain.layers_kept import Found, again, keep, mark


def found() -> Found:
    rng = np.random.default_rng(0)
    group = np.arange(40) % 2
    vectors = {0: rng.standard_normal((40, 4)), 3: rng.standard_normal((40, 4)) + 3 * group[:, None]}
    clusters = [f"issue-{number}" for number in range(40)]
    known = probes.by_depth(vectors, group, clusters, 0)
    few = probes.by_depth({0: vectors[0][:6]}, group[:6], clusters[:6], 0)  # too few: says why
    assert few[0].reading.hits is None
    about = {"model": "base", "axis": "gender"}
    estimates = list(probes.estimates([*known, *few], about))
    ruling = Finding(name="explain.probe.causal", verdict="pass", limit="more", detail="It was tested.")
    row = {"metric": "explain.probe.accuracy", **about, "group": None, "against": None, "layer": 3}
    row |= {"value": 1 / 3, "low": 0.1, "high": 0.7, "n": 40, "reason": None, "found": None, "step": 20}
    return Found(estimates, [ruling], [row], [], {"gender": known, "age": few})


def test_it_comes_back_bit_by_bit(tmp_path: Path) -> None:
    first = found()
    keep(first, tmp_path / "sft@20", "mine")
    back = again(tmp_path / "sft@20", "mine")
    assert back is not None
    assert (back.estimates, back.findings, back.layers) == (first.estimates, first.findings, first.layers)
    assert back.patching == []
    for axis, known in first.known.items():
        for one, other in zip(known, back.known[axis], strict=True):
            assert (one.depth, one.selectivity, one.holm) == (other.depth, other.selectivity, other.holm)
            assert one.found == other.found
    compared = [
        list(probes.changes(back.known["gender"], each.known["gender"], {"model": "x"}, "base"))
        for each in (first, back)
    ]
    assert compared[0] == compared[1]
    assert all(isinstance(each, Estimate) for each in compared[0])


@pytest.mark.parametrize("name", ["told.json", "estimates.json", "layers.parquet", "findings.json"])
def test_what_is_torn_is_not_taken_and_is_written_anew(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "base"
    keep(found(), folder, "mine")
    file = folder / name
    file.write_bytes(file.read_bytes()[:-3])
    assert again(folder, "mine") is None
    file.unlink()
    assert again(folder, "mine") is None
    (tmp_path / "base.part").mkdir()  # of a call that was killed while it wrote
    (tmp_path / "base.part" / "told.json").write_text("{")
    keep(found(), folder, "mine")
    assert again(folder, "mine") is not None
    assert not (tmp_path / "base.part").exists()


def test_work_of_other_settings_or_inputs_is_another(tmp_path: Path) -> None:
    inputs = {"base": Artifact("base", tmp_path, "a")}
    first = mark(Layers(), inputs)
    assert first == mark(Layers(mesh=(2, 1)), inputs)  # changes the speed only
    assert first != mark(Layers(snapshots=True), inputs)
    assert first != mark(Layers(), {"base": Artifact("base", tmp_path, "b")})
    keep(found(), tmp_path / "base", first)
    assert again(tmp_path / "base", mark(Layers(seed=1), inputs)) is None
