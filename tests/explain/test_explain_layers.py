"""The step `layers`: bad settings are refused, a run writes its tables, depths to erase are chosen well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from duecare.core import Artifact, DataError, Example, Group, StudyError
from duecare.core.table import table
from duecare.explain import Layers, layers_table
from duecare.explain.lens import by_answer, estimates
from duecare.explain.twinned import Pair, Side


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"axes": ()}, r"axes = \(\)"),
        ({"axes": ("height",)}, "one or more of gender"),
        ({"groups": ("men",)}, "groups of these axes that are not the first: nonbinary, women"),
        ({"axes": ("gender", "religion"), "groups": ("women",)}, "a group of every axis"),
        ({"declared": ("age", "age")}, "group columns, each once"),
        ({"rows": 19}, "rows = 19"),
        ({"manner": "polite"}, "one of respectful, dismissive"),
        ({"issues": 19}, "issues = 19"),
        ({"issues": 41}, "issues = 41"),
        ({"patched": 3}, "patched = 3"),
        ({"patched": 31}, "at most as many as issues"),
        ({"every": 0}, "every = 0"),
        ({"heads": -1}, "heads = -1"),
        ({"sites": 0}, "sites = 0"),
        ({"at": "first"}, "one of last, mean"),
        ({"neutral": 1}, "neutral = 1"),
        ({"seed": -1}, "seed = -1"),
        ({"mesh": (0, 1)}, "mesh"),
    ],
)
def test_bad_settings_are_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        Layers(**changes)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(StudyError) as caught:
        Layers(issues=1, every=0, at="first")  # type: ignore[arg-type]
    assert all(name in str(caught.value) for name in ("issues", "every", "at"))


def fetched(folder: Path) -> Artifact:
    """The base model: a reference to it."""
    from duecare.ledger.digest import file_digest
    from duecare.model.fetch import Fetch
    from duecare.model.tiny import write_tiny

    model = write_tiny(folder / "base-model", seed=0)
    out = folder / "base"
    out.mkdir()
    Fetch(name=str(model)).run({}, out, lambda _: None)
    return Artifact("base", out, file_digest(out / "reference.json"))


def trained(folder: Path, name: str, seed: int) -> Artifact:
    """What a training step leaves: the model itself, in a folder of the artifact."""
    from duecare.model.tiny import write_tiny

    write_tiny(folder / name / "model", seed=seed)
    return Artifact(name, folder / name, f"{seed}" * 64)


@pytest.mark.jax
def test_a_run_writes_tables_figures_and_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    inputs = {
        "base": fetched(tmp_path),
        "stage:sft": trained(tmp_path, "sft", 1),
        "tuned": trained(tmp_path, "dpo", 2),
    }
    rows = [
        Example(
            row=f"chats:{number}",
            key=f"{number:064x}",
            source="chats",
            kind="text",
            text=f"{'old' if number % 2 else 'new'} {number * 7919}",
            groups=(Group(axis="age", value="older" if number % 2 else "young"),),
        )
        for number in range(24)
    ]
    (tmp_path / "split").mkdir()
    pq.write_table(table(rows), tmp_path / "split" / "held_out.parquet")
    inputs["data:chats"] = Artifact("split:chats", tmp_path / "split", "sha256:0")
    out, told = tmp_path / "out", list[Any]()
    out.mkdir()
    step = Layers(
        groups=("women",), declared=("age",), rows=24, issues=20, patched=4, heads=1, sites=1, neutral=2
    )
    outcome = step.run(inputs, out, told.append)
    layers, patching = (pq.read_table(out / outcome.files[name]) for name in ("layers", "patching"))
    assert layers.schema.equals(layers_table.LAYERS)
    assert patching.schema.equals(layers_table.PATCHING)
    assert set(layers["model"].to_pylist()) == {"base", "sft", "tuned"}
    assert set(layers["layer"].to_pylist()) == {0, 1, 2}
    assert set(layers["axis"].to_pylist()) == {"gender", "age, as rows declare it"}
    assert set(patching["model"].to_pylist()) == {"base", "tuned"}
    cells = {(row["part"], row["layer"], row["position"]) for row in patching.to_pylist()}
    assert len(cells) == 3 * 5 + 2 * 2
    metrics = {each.metric for each in outcome.estimates}
    assert {
        "explain.lens.logprob",
        "explain.lens.gap",
        "explain.probe.accuracy",
        "explain.probe.selectivity",
        "explain.probe.change",
        "explain.patching.share",
        "explain.erase.removed",
        "explain.erase.kl",
    } <= metrics
    changes = [each for each in outcome.estimates if each.metric == "explain.probe.change"]
    assert {each.slice["model"] for each in changes} == {"sft", "tuned"}
    assert {each.name for each in outcome.findings} >= {"explain.probe.causal"}
    for each in outcome.findings:
        assert ("not validated" in each.detail) == (each.verdict != "pass")
        assert each in told


def test_a_run_without_a_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an input named base"):
        Layers().run({}, tmp_path, lambda _: None)
    base = {"base": Artifact("base", tmp_path, "sha256:0")}
    with pytest.raises(DataError, match="expected a split of the data"):
        Layers(declared=("age",)).run(base, tmp_path, lambda _: None)


def test_the_lens_is_told_by_depth_and_of_pairs() -> None:
    logps = np.array([[[-4.0, -2.0], [-3.0, 0.0]], [[-1.0, -1.0], [-2.0, 0.0]]])  # [2 depths, 2 answers, 2]
    ranks = np.array([[[5, 1], [9, 1]], [[1, 1], [1, 1]]])
    counted = np.array([[True, True], [True, False]])
    first, second = by_answer(logps, ranks, counted)
    assert first.logprob.tolist() == [-3.0, -1.0]
    assert first.first.tolist() == [0.5, 1.0]
    assert second.logprob.tolist() == [-3.0, -2.0]
    assert second.middle.tolist() == [9.0, 1.0]
    told = list(estimates([first, second], [second, first], ["a", "b"], {"model": "base"}, [0, 7]))
    assert [each.slice["layer"] for each in told] == ["0"] * 3 + ["7"] * 3
    gap = [each for each in told if each.metric == "explain.lens.gap"]
    assert gap[1].value == 0.0


def test_a_reference_groups_prompt_is_read_once_though_it_stands_in_several_pairs() -> None:
    from duecare.explain.engine_layers_run import _texts

    side = Side((1, 2), 1, np.array([0, 4], dtype=np.int32))
    source = np.array([0, 1], dtype=np.int32)
    pairs = [
        Pair(
            f"gender/issue-0/0/respectful/{group}",
            "gender/issue-0",
            "gender",
            group,
            "men",
            side,
            side,
            source,
        )
        for group in ("women", "nonbinary")
    ]
    sides, names, clusters = _texts(pairs)
    assert names == ["men", "women", "nonbinary"]
    assert len(sides) == 3
    assert set(clusters) == {"gender/issue-0"}
